"""Servers that neither start nor stop as they should."""

from __future__ import annotations

import time
from pathlib import Path

import anyio
import pytest

from tests.plugins.docker_mcp.chaos.served import LONG, SHORT_LIMIT, bench, new_mark, toy, undisturbed
from tests.plugins.docker_mcp.processes import marked, no_leak, wait_until_gone, wait_until_there_are

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.mark.parametrize("options", [["--ignore-term"], ["--ignore-eof"], ["--ignore-term", "--ignore-eof"]])
async def test_a_server_that_ignores_the_request_to_end_is_gone_soon(options: list[str], tmp_path: Path) -> None:
    mark, apart = new_mark(), new_mark()
    with no_leak():
        async with bench(tmp_path, {"stubborn": toy(apart, *options)}, mark) as made:
            await made.started("stubborn")
            async with undisturbed(made):
                begin = time.monotonic()
                await made.stop("stubborn")
                assert time.monotonic() - begin < 20  # nothing but SIGKILL ends it before ten minutes are over
                await wait_until_gone(apart)
    await wait_until_gone(mark)


async def test_a_server_that_hangs_at_start_is_given_up_in_time_and_leaves_nothing(tmp_path: Path) -> None:
    mark, apart = new_mark(), new_mark()
    hanging = toy(apart, "--hang-start", "--ignore-term", "--ignore-eof", "--spawn-child")
    with no_leak():
        async with bench(tmp_path, {"hanging": hanging}, mark, proxy={"connection_timeout": SHORT_LIMIT}) as made:
            async with undisturbed(made):
                begin = time.monotonic()
                [failed] = (await made.start("hanging"))["failed"]
                assert time.monotonic() - begin < 25
            assert failed["code"] == "START_TIMEOUT"
            assert f"not ready within {SHORT_LIMIT:g} s" in failed["reason"]
            await wait_until_gone(apart)
    await wait_until_gone(mark)


async def test_a_start_that_the_client_cancels_leaves_nothing(tmp_path: Path) -> None:
    mark, apart = new_mark(), new_mark()
    with no_leak():
        slow = toy(apart, "--start-delay", "600")
        # Nothing else gives the start up while the test waits.
        limits = {"connection_timeout": 10 * LONG}
        async with bench(tmp_path, {"slow": slow}, mark, proxy=limits) as made, undisturbed(made):
            async with anyio.create_task_group() as group:
                group.start_soon(made.start, "slow")
                await wait_until_there_are(1, apart)
                group.cancel_scope.cancel()
            await wait_until_gone(apart)
            await made.stop("slow")
    await wait_until_gone(mark)


async def test_the_host_ends_while_servers_start_hang_and_work(tmp_path: Path) -> None:
    mark = new_mark()
    servers = {
        "working": toy(mark),
        "stubborn": toy(mark, "--ignore-term", "--ignore-eof", "--spawn-child"),
        "starting": toy(mark, "--start-delay", "600"),
    }
    with no_leak():
        async with bench(tmp_path, servers, mark) as made, anyio.create_task_group() as group:
            await made.started("working", "stubborn")
            group.start_soon(made.start, "starting")
            group.start_soon(lambda: made.call("working", "slow", seconds=600))
            group.start_soon(lambda: made.call("stubborn", "hang"))
            # The good one, the working one, the stubborn one with its child, and the one that is starting.
            while len(marked(mark)) < 5:
                await anyio.sleep(0.01)
            group.cancel_scope.cancel()
            begin = time.monotonic()
        assert time.monotonic() - begin < 20
        await wait_until_gone(mark)
