"""What a caller may see and call (`access`)."""

from __future__ import annotations

from pydantic import Field

from fuseboard.settings.fields import CommaList, Strict


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
    anonymous_roles: CommaList = Field(default=[], description="roles of HTTP clients")
