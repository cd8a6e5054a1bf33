"""The servers of Docker's MCP Toolkit, and any other MCP server, behind one host: start, configure and use them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from fuseboard import Board, hookimpl

if TYPE_CHECKING:
    from fuseboard import HealthRegistrar, PromptRegistrar, ResourceRegistrar, ToolRegistrar
    from fuseboard_docker_mcp.config import DockerMcpSettings
    from fuseboard_docker_mcp.orchestrator import Orchestrator

# The rooms are imported in the hooks: who only asks for the settings should not pay for the client of MCP.


@hookimpl
def settings() -> type[DockerMcpSettings]:
    """The settings class."""
    from fuseboard_docker_mcp.config import DockerMcpSettings

    return DockerMcpSettings


@hookimpl
def register_tools(register: ToolRegistrar, settings: DockerMcpSettings) -> None:
    """The fourteen tools."""
    from fuseboard_docker_mcp import tools

    own = settings.docker_mcp
    proxy = settings.proxy
    # A start reads what is installed, may pull an image, and waits for the server.
    start = 2 * own.command_timeout + proxy.connection_timeout + (own.pull_timeout if own.pull else 0) + 10
    reads = partial(register, read_only=True, idempotent=True, open_world=False, timeout=2 * own.command_timeout + 5)
    writes = partial(register, read_only=False, idempotent=True, open_world=False, timeout=start)
    reads(tools.list_installed_servers, title="List installed servers")
    reads(tools.list_catalog_servers, title="List the catalogues' servers")
    writes(tools.start_servers, title="Start servers", destructive=False, open_world=True)
    writes(tools.stop_servers, title="Stop servers", destructive=True)
    reads(tools.get_active_servers, title="List started servers")
    reads(tools.get_server_tools, title="Read a server's tools")
    reads(tools.get_server_info, title="Read about a server")
    writes(tools.config_set, title="Configure a server", destructive=True)
    reads(tools.config_get, title="Read a server's configuration")
    writes(tools.secret_set, title="Store a secret", destructive=True)
    reads(tools.secret_list, title="List secrets")
    writes(tools.secret_remove, title="Remove a secret", destructive=True)
    # What a foreign tool does is not known here.
    register(
        tools.call_tool,
        title="Call a tool of a started server",
        read_only=False,
        destructive=True,
        idempotent=False,
        open_world=True,
        timeout=proxy.call_timeout + 2,
    )
    reads(tools.list_active_tools, title="List callable tools")


@hookimpl
def register_prompts(register: PromptRegistrar) -> None:
    """The rules for working with servers; the servers' own prompts come and go with them."""
    from fuseboard_docker_mcp import prompts

    register(prompts.ai_rules, title="Rules for working with servers")


@hookimpl
def register_resources(register: ResourceRegistrar) -> None:
    """All servers, one of them, and the metrics."""
    from fuseboard_docker_mcp import completions, resources

    json = partial(register, mime_type="application/json")
    json(resources.SERVERS, resources.servers, name="servers", title="Servers")
    json(resources.SERVER, resources.server, name="server", title="Server", complete={"name": completions.server_names})
    json(resources.METRICS, resources.counted, name="metrics", title="Metrics")


@hookimpl
def register_health_checks(register: HealthRegistrar) -> None:
    """Docker, and the started servers. Neither makes the plugin ill: the tools answer with the reason."""
    from fuseboard_docker_mcp import health

    register(health.docker, critical=False)
    register(health.servers, critical=False)


@hookimpl
def instructions(settings: DockerMcpSettings) -> str:
    """What a model should know about this plugin."""
    from fuseboard_docker_mcp.prompts import instructions_for

    return instructions_for(settings)


@hookimpl
@asynccontextmanager
async def lifespan(board: Board, settings: DockerMcpSettings) -> AsyncIterator[Orchestrator]:
    """The sessions with started servers, for the plugin's life."""
    from fuseboard_docker_mcp.orchestrator import running

    async with running(settings, board) as state:
        yield state
