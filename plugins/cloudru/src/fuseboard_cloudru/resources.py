"""The resources: the registries of the project, one of them, and an operation, as JSON."""

from __future__ import annotations

from fuseboard import Context
from fuseboard_cloudru.account import Account
from fuseboard_cloudru.models import Operation, Registry, RegistryPage
from fuseboard_cloudru.tools.arguments import registry_id_of

REGISTRIES = "cloudru://registries"
REGISTRY = "cloudru://registries/{id}"
# An operation's id may have slashes of its own, so it may span several parts of the path (RFC 6570, section 3.2.3).
OPERATION = "cloudru://operations/{+id}"


async def registries(ctx: Context[Account]) -> RegistryPage:
    """All registries of the project."""
    return await ctx.state.api.all_registries()


async def registry(ctx: Context[Account], id: str) -> Registry:
    """One registry, by its UUID."""
    return await ctx.state.api.get_registry(registry_id_of(id))


async def operation(ctx: Context[Account], id: str) -> Operation:
    """One operation, by its id."""
    return await ctx.state.api.get_operation(id)
