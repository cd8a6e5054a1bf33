"""Every hook that a plugin can implement, in the order in which the host calls them.

Hooks are synchronous and do no I/O. What needs `await` is returned (a context manager, an async function) and awaited
by the host. An implementation takes only the arguments that it wants, by name, and gives none of them a default.
`docs/hooks.md` shows an example of each.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click
    from mcp.server import MCPServer, Server
    from pydantic_settings import BaseSettings
    from starlette.routing import BaseRoute

    from fuseboard.board import Board
    from fuseboard.contributions.registrars import (
        HealthRegistrar,
        PromptRegistrar,
        ResourceRegistrar,
        ToolRegistrar,
    )
    from fuseboard.middleware import CallMiddleware

hookspec = pluggy.HookspecMarker("fuseboard")
hookimpl = pluggy.HookimplMarker("fuseboard")


@hookspec(firstresult=True)
def settings() -> type[BaseSettings]:  # type: ignore[empty-body]
    """Return the plugin's settings class. Called first.

    The host fills and validates it from the environment, `.env` and the plugin's section of the file, and passes the
    instance as `settings` to every other hook of this plugin.
    """


@hookspec
def register_tools(register: ToolRegistrar, settings: Any) -> None:
    """Register tools: `register(function, aliases=[...], read_only=True, ...)`. Called once, after `settings`."""


@hookspec
def register_prompts(register: PromptRegistrar, settings: Any) -> None:
    """Register prompts: `register(function, complete={"argument": completer}, ...)`. Called after `register_tools`."""


@hookspec
def register_resources(register: ResourceRegistrar, settings: Any) -> None:
    """Register resources: `register("scheme://{variable}", function, ...)`. Called after `register_prompts`."""


@hookspec
def register_health_checks(register: HealthRegistrar, settings: Any) -> None:
    """Register health checks: `register(async_function, name="...", timeout=2.0, critical=True)`."""


@hookspec(firstresult=True)
def instructions(settings: Any) -> str:  # type: ignore[empty-body]
    """Return one short paragraph for the server's instructions."""


@hookspec
def call_middleware(settings: Any) -> Iterable[CallMiddleware]:  # type: ignore[empty-body]
    """Return `async (call, call_next) -> result` functions that wrap every call of every plugin.

    They are collected here and awaited by the dispatcher on the host's own loop.
    """


@hookspec
def http_routes(board: Board, settings: Any) -> Iterable[BaseRoute]:  # type: ignore[empty-body]
    """Return Starlette routes for the HTTP surface. They run on the host's loop; reach the plugin by `board.call`."""


@hookspec(firstresult=True)
def mcp_server(settings: Any) -> MCPServer | Server:  # type: ignore[empty-body]
    """Return a whole SDK server: its tools, prompts and resources join under the plugin's prefix."""


@hookspec(firstresult=True)
def lifespan(board: Board, settings: Any) -> AbstractAsyncContextManager[object]:  # type: ignore[empty-body]
    """Return an async context manager: entered at start, left at stop. What it yields is `ctx.state`."""


@hookspec
def register_commands(cli: click.Group) -> None:
    """Add commands to the group `fuseboard <plugin>`. Called only by the command line, when such a command is used."""
