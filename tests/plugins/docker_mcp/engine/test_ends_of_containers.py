"""However a server in a container ends, its container is gone, and the server can be used again."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import anyio
import pytest

from fuseboard.testing import PluginHost
from tests.plugins.docker_mcp.engine.boxed import PATIENCE, STUBBORN, boxed, boxes, emptied
from tests.plugins.docker_mcp.engine.private_engine import CannotRun, PrivateEngine
from tests.plugins.docker_mcp.hosted import result_of, started, text_of

pytestmark = [pytest.mark.anyio, pytest.mark.external, pytest.mark.slow]

WAYS_TO_DIE = ["the command line", "the container", "both"]


def _kill(engine: PrivateEngine, what: str) -> None:
    [client] = engine.clients()
    [container] = engine.docker("ps", "--quiet").split()
    if what != "the container":
        os.kill(client, signal.SIGKILL)
    if what != "the command line":
        # The plugin, which has seen the other one die, may be quicker.
        with contextlib.suppress(CannotRun):
            engine.docker("kill", container)


async def _restarted(host: PluginHost) -> None:
    """Wait until the server was started again, once, and is ready."""
    with anyio.fail_after(PATIENCE):
        while True:
            [active] = (await result_of(host, "get_active_servers"))["servers"]
            if (active["state"], active["restarts"]) == ("ready", 1):
                return
            await anyio.sleep(0.02)


@pytest.mark.parametrize("what", WAYS_TO_DIE)
async def test_a_stubborn_server_that_was_killed_is_started_again_in_its_only_container(
    what: str, engine: PrivateEngine, tmp_path: Path
) -> None:
    async with boxes(engine, tmp_path, {"boxed": boxed(*STUBBORN)}) as host:
        await started(host, "boxed")
        [first] = engine.docker("ps", "--quiet").split()
        _kill(engine, what)
        await _restarted(host)
        echoed = text_of(await host.call_tool("boxed_echo", {"text": "again"}))
        # The first one went on when its command line was killed: it ignores that nobody talks to it any more.
        with anyio.fail_after(PATIENCE):
            while len(containers := engine.docker("ps", "--all", "--quiet").split()) != 1:
                await anyio.sleep(0.02)

    assert echoed == "again"
    assert containers != [first]


async def test_a_server_that_dies_in_a_call_says_so_and_its_container_is_gone(
    engine: PrivateEngine, tmp_path: Path
) -> None:
    async with boxes(engine, tmp_path, {"boxed": boxed()}, proxy={"reconnect_attempts": 0}) as host:
        await started(host, "boxed")
        died = await host.call_tool("boxed_die", {"code": 3})
        await emptied(engine)

    assert died.is_error
    assert text_of(died).startswith("SERVER_DIED")


async def test_a_server_that_ignores_every_request_to_end_is_gone_soon_after_its_stop(
    engine: PrivateEngine, tmp_path: Path
) -> None:
    async with boxes(engine, tmp_path, {"boxed": boxed(*STUBBORN)}) as host:
        await started(host, "boxed")
        begin = time.monotonic()
        await result_of(host, "stop_servers", servers=["boxed"])
        await emptied(engine)
        took = time.monotonic() - begin

    # Left alone, it would go on for ten minutes.
    assert took < 20


async def test_containers_do_not_outlive_a_host_that_ends(engine: PrivateEngine, tmp_path: Path) -> None:
    async with boxes(engine, tmp_path, {"honest": boxed(), "stubborn": boxed(*STUBBORN)}) as host:
        await started(host, "honest", "stubborn")
        assert len(engine.containers()) == 2
    # `boxes` has waited until there was none, and no command line either.
    assert engine.containers() == []


async def test_a_server_that_hangs_at_its_start_is_given_up_with_its_container(
    engine: PrivateEngine, tmp_path: Path
) -> None:
    entries = {"hangs": boxed("--hang-start", *STUBBORN)}
    async with boxes(engine, tmp_path, entries, proxy={"connection_timeout": 1.5}) as host:
        result = await result_of(host, "start_servers", servers=["hangs"])
        await emptied(engine)

    assert [failed["code"] for failed in result["failed"]] == ["START_TIMEOUT"]
