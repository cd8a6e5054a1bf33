"""What the tests of sessions share: how servers are launched, a pool, and a host whose tool calls through a pool."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import mcp_types

from fuseboard import Caller, Context, ToolRegistrar, hookimpl
from fuseboard.testing import PluginHost
from fuseboard_docker_mcp.config import DockerMcpSettings, ProxySettings
from fuseboard_docker_mcp.metrics import Metrics
from fuseboard_docker_mcp.models import HttpLaunch, Launch, StdioLaunch
from fuseboard_docker_mcp.sessions import Pool, Prepare, Session
from fuseboard_docker_mcp.testing import toy_server

TOY = str(Path(toy_server.__file__))
SDK_SERVER = str(Path(__file__).with_name("sdk_server.py"))
ERAS = ["legacy", "modern"]


def prepared(launch: Launch) -> Prepare:
    """What a pool enters at each start; nothing has to be prepared for these servers."""

    @asynccontextmanager
    async def prepare() -> AsyncIterator[Launch]:
        yield launch

    return prepare


def stdio(*arguments: str, environment: Mapping[str, str] | None = None, **more: Any) -> Prepare:
    """A program of Python as a server. `more` is of `StdioLaunch`."""
    return prepared(
        StdioLaunch((sys.executable, *arguments), {"PATH": os.environ["PATH"], **(environment or {})}, **more)
    )


def toy(*options: str, **more: Any) -> Prepare:
    """A toy server."""
    return stdio("-I", "-S", TOY, *options, **more)


def http(url: str, **more: Any) -> Prepare:
    """A server behind an address."""
    return prepared(HttpLaunch(url, **more))


def settings(**proxy: Any) -> DockerMcpSettings:
    """Settings of which only those of sessions count, quick by default."""
    return DockerMcpSettings(proxy=ProxySettings(**{"connection_timeout": 10, "reconnect_delay": 0.01, **proxy}))


def pool(
    *, changed: Callable[[Session], None] = lambda session: None, metrics: Metrics | None = None, **proxy: Any
) -> Pool:
    """A pool with these settings of `proxy`."""
    return Pool(settings(**proxy), changed=changed, metrics=metrics or Metrics())


def context(principal: str | None = None) -> Context[None]:
    """The context of a call that nobody can be asked in."""
    return Context(state=None, plugin="docker_mcp", caller=Caller("memory", principal=principal))


def text_of(result: object) -> str:
    """The text of a result."""
    assert isinstance(result, mcp_types.CallToolResult)
    (block,) = result.content
    assert isinstance(block, mcp_types.TextContent)
    return block.text


def data_of(result: object) -> dict[str, Any]:
    """The structured content of a result."""
    assert isinstance(result, mcp_types.CallToolResult)
    assert isinstance(result.structured_content, dict)
    return result.structured_content


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    """Wait until something is so."""
    with anyio.fail_after(seconds):
        while not condition():
            await anyio.sleep(0.005)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not reaped by its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Front:
    """A plugin with one started server, whose tool `call` calls any tool of it."""

    def __init__(self, prepare: Prepare, **proxy: Any) -> None:
        self.prepare = prepare
        self.proxy = proxy
        self.session: Session

    @hookimpl
    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[Session]:
        """Start the server."""
        async with pool(**self.proxy) as servers:
            self.session = await servers.start("toy", self.prepare)
            yield self.session

    @hookimpl
    def register_tools(self, register: ToolRegistrar) -> None:
        """Register the one tool."""

        async def call(
            ctx: Context[Session], tool: str, arguments: dict[str, Any]
        ) -> mcp_types.CallToolResult | mcp_types.InputRequiredResult:
            """Call a tool of the server."""
            return await ctx.state.call_tool(ctx, tool, arguments)

        register(call)


@asynccontextmanager
async def fronted(
    prepare: Prepare, mode: str, proxy: Mapping[str, Any] | None = None, **client: Any
) -> AsyncIterator[Callable[..., Any]]:
    """A host with `Front` in it. Yields `await call(tool, **arguments)`, through a client of this era."""
    front = Front(prepare, **(proxy or {}))

    async def call(tool: str, *, progress_callback: Any = None, **arguments: Any) -> mcp_types.CallToolResult:
        return await host.call_tool(
            "plugin_call", {"tool": tool, "arguments": arguments}, progress_callback=progress_callback
        )

    async with PluginHost(front, mode=mode, **client) as host:
        yield call


def listed(session: Session) -> list[str]:
    """The names of a session's tools."""
    return [tool.name for tool in session.tools]
