"""Completions: the names of servers that begin with what was typed. Nothing is ever wrong here."""

from __future__ import annotations

from collections.abc import Mapping

import anyio

from fuseboard import Context
from fuseboard_docker_mcp.errors import DockerMcpError
from fuseboard_docker_mcp.orchestrator import Orchestrator

# People type on; a late completion is of no use.
PATIENCE = 3.0


async def server_names(ctx: Context[Orchestrator], value: str, given: Mapping[str, str]) -> list[str]:
    """The installed servers whose names begin with what was typed, in any case of letters."""
    typed = value.casefold()
    try:
        with anyio.move_on_after(PATIENCE):
            servers = await ctx.state.catalogue.installed()
            return sorted(server.name for server in servers if server.name.casefold().startswith(typed))
    except DockerMcpError:
        pass
    return []
