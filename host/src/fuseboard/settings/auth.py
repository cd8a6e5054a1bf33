"""Who is let in over HTTP (`auth`), and what each of them may see and call (`access`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from fuseboard.auth.token_line import parsed
from fuseboard.settings.fields import CommaList, Strict, comma_list


def _token_line(line: SecretStr) -> SecretStr:
    parsed(line.get_secret_value())
    return line


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


class AuthSettings(Strict):
    """Who is let in over HTTP. With a token or a token file, everybody has to present a bearer token."""

    tokens_file: Path | None = Field(
        default=None, description="file of static tokens, a line each, hashed: see `fuseboard token new`"
    )
    tokens: TokenLines = Field(default=[], description="such lines themselves")

    @property
    def enabled(self) -> bool:
        """Whether HTTP clients have to authenticate."""
        return bool(self.tokens) or self.tokens_file is not None


class RoleSettings(Strict):
    """What a role gives.

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
    if auth.enabled or allowed:
        return None
    return (
        f"http.host is {host}, which others can reach, and nobody would have to authenticate: set auth.tokens_file "
        "(`fuseboard token new NAME --file FILE`);\n"
        "if that is what you want, say so: --insecure-no-auth, or FUSEBOARD_HTTP__ALLOW_UNAUTHENTICATED=true"
    )
