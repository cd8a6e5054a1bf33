"""The tools that read registries."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from fuseboard_cloudru.models import Registry, RegistryPage
from fuseboard_cloudru.result import Maybe
from fuseboard_cloudru.tools.arguments import (
    Ctx,
    PageSize,
    PageToken,
    RegistryId,
    RegistryName,
    registry_id_of,
    registry_name_of,
)


class Found(BaseModel):
    """The registry with a name."""

    found: bool = Field(description="whether the project has it")
    registry: Maybe[Registry] = None


async def list_registries(
    ctx: Ctx,
    page_size: PageSize = None,
    page_token: PageToken = None,
    filter: Annotated[
        str | None, Field(max_length=1000, description="Expression in snake_case names, such as is_public=true.")
    ] = None,
    order_by: Annotated[str | None, Field(max_length=200, description="Such as created_at desc.")] = None,
    all_pages: Annotated[
        bool, Field(description="Read all pages at once, whatever page_size and page_token say.")
    ] = False,
) -> RegistryPage:
    """List the registries of the project: id, name, type, status, public or not, quarantine and retention."""
    api = ctx.state.api
    if all_pages:
        return await api.all_registries(filter=filter, order_by=order_by)
    return await api.list_registries(page_size, page_token, filter, order_by)


async def get_registry(ctx: Ctx, registry_id: RegistryId) -> Registry:
    """Read one registry by its id: type, status (CREATING, ACTIVE, ERROR), quarantine, retention, upstream."""
    return await ctx.state.api.get_registry(registry_id_of(registry_id))


async def find_registry(ctx: Ctx, name: RegistryName) -> Found:
    """Find the registry with this exact name, for tools that want its id."""
    registry = await ctx.state.api.find_registry(registry_name_of(name))
    return Found(found=registry is not None, registry=registry)
