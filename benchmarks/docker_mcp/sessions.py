"""Sessions of the SDK's client with a server and with hosts, all in the older era, as most clients open them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
from candidates import RUN_FOLDER
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from wire import WrongAnswer

import fuseboard_docker_mcp
from docker_mcp.servers import Kind, environment, section
from fuseboard.testing import PluginHost

PATIENCE = 120.0  # seconds
START, STOP, CALL = "docker_mcp_start_servers", "docker_mcp_stop_servers", "docker_mcp_call_tool"
COMMAND = (sys.executable, "-m", "fuseboard")


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom a client talks to.

    Attributes:
        client: of the SDK.
        host: the number of the host's process; None when it is this one, or when there is no host.
    """

    client: Client
    host: int | None = None

    async def tool(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The structured result of a tool that must succeed."""
        result = await self.client.call_tool(name, arguments)
        if result.is_error or result.structured_content is None:
            raise WrongAnswer(f"{name}: {str(result)[:600]}")
        return dict(result.structured_content)

    async def start(self, *servers: str) -> None:
        """Start servers in one call; all of them must start."""
        found = await self.tool(START, {"servers": list(servers)})
        if len(found["started"]) != len(servers):
            raise WrongAnswer(f"not all of {servers} started: {json.dumps(found)[:600]}")

    async def stop(self, *servers: str) -> None:
        """Stop servers in one call."""
        await self.tool(STOP, {"servers": list(servers)})


@asynccontextmanager
async def direct(kind: Kind) -> AsyncIterator[Peer]:
    """A session with a server, nothing in between."""
    with _log("docker_mcp-direct") as log:
        async with Client(stdio_client(kind.parameters(), errlog=log), mode="legacy", cache=None) as client:
            await client.list_tools()
            yield Peer(client)


@asynccontextmanager
async def in_process(servers: dict[str, Kind]) -> AsyncIterator[Peer]:
    """A host in this process."""
    async with PluginHost(fuseboard_docker_mcp, name="docker_mcp", mode="legacy", settings=section(servers)) as host:
        await host.client.list_tools()
        yield Peer(host.client)


@asynccontextmanager
async def over_stdio(servers: dict[str, Kind]) -> AsyncIterator[Peer]:
    """A host in a process of its own, on its standard streams."""
    _write_settings(servers)
    parameters = StdioServerParameters(
        command=COMMAND[0], args=[*COMMAND[1:], "stdio"], env=environment(), cwd=RUN_FOLDER
    )
    before = _children()
    with _log("docker_mcp-stdio") as log:
        async with Client(stdio_client(parameters, errlog=log), mode="legacy", cache=None) as client:
            [number] = _children() - before
            await client.list_tools()
            yield Peer(client, number)


@asynccontextmanager
async def over_http(servers: dict[str, Kind]) -> AsyncIterator[Peer]:
    """A host in a process of its own, on a loopback port."""
    _write_settings(servers)
    command = [*COMMAND, "http", "--port", "0"]
    async with await anyio.open_process(
        command, env=environment(), cwd=RUN_FOLDER, stdin=subprocess.DEVNULL
    ) as process:
        try:
            url = await _address(process)
            async with anyio.create_task_group() as group:
                group.start_soon(_drain, process)
                async with Client(f"{url}/mcp", mode="legacy", cache=None) as client:
                    await client.list_tools()
                    yield Peer(client, process.pid)
                process.send_signal(signal.SIGTERM)
                await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()


async def _address(process: anyio.abc.Process) -> str:
    assert process.stderr is not None
    said = ""
    with anyio.fail_after(PATIENCE):
        while (found := re.search(r"serving (http://\S+)/mcp", said)) is None:
            said += (await process.stderr.receive()).decode()
    return found[1]


async def _drain(process: anyio.abc.Process) -> None:
    assert process.stderr is not None
    async for _ in process.stderr:
        pass


def _write_settings(servers: dict[str, Kind]) -> None:
    # Every JSON is YAML.
    (RUN_FOLDER / "docker_mcp.yaml").write_text(json.dumps({"plugins": {"docker_mcp": section(servers)}}))


def _log(name: str) -> Any:
    return (RUN_FOLDER / f"{name}.log").open("w")


def _children() -> set[int]:
    """The processes that this one has started and that still run."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if int(parent) == os.getpid():
                found.add(int(folder.name))
    return found
