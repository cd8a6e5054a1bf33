"""Hosts with servers that misbehave, a good server and a neighbouring plugin that must not notice."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
from mcp_types import CallToolResult, TextContent

import fuseboard_docker_mcp
from fuseboard import hookimpl
from fuseboard.settings import FuseSettings
from fuseboard.testing import PluginHost
from fuseboard_docker_mcp.testing import TOY_SERVER
from tests.plugins.docker_mcp.processes import PATIENCE

GOOD = "good"
LONG = 600.0
"""Seconds after which a test that waits has failed."""
LONGEST_ANSWER = 20.0
"""Seconds within which whoever is not concerned answers, on a machine that is slow and stands still at times; mostly
milliseconds. Whoever is held up by a call that hangs is held up for longer."""
SHORT_LIMIT = 8.0
"""Seconds of a limit that a test has to reach, where the good server has to stay within the same one."""


def toy(mark: str, *options: str, **more: Any) -> dict[str, Any]:
    """The settings of a toy server, whose processes carry the mark."""
    arguments = ["-I", "-S", str(TOY_SERVER), *options]
    return {"command": sys.executable, "args": arguments, "env": {"MARK": mark}, **more}


def section(
    folder: Path, servers: Mapping[str, Mapping[str, Any]], *, proxy: Mapping[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """The section `plugins.docker_mcp`.

    Args:
        folder: where the plugin may keep things.
        servers: their settings by name.
        proxy: its part of that name; what died is started again at once by default.
        more: anything else of the section.
    """
    quick = {"reconnect_delay": 0.05, "connection_timeout": PATIENCE, **(proxy or {})}
    return {
        "servers": {name: dict(server) for name, server in servers.items()},
        "proxy": quick,
        "way": "direct",
        "embedded": "never",
        "secret_store": "file",
        "state_folder": str(folder / "state"),
        **more,
    }


def neighbour() -> ModuleType:
    """A plugin with one tool, which says that it is there."""

    async def present() -> str:
        """Say so."""
        return "present"

    module = ModuleType("neighbour")

    def register_tools(register: Any) -> None:
        register(present)

    module.register_tools = hookimpl(register_tools)  # type: ignore[attr-defined]
    return module


@dataclass(slots=True)
class Bench:
    """A host with the plugin, a neighbour, and servers.

    Attributes:
        host: the host and its client.
        mark: which the processes of the servers carry.
    """

    host: PluginHost
    mark: str

    async def ask(self, tool: str, **arguments: Any) -> CallToolResult:
        """Call one of the plugin's own tools."""
        return await self.host.call_tool(f"docker_mcp_{tool}", arguments)

    async def start(self, *servers: str) -> dict[str, Any]:
        """What became of the servers that were to start."""
        result = await self.ask("start_servers", servers=list(servers))
        assert result.structured_content is not None, result
        return result.structured_content

    async def started(self, *servers: str) -> None:
        """Start servers that must start."""
        result = await self.start(*servers)
        assert [one["server"] for one in result["started"]] == list(servers), result
        assert result["failed"] == []

    async def stop(self, *servers: str) -> None:
        """Stop servers."""
        result = await self.ask("stop_servers", servers=list(servers))
        assert not result.is_error, result

    async def call(self, server: str, tool: str, **arguments: Any) -> CallToolResult:
        """Call a tool of a server."""
        return await self.ask("call_tool", server=server, tool_name=tool, arguments=arguments)

    async def pid(self, server: str) -> int:
        """The number of a server's process."""
        result = await self.call(server, "pid")
        assert result.structured_content is not None, result
        return int(result.structured_content["pid"])

    async def state(self, server: str) -> str:
        """The state of a server; empty when it is not there."""
        result = await self.ask("get_active_servers")
        assert result.structured_content is not None, result
        return next((one["state"] for one in result.structured_content["servers"] if one["server"] == server), "")

    async def wait_for_state(self, server: str, state: str) -> None:
        """Return once a server is in this state."""
        while await self.state(server) != state:
            await anyio.sleep(0.02)


def new_mark() -> str:
    """A mark that nobody else has."""
    return f"chaos-{uuid.uuid4().hex}"


@asynccontextmanager
async def bench(
    folder: Path,
    servers: Mapping[str, Mapping[str, Any]],
    mark: str,
    *,
    fuse: FuseSettings | None = None,
    **settings: Any,
) -> AsyncIterator[Bench]:
    """A host with these servers and one called `good`, which is started.

    Args:
        folder: where the plugin may keep things.
        servers: their settings by name.
        mark: which their processes carry.
        fuse: how the host treats the plugin; it never gives its start up early.
        settings: more of the plugin's section, see `section`.
    """
    plugins = {"docker_mcp": fuseboard_docker_mcp, "neighbour": neighbour()}
    chosen = section(folder, {GOOD: toy(mark), **servers}, **settings)
    with anyio.fail_after(LONG):
        fuse = (fuse or FuseSettings()).model_copy(update={"start_timeout": PATIENCE})
        async with PluginHost(plugins, name="docker_mcp", settings=chosen, fuse=fuse, mode="legacy") as host:
            made = Bench(host, mark)
            await made.started(GOOD)
            yield made


@dataclass(slots=True)
class Watch:
    """How long those took who are not concerned.

    Attributes:
        answers: how many there were.
        longest: seconds of the longest, by who answered.
    """

    answers: int = 0
    longest: dict[str, float] = field(default_factory=dict)


@asynccontextmanager
async def undisturbed(made: Bench, longest: float = LONGEST_ANSWER) -> AsyncIterator[Watch]:
    """While the block runs, the good server and the neighbouring plugin answer all the time.

    Args:
        longest: seconds for each answer.
    """
    watch = Watch()

    async def ask(who: str, question: Any, right: str) -> None:
        while True:
            begin = time.monotonic()
            result = await question()
            watch.longest[who] = max(watch.longest.get(who, 0), time.monotonic() - begin)
            assert not result.is_error, f"{who}: {result}"
            assert text_of(result) == right
            watch.answers += 1
            await anyio.sleep(0.01)

    async with anyio.create_task_group() as group:
        group.start_soon(ask, GOOD, lambda: made.call(GOOD, "echo", text="fine"), "fine")
        group.start_soon(ask, "neighbour", lambda: made.host.call_tool("neighbour_present"), "present")
        yield watch
        # Each has answered after the block as well.
        seen = watch.answers
        with anyio.fail_after(LONG):
            while watch.answers < seen + 4:
                await anyio.sleep(0.01)
        group.cancel_scope.cancel()
    assert max(watch.longest.values()) < longest, watch.longest


def text_of(result: CallToolResult) -> str:
    """The first text of a result."""
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


def error_of(result: CallToolResult) -> str:
    """The text of a result that is an error."""
    assert result.is_error, str(result)[:500]
    return text_of(result)
