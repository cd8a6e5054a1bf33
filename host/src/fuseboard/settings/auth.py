"""Who is let in over HTTP (`auth`), and what each of them may see and call (`access`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from fuseboard.settings.fields import CommaList, Strict, comma_list
from fuseboard.settings.token_line import parsed

SHORTEST_SECRET = 32
ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


def _token_line(line: SecretStr) -> SecretStr:
    parsed(line.get_secret_value())
    return line


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().encode()) < SHORTEST_SECRET:
        raise ValueError(f"must have at least {SHORTEST_SECRET} bytes")
    return secret


def trusted_url(url: str) -> str:
    """The URL, if what comes from there can be trusted.

    Raises:
        ValueError: it can be tampered with on its way.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and parts.hostname and is_loopback(parts.hostname):
        return url
    raise ValueError("must begin with https:// (http:// is for loopback only)")


def _asymmetric(names: list[str]) -> list[str]:
    if wrong := [name for name in names if name not in ASYMMETRIC]:
        raise ValueError(f"may hold {', '.join(ASYMMETRIC)}, not {wrong[0][:20]}")
    return names


def is_loopback(address: str) -> bool:
    """Whether nobody outside this machine can reach an address."""
    import ipaddress  # here, because start-up time is felt by every user and stdio asks nothing of the kind

    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address == "localhost"


TokenLines = Annotated[
    list[Annotated[SecretStr, AfterValidator(_token_line)]],
    BeforeValidator(comma_list, json_schema_input_type=list[str] | str),
]
Url = Annotated[str, AfterValidator(trusted_url)]


class AuthSettings(Strict):
    """Who is let in over HTTP. With a token, a token file or an issuer, everybody has to present a bearer token."""

    tokens_file: Path | None = Field(
        default=None, description="file of static tokens, a line each, hashed: see `fuseboard token new`"
    )
    tokens: TokenLines = Field(default=[], description="such lines themselves")
    issuer: Url | None = Field(
        default=None, description="URL of the authorisation server whose access tokens (JWT) are accepted"
    )
    resource: Url | None = Field(
        default=None, description="URL of this server as its clients know it, which access tokens must be meant for"
    )
    audiences: CommaList = Field(default=[], description="what `aud` may be instead of `auth.resource`")
    jwks_uri: Url | None = Field(
        default=None, description="where the issuer publishes its keys; its metadata says so if absent"
    )
    algorithms: Annotated[CommaList, AfterValidator(_asymmetric)] = Field(
        default=["RS256", "ES256"], min_length=1, description="how access tokens may be signed; asymmetric ones only"
    )
    required_scopes: CommaList = Field(
        default=[], description="scopes that every access token must have; else 403 insufficient_scope"
    )
    role_claims: CommaList = Field(
        default=["scope", "scp", "roles"],
        description="claims whose words become the roles of `access.roles`; `a.b` is `b` inside `a`",
    )
    leeway: float = Field(default=30.0, ge=0, le=300, description="seconds by which the issuer's clock may differ")
    keys_refresh: float = Field(default=30.0, gt=0, description="seconds between two looks for an unknown key")
    keys_max_age: float = Field(default=3600.0, gt=0, description="seconds after which the keys are fetched again")
    keys_outage: float = Field(
        default=86400.0, ge=0, description="seconds for which old keys serve while they cannot be fetched"
    )
    development_secret: Annotated[SecretStr, AfterValidator(_long_enough)] | None = Field(
        default=None, description="for development on loopback only: accepts HS256 tokens with this secret, 32 bytes"
    )

    @model_validator(mode="after")
    def _complete(self) -> AuthSettings:
        if (self.issuer is None) is not (self.resource is None):
            raise ValueError("issuer and resource belong together: set both or neither")
        if self.development_secret is not None and self.issuer is None:
            raise ValueError("development_secret needs issuer and resource, which its tokens name as iss and aud")
        return self

    @property
    def enabled(self) -> bool:
        """Whether HTTP clients have to authenticate."""
        return bool(self.tokens) or self.tokens_file is not None or self.issuer is not None


class RoleSettings(Strict):
    """What a role gives: a static token's role, or a word of an access token's claims (`auth.role_claims`).

    A caller may do what any of its roles allows, less what any of them denies. Without a role: nothing.
    """

    allow: CommaList = Field(
        default=[], description="patterns (`oci_*`) of names of tools and prompts, and of URIs of resources"
    )
    deny: CommaList = Field(default=[], description="patterns that are refused, also if another role allows them")
    read_only: bool = Field(default=False, description="true: only tools that are marked read-only")
    destructive: bool = Field(
        default=True, description="false: only tools that are marked read-only or not destructive"
    )


class AccessSettings(Strict):
    """Which tools, prompts and resources may be seen and called, on every surface.

    Patterns match public names, and URIs of resources. For a template `allow` is matched with the template itself,
    `deny` also with the URI that is read.
    """

    allow: CommaList = Field(default=["*"], description="patterns (`oci_*`) of which a name must match one")
    deny: CommaList = Field(default=[], description="patterns of which a name must match none")
    read_only: bool = Field(default=False, description="true: only tools that are marked read-only")
    destructive: bool = Field(
        default=True, description="false: only tools that are marked read-only or not destructive"
    )
    roles: dict[str, RoleSettings] = Field(
        default={}, description="what each role gives; without roles all callers have the same rights"
    )
    local_roles: CommaList | None = Field(
        default=None, description="roles of whoever uses stdio or the command line; all rights if absent"
    )
    anonymous_roles: CommaList = Field(default=[], description="roles of HTTP clients where nobody has to authenticate")


def unsafe_binding(host: str, auth: AuthSettings, *, allowed: bool) -> str | None:
    """Why an address may not be listened on, in two lines; None if it may."""
    if is_loopback(host):
        return None
    if auth.development_secret is not None:
        return (
            f"http.host is {host}, which others can reach, and auth.development_secret is for loopback only;\n"
            "remove it and let auth.issuer sign the tokens, or listen on 127.0.0.1"
        )
    if auth.enabled or allowed:
        return None
    return (
        f"http.host is {host}, which others can reach, and nobody would have to authenticate: set auth.tokens_file "
        "(`fuseboard token new NAME --file FILE`) or auth.issuer;\n"
        "if that is what you want, say so: --insecure-no-auth, or FUSEBOARD_HTTP__ALLOW_UNAUTHENTICATED=true"
    )
