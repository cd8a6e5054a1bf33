"""The tools about registries themselves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fuseboard import Context
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.errors import InvalidInput
from fuseboard_oci.reading import catalogue
from fuseboard_oci.reading.catalogue import Repositories
from fuseboard_oci.reading.registry_state import RegistryState, registry_state
from fuseboard_oci.reference import is_repository, parse_image, parse_registry
from fuseboard_oci.text import clean
from fuseboard_oci.tools.arguments import deadline


async def ping() -> str:
    """Check that the OCI tools answer. Returns "pong" and asks no registry."""
    return "pong"


async def list_repositories(
    ctx: Context[RegistryClient],
    registry: Annotated[str, Field(description="Registry as host or host:port.")],
    prefix: Annotated[
        str | None, Field(max_length=255, description="Only names that begin with this, such as team/.")
    ] = None,
    limit: Annotated[int, Field(ge=1, le=1_000, description="Return at most this many names.")] = 50,
    cursor: Annotated[str | None, Field(description="next_cursor of the result before.")] = None,
) -> Repositories:
    """List the repositories of a registry. Docker Hub, GHCR and some others list none: then supported is false."""
    name = parse_registry(registry)
    if cursor and not is_repository(cursor):
        raise InvalidInput("INVALID_REPOSITORY", f"`cursor` is {clean(cursor, 80)!r}; give next_cursor as it came")
    client = ctx.state
    with deadline(client, f"the repositories of {name}"):
        return await catalogue.list_repositories(client.registry(name), prefix or "", limit, cursor or None)


async def check_registry(
    ctx: Context[RegistryClient],
    registry: Annotated[str, Field(description="Registry as host or host:port, such as ghcr.io.")],
    repository: Annotated[
        str | None, Field(description="A repository of it; shows also the referrers API and the pulls left.")
    ] = None,
) -> RegistryState:
    """Check whether a registry answers, how it wants a login, and whether the configured one is accepted."""
    name = parse_registry(registry)
    image = parse_image(repository, name) if repository else None
    client = ctx.state
    with deadline(client, name):
        return await registry_state(client.registry(name), image)
