"""The resources: the servers, one of them, and what was counted, as JSON."""

from __future__ import annotations

from typing import Any

from fuseboard import Context
from fuseboard_docker_mcp.orchestrator import Orchestrator
from fuseboard_docker_mcp.tools import get_server_info, list_installed_servers
from fuseboard_docker_mcp.tools.results import InstalledServers, ServerInfo

SERVERS = "docker-mcp://servers"
SERVER = "docker-mcp://servers/{name}"
METRICS = "docker-mcp://metrics"


async def servers(ctx: Context[Orchestrator]) -> InstalledServers:
    """The installed servers with their state."""
    return await list_installed_servers(ctx)


async def server(ctx: Context[Orchestrator], name: str) -> ServerInfo:
    """Everything that is known of one server."""
    return await get_server_info(ctx, name)


async def counted(ctx: Context[Orchestrator]) -> dict[str, Any]:
    """What was counted since the plugin started: gauges, counters, and times in seconds."""
    return ctx.state.metrics.snapshot()
