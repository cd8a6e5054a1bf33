"""Whom a credential stands for."""

from __future__ import annotations

from dataclasses import dataclass

from fuseboard.errors import FuseboardError


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated client or user.

    Attributes:
        name: who it is, for logs and plugins.
        roles: what the access policy gives rights to.
        scopes: the scopes of an access token; those of a static token are its roles.
        client: the OAuth client, or the token's name.
        issuer: who vouches for the name; None for a static token.
        expires_at: when it is no longer accepted, in seconds since the epoch; None when it does not expire.
        digest: of a static token: by it the host finds out whether it is still accepted.
    """

    name: str
    roles: frozenset[str] = frozenset()
    scopes: tuple[str, ...] = ()
    client: str = ""
    issuer: str | None = None
    expires_at: int | None = None
    digest: bytes = b""


class Unproven(FuseboardError):
    """The token is not accepted; the text is for the operator's log and holds nothing of the token."""


class KeysUnavailable(FuseboardError):
    """The issuer's keys cannot be had now, so no token of it can be judged."""
