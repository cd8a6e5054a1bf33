"""What the tests of sessions share: how servers are launched, a pool, and a host whose tool calls through a pool."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import mcp_types

from fuseboard import Caller, Context, ToolRegistrar, hookimpl
from fuseboard.settings import FuseSettings
from fuseboard.testing import PluginHost
from fuseboard_docker_mcp.config import DockerMcpSettings, ProxySettings
from fuseboard_docker_mcp.metrics import Metrics
from fuseboard_docker_mcp.models import HttpLaunch, Launch, StdioLaunch
from fuseboard_docker_mcp.sessions import Pool, Prepare, Session
from fuseboard_docker_mcp.testing import toy_server
from tests.plugins.docker_mcp.processes import PATIENCE

TOY = str(Path(toy_server.__file__))
SDK_SERVER = str(Path(__file__).with_name("sdk_server.py"))
ERAS = ["legacy", "modern"]
TICK = 0.01  # seconds


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
    """Settings of which only those of sessions count; what died is started again at once by default."""
    return DockerMcpSettings(proxy=ProxySettings(**{"connection_timeout": PATIENCE, "reconnect_delay": 0.01, **proxy}))


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


async def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until something is so."""
    with anyio.fail_after(seconds):
        while not condition():
            await anyio.sleep(0.005)


async def reach(session: Session) -> None:
    """Wait until every call that was opened before has arrived at a toy server: it reads its messages in order."""
    assert text_of(await session.call_tool(context(), "echo", {"text": "arrived"})) == "arrived"


@asynccontextmanager
async def own_time() -> AsyncIterator[Callable[[], float]]:
    """Count the seconds in which the loop of this test was free. Yields what tells them.

    It stands still while the machine does, and never runs faster than a clock: so a bound on it is met by whoever
    meets the same bound on a machine that runs, and missed by whoever really waits for longer.
    """
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(TICK)
            ticks += 1

    # A task of its own: what is timed may be the end of a cancelled scope.
    ticking = asyncio.create_task(tick())
    try:
        yield lambda: ticks * TICK
    finally:
        ticking.cancel()


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

    # The server starts with the plugin, and may be one of Python with the SDK.
    fuse = FuseSettings(start_timeout=PATIENCE)
    async with PluginHost(front, mode=mode, fuse=fuse, **client) as host:
        yield call


def listed(session: Session) -> list[str]:
    """The names of a session's tools."""
    return [tool.name for tool in session.tools]
