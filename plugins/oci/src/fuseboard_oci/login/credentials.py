"""Whose credentials go to a registry: those of the call, the settings, another plugin or docker's files, in this order.

What another plugin shares comes in through `fuseboard_oci.credentials`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr

from fuseboard_oci.config import RegistrySettings
from fuseboard_oci.errors import LoginFailed
from fuseboard_oci.login.found import Found

Origin = Literal["given", "configured", "shared"]


@dataclass(frozen=True, slots=True)
class Login:
    """Credentials for one registry, of one of three kinds.

    Attributes:
        username: with `password`; empty for the other kinds.
        password: a password or an access token used as one.
        identity_token: a refresh token of OAuth2, exchanged at the realm.
        registry_token: a bearer token, sent as it is.
        origin: "given" with a call (never cached, forgotten after it), "configured" by the operator, or "shared" by
            another plugin.
        realm_hosts: further hosts that may receive it to make a token, besides those that the settings name.
    """

    username: str = ""
    password: SecretStr | None = None
    identity_token: SecretStr | None = None
    registry_token: SecretStr | None = None
    origin: Origin = "configured"
    realm_hosts: frozenset[str] = frozenset()

    @property
    def user(self) -> str:
        """Tells logins of one registry apart in a cache; no secret."""
        return self.username or "<token>"

    def basic(self) -> str | None:
        """The value of an `Authorization` header, None when there is no password."""
        if self.password is None:
            return None
        pair = f"{self.username}:{self.password.get_secret_value()}".encode()
        return f"Basic {base64.b64encode(pair).decode('ascii')}"


def given_login(username: str | None, password: SecretStr | None, *, allowed: bool) -> Login | None:
    """The login that came as arguments of a call, None when none came.

    Raises:
        LoginFailed: only one of the two, half a character in them, or the operator does not allow them.
    """
    # Clients send "" for an optional argument that they leave out.
    secret = password if password and password.get_secret_value() else None
    if not username and secret is None:
        return None
    if not allowed:
        raise LoginFailed("DENIED", "the operator does not allow credentials as arguments; leave them out")
    if not username or secret is None:
        raise LoginFailed("UNAUTHORIZED", "username and password come together; one of them is missing")
    login = Login(username, secret, origin="given")
    try:
        login.basic()
    except UnicodeEncodeError:
        raise LoginFailed("UNAUTHORIZED", "username or password is no proper text and cannot be sent") from None
    return login


def configured_login(known: RegistrySettings) -> Login | None:
    """The login that the operator's settings hold for a registry."""
    if known.identity_token is not None:
        return Login(identity_token=known.identity_token)
    if known.username is None or known.password is None:
        return None
    if known.username == "<token>":  # how docker writes down that the password is an identity token
        return Login(identity_token=known.password)
    return Login(known.username, known.password)


def docker_login(found: Found | None) -> Login | None:
    """The login that docker's files or helpers hold for a registry."""
    if found is None:
        return None
    return Login(found.username or "", found.password, found.identity_token, found.registry_token)
