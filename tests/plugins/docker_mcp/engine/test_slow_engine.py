"""An engine finishes a container that it was asked for, also when nobody waits for it any more; it must not stay."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import anyio
import mcp
import pytest
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.plugins.docker_mcp.engine.boxed import PATIENCE, STUBBORN, boxed, boxes, emptied, section
from tests.plugins.docker_mcp.engine.private_engine import PrivateEngine
from tests.plugins.docker_mcp.hosted import result_of

pytestmark = [pytest.mark.anyio, pytest.mark.external, pytest.mark.slow]


async def test_a_stop_while_the_container_is_made_leaves_none(slow_engine: PrivateEngine, tmp_path: Path) -> None:
    async with boxes(slow_engine, tmp_path, {"boxed": boxed(*STUBBORN)}) as host:
        for _ in range(3):
            created, layers = slow_engine.created(), slow_engine.layers()
            async with anyio.create_task_group() as group:
                group.start_soon(host.call_tool, "docker_mcp_start_servers", {"servers": ["boxed"]})
                await _begun(slow_engine, layers)
                await result_of(host, "stop_servers", servers=["boxed"])
            await _finished(slow_engine, created)
            await emptied(slow_engine)


async def test_a_host_that_ends_while_a_container_is_made_leaves_none(
    slow_engine: PrivateEngine, tmp_path: Path
) -> None:
    created, layers = slow_engine.created(), slow_engine.layers()
    hosted = boxes(slow_engine, tmp_path, {"boxed": boxed(*STUBBORN)})
    async with hosted as host, anyio.create_task_group() as group:
        group.start_soon(host.call_tool, "docker_mcp_start_servers", {"servers": ["boxed"]})
        await _begun(slow_engine, layers)
        group.cancel_scope.cancel()
    await _finished(slow_engine, created)
    await emptied(slow_engine)


@pytest.mark.parametrize("moment", ["starting", "ready"])
async def test_no_container_outlives_a_host_that_is_killed(
    moment: str, slow_engine: PrivateEngine, tmp_path: Path
) -> None:
    settings = tmp_path / "fuseboard.yaml"
    chosen = section(slow_engine, tmp_path, {"boxed": boxed(*STUBBORN)}, embedded="never", secret_store="file")
    chosen["state_folder"] = str(tmp_path / "state")
    settings.write_text(json.dumps({"plugins": {"docker_mcp": chosen}}))  # every JSON is YAML
    environment = {"FUSEBOARD_CONFIG": str(settings), "FUSEBOARD_LOAD_PLUGINS": "docker_mcp"}
    environment |= {"DOCKER_HOST": slow_engine.socket, "HOME": str(tmp_path)}
    # The shell tells the number of the host's process, which it becomes.
    script = f'echo $$ > "{tmp_path}/pid"; exec "{sys.executable}" -m fuseboard stdio'
    parameters = StdioServerParameters(command="/bin/sh", args=["-c", script], env={**os.environ, **environment})
    created, layers = slow_engine.created(), slow_engine.layers()
    ready = anyio.Event()

    with anyio.fail_after(3 * PATIENCE), (tmp_path / "host.log").open("w") as log:
        connected = mcp.Client(stdio_client(parameters, errlog=log), mode="legacy", cache=None)
        async with connected as client, anyio.create_task_group() as group:
            group.start_soon(_start, client, ready)
            await _begun(slow_engine, layers)
            if moment == "ready":
                await ready.wait()
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    await _finished(slow_engine, created)
    await emptied(slow_engine)


async def _start(client: mcp.Client, ready: anyio.Event) -> None:
    try:
        await client.call_tool("docker_mcp_start_servers", {"servers": ["boxed"]})
        ready.set()
    except mcp.MCPError:
        return  # the host was killed meanwhile, as it should be


async def _begun(engine: PrivateEngine, layers: int) -> None:
    with anyio.fail_after(PATIENCE):
        while engine.layers() <= layers:
            await anyio.sleep(0.001)


async def _finished(engine: PrivateEngine, created: int) -> None:
    with anyio.fail_after(PATIENCE):
        while engine.created() == created:
            await anyio.sleep(0.02)
