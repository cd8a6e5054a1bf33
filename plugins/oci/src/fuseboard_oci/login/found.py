"""Credentials as docker's files and helpers write them down, checked before anything else sees them."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

from pydantic import SecretStr

# What may stand in a header as it is; a line break in a token would be a header of its own.
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
# The user ends at the first colon of `user:password`, so that it cannot hold one itself (RFC 7617).
_USERNAME = re.compile(r"[^:\x00-\x1f\x7f]{1,1024}")
_MAX_PASSWORD = 64 * 2**10
_TOKEN_USER = "<token>"


@dataclass(frozen=True, slots=True)
class Found:
    """Credentials for a registry. Exactly one of the three secrets is set.

    Attributes:
        username: with `password` always; with a token only what stood beside it, None when nothing did.
        password: a password or an access token used as one.
        identity_token: a refresh token of OAuth2.
        registry_token: a bearer token, sent as it is.
    """

    username: str | None = None
    password: SecretStr | None = None
    identity_token: SecretStr | None = None
    registry_token: SecretStr | None = None


def from_pair(username: object, secret: object) -> Found | None:
    """A user and a secret, None when they are unusable.

    The user `<token>` is docker's way to say that the secret is an identity token.
    """
    if username == _TOKEN_USER:
        return Found(identity_token=SecretStr(secret)) if _is_token(secret) else None
    if not isinstance(username, str) or not isinstance(secret, str):
        return None
    if not _USERNAME.fullmatch(username) or not 0 < len(secret) <= _MAX_PASSWORD:
        return None
    if not _is_unicode(username) or not _is_unicode(secret):
        return None
    return Found(username, SecretStr(secret))


def from_entry(entry: Mapping[str, object]) -> Found | None:
    """What an entry of `auths` grants, None when it is unusable. A registry token wins, then an identity token."""
    username, secret = _pair(entry)
    user = username if isinstance(username, str) and _USERNAME.fullmatch(username) and _is_unicode(username) else None
    token = entry.get("registrytoken")
    if _is_token(token):
        return Found(user, registry_token=SecretStr(token))
    token = entry.get("identitytoken")
    if _is_token(token):
        return Found(user, identity_token=SecretStr(token))
    return from_pair(username, secret)


def is_empty(entry: Mapping[str, object]) -> bool:
    """Whether an entry of `auths` holds no secret at all, as docker leaves it when a helper has it."""
    return not any(entry.get(name) for name in ("auth", "password", "identitytoken", "registrytoken"))


def _pair(entry: Mapping[str, object]) -> tuple[object, object]:
    written = entry.get("auth")
    if not written:
        return entry.get("username"), entry.get("password")
    if not isinstance(written, str):
        return None, None
    try:
        username, _, password = base64.b64decode(written, validate=True).decode("utf-8").partition(":")
    except ValueError:
        return None, None
    return username, password


def _is_token(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def _is_unicode(text: str) -> bool:
    # JSON can carry half a surrogate pair, which no request could.
    return not any("\ud800" <= character <= "\udfff" for character in text)
