"""The tools that read operations, and the one that waits for one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fuseboard_cloudru.models import Operation, OperationPage
from fuseboard_cloudru.questions import checked_id
from fuseboard_cloudru.tools.arguments import (
    MOST_SECONDS,
    Ctx,
    OperationId,
    PageSize,
    PageToken,
    RegistryId,
    registry_id_of,
    registry_name_of,
)
from fuseboard_cloudru.tools.outcome import Outcome, followed


async def list_operations(
    ctx: Ctx,
    resource_id: Annotated[
        str | None, Field(description="Only of the registry with this UUID.", json_schema_extra={"format": "uuid"})
    ] = None,
    resource_name: Annotated[str | None, Field(description="Only of the registry with this name.")] = None,
    page_size: PageSize = None,
    page_token: PageToken = None,
) -> OperationPage:
    """List operations on the project's registries (create, update, delete), with done and error."""
    registry_id = registry_id_of(resource_id) if resource_id else None
    name = registry_name_of(resource_name) if resource_name else None
    return await ctx.state.api.list_operations(registry_id, name, page_size, page_token)


async def get_operation(ctx: Ctx, operation_id: OperationId) -> Operation:
    """Read one operation once: whether it is done, and its error. wait_for_operation follows it to its end."""
    return await ctx.state.api.get_operation(operation_id)


async def get_registry_operations(
    ctx: Ctx, registry_id: RegistryId, page_size: PageSize = None, page_token: PageToken = None
) -> OperationPage:
    """List the operations on one registry."""
    return await ctx.state.api.list_operations(registry_id_of(registry_id), None, page_size, page_token)


async def wait_for_operation(
    ctx: Ctx,
    operation_id: OperationId,
    timeout: Annotated[float, Field(gt=0, le=MOST_SECONDS, description="Seconds to follow it at most.")] = 120,
) -> Outcome:
    """Follow an operation until it is over and its registry ACTIVE, with progress. Fails with the operation's error;
    when the time is over first, done is false.
    """
    return await followed(ctx, checked_id("operation_id", operation_id), "unknown", timeout)
