"""Many servers, and many rounds with one: nothing is left of any of them."""

from __future__ import annotations

import gc
from pathlib import Path

import anyio
import pytest

from tests.plugins.docker_mcp.chaos.served import GOOD, SHORT_LIMIT, bench, new_mark, text_of, toy, undisturbed
from tests.plugins.docker_mcp.processes import (
    PATIENCE,
    Holdings,
    no_leak,
    wait_until_gone,
    wait_until_there_are,
)

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ROUNDS = 100
WARM_UP = 10


async def test_a_hundred_rounds_of_start_and_stop_leave_nothing(tmp_path: Path) -> None:
    mark = new_mark()
    async with bench(tmp_path, {"victim": toy(mark)}, mark) as made, undisturbed(made):
        for number in range(ROUNDS):
            await made.started("victim")
            assert text_of(await made.call("victim", "echo", text=str(number))) == str(number)
            await made.stop("victim")
            if number == WARM_UP:
                await wait_until_there_are(1, mark)
                gc.collect()
                before = Holdings.now()
        await wait_until_there_are(1, mark)
        gc.collect()
        with anyio.fail_after(PATIENCE):
            while not _is_no_more(Holdings.now(), before):
                await anyio.sleep(0.02)
    await wait_until_gone(mark)


def _is_no_more(now: Holdings, before: Holdings) -> bool:
    """Whether nothing has been added. The processes are others; a worker thread may be at work for the good server."""
    return (
        len(now.children) <= len(before.children)
        and now.descriptors <= before.descriptors
        and now.threads <= before.threads + 1
    )


async def test_twenty_servers_start_at_once_answer_and_stop(tmp_path: Path) -> None:
    mark, names = new_mark(), [f"toy{number:02}" for number in range(19)]
    servers = {name: toy(mark, "--name", name) for name in names}
    pids: list[int] = []
    with no_leak():
        async with bench(tmp_path, servers, mark, proxy={"connection_pool_size": 20}) as made, undisturbed(made):
            await made.started(*names)
            await wait_until_there_are(20, mark)
            listed = {tool.name for tool in (await made.host.client.list_tools()).tools}
            assert {f"{name}_echo" for name in [*names, GOOD]} <= listed

            async def ask(name: str) -> None:
                pids.append(await made.pid(name))

            async with anyio.create_task_group() as group:
                for name in names:
                    group.start_soon(ask, name)
            assert len(set(pids)) == len(names)
            await made.stop(*names)
            await wait_until_there_are(1, mark)
    await wait_until_gone(mark)


async def test_one_server_too_many_is_refused_and_the_others_run_on(tmp_path: Path) -> None:
    mark = new_mark()
    servers = {name: toy(mark) for name in ("a", "b", "c")}
    async with bench(tmp_path, servers, mark, proxy={"connection_pool_size": 3}) as made:
        result = await made.start("a", "b", "c")
        assert len(result["started"]) == 2
        assert [one["code"] for one in result["failed"]] == ["POOL_FULL"]
        await wait_until_there_are(3, mark)
        await made.stop("a", "b", "c")
        await made.started("c")
    await wait_until_gone(mark)


async def test_one_bad_server_among_many_delays_none_of_them(tmp_path: Path) -> None:
    mark = new_mark()
    servers = {
        "fine": toy(mark),
        "refusing": toy(mark, "--fail-start", "no such database"),
        "hanging": toy(mark, "--hang-start"),
        "absent": {"command": "/no/such/program"},
    }
    async with bench(tmp_path, servers, mark, proxy={"connection_timeout": SHORT_LIMIT}) as made:
        async with undisturbed(made):
            result = await made.start("hanging", "refusing", "absent", "fine")
        assert [one["server"] for one in result["started"]] == ["fine"]
        failed = {one["server"]: one for one in result["failed"]}
        assert failed["hanging"]["code"] == "START_TIMEOUT"
        assert failed["refusing"]["code"] == failed["absent"]["code"] == "CANNOT_START"
        assert "no such database" in failed["refusing"]["reason"]
        await wait_until_there_are(2, mark)
    await wait_until_gone(mark)


async def test_the_same_server_started_stopped_and_called_from_all_sides_ends_in_one_clear_state(
    tmp_path: Path,
) -> None:
    mark = new_mark()
    with no_leak():
        async with bench(tmp_path, {"victim": toy(mark)}, mark) as made:
            async with undisturbed(made), anyio.create_task_group() as group:
                for _ in range(10):
                    group.start_soon(made.start, "victim")
                    group.start_soon(made.stop, "victim")
                    group.start_soon(lambda: made.call("victim", "echo", text="?"))
            await made.started("victim")
            await wait_until_there_are(2, mark)
            await made.stop("victim")
            await wait_until_there_are(1, mark)
    await wait_until_gone(mark)
