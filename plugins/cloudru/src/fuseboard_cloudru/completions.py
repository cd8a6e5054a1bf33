"""Completions for prompts and resources: ids and names of registries, ids of operations, that fit what was typed.

Nothing is ever wrong here: a service that cannot be asked completes to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import anyio

from fuseboard import Context
from fuseboard_cloudru.account import Account
from fuseboard_cloudru.errors import CloudruError
from fuseboard_cloudru.models import Operation, Registry

# People type on; a late completion is of no use.
_PATIENCE = 3.0


async def registry_ids(ctx: Context[Account], value: str, given: Mapping[str, str]) -> list[str]:
    """The ids that begin with what was typed, and those of the registries whose names do."""
    typed = value.lower()
    return [one.id for one in await _registries(ctx) if one.id.startswith(typed) or one.name.startswith(typed)]


async def registry_names(ctx: Context[Account], value: str, given: Mapping[str, str]) -> list[str]:
    """The names that begin with what was typed."""
    return [one.name for one in await _registries(ctx) if one.name.startswith(value.lower())]


async def operation_ids(ctx: Context[Account], value: str, given: Mapping[str, str]) -> list[str]:
    """The ids of operations that begin with what was typed."""
    return [one.id for one in await _operations(ctx) if one.id is not None and one.id.startswith(value)]


async def _registries(ctx: Context[Account]) -> list[Registry]:
    try:
        with anyio.move_on_after(_PATIENCE):
            return (await ctx.state.api.list_registries()).registries
    except CloudruError:
        pass
    return []


async def _operations(ctx: Context[Account]) -> list[Operation]:
    try:
        with anyio.move_on_after(_PATIENCE):
            return (await ctx.state.api.list_operations()).operations
    except CloudruError:
        pass
    return []
