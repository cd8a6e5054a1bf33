"""Access tokens of an OAuth 2.1 authorisation server: JWT (RFC 9068), verified with its published keys."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import jwt

from fuseboard.auth.principal import Principal, Unproven
from fuseboard.settings.auth import AuthSettings

LARGEST_TOKEN = 16 * 1024
LONGEST_NAME = 255
TYPES = ("jwt", "at+jwt")
MOST_ROLES = 1000
LATEST = 2**40
"""Seconds since the epoch beyond which an expiry is as good as none; larger numbers break clocks."""


class Keys(Protocol):
    """Where the keys come from."""

    async def key(self, kid: str | None, algorithm: str) -> jwt.PyJWK:
        """See `KeySet.key`."""
        ...


class AccessTokens:
    """Judges access tokens.

    Args:
        settings: what is expected of them; issuer and resource are set.
        keys: the issuer's.
    """

    def __init__(self, settings: AuthSettings, keys: Keys) -> None:
        self._settings = settings
        self._keys = keys
        self._audiences = settings.audiences or [settings.resource or ""]
        self._jwt = jwt.PyJWT(options={"enforce_minimum_key_length": True})

    async def principal(self, token: str) -> Principal:
        """Whom a token stands for.

        Raises:
            Unproven: it is not accepted. KeysUnavailable: that cannot be found out now.
        """
        if len(token) > LARGEST_TOKEN:
            raise Unproven("it is too long")
        header = _header(token)
        key = await self._key(header)
        try:
            claims = self._jwt.decode(
                token,
                key=key,
                algorithms=[header["alg"]],
                audience=self._audiences,
                issuer=self._settings.issuer,
                leeway=self._settings.leeway,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.PyJWTError as error:
            raise Unproven(f"{type(error).__name__}: {_reason(error)}") from None
        return self._of(claims)

    async def _key(self, header: Mapping[str, Any]) -> Any:
        algorithm, secret = header.get("alg"), self._settings.development_secret
        if algorithm == "HS256" and secret is not None:
            return secret.get_secret_value()
        if algorithm not in self._settings.algorithms:
            raise Unproven("its algorithm is not among auth.algorithms")
        return await self._keys.key(header.get("kid"), str(algorithm))

    def _of(self, claims: Mapping[str, Any]) -> Principal:
        client = claims.get("client_id") or claims.get("azp")
        subject = claims.get("sub") or client
        if not isinstance(subject, str) or not subject.isprintable() or len(subject) > LONGEST_NAME:
            raise Unproven("it names nobody: it has no sub and no client_id that could be used")
        roles = [role for claim in self._settings.role_claims for role in _words(_claim(claims, claim))]
        scopes = [*_words(claims.get("scope")), *_words(claims.get("scp"))]
        return Principal(
            # The issuer stands beside it: a subject is unique within its issuer, and no static token's name.
            f"{subject} ({self._settings.issuer})",
            frozenset(roles[:MOST_ROLES]),
            tuple(scopes),
            client if isinstance(client, str) else subject,
            self._settings.issuer,
            min(int(claims["exp"]), LATEST) + math.ceil(self._settings.leeway),
        )


def _header(token: str) -> Mapping[str, Any]:
    try:
        header: Mapping[str, Any] = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise Unproven("it is no JWT and no known token") from None
    kind = header.get("typ")
    if kind is not None and str(kind).lower().removeprefix("application/") not in TYPES:
        raise Unproven("it is a JWT of another kind than an access token")
    if not isinstance(header.get("kid"), str | None):
        raise Unproven("its kid is no text")
    return header


def _reason(error: jwt.PyJWTError) -> str:
    """PyJWT's words, of which some quote the token's header."""
    known = (jwt.ExpiredSignatureError, jwt.InvalidAudienceError, jwt.InvalidIssuerError, jwt.ImmatureSignatureError)
    return str(error) if isinstance(error, (*known, jwt.MissingRequiredClaimError)) else "it is not valid"


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim; `a.b` is `b` inside `a`, unless a claim has this very name, as those of URLs do."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from value.split()
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))
