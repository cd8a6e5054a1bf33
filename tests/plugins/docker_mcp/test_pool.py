"""The pool of started servers: how many, started once, started again, and all of them ended in time."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import anyio
import pytest

from fuseboard_docker_mcp.errors import CannotStart, NotActive, PoolFull, ServerDied
from fuseboard_docker_mcp.metrics import Metrics
from fuseboard_docker_mcp.models import Launch
from fuseboard_docker_mcp.sessions import Pool, Prepare
from fuseboard_docker_mcp.sessions import pool as pool_module
from fuseboard_docker_mcp.sessions import process as process_module
from fuseboard_docker_mcp.sessions import session as session_module
from tests.plugins.docker_mcp.processes import PATIENCE, no_leak
from tests.plugins.docker_mcp.sessions_servers.helpers import (
    context,
    data_of,
    is_alive,
    own_time,
    pool,
    settings,
    text_of,
    toy,
    until,
)

pytestmark = pytest.mark.anyio

STUBBORN = ("--ignore-eof", "--ignore-term", "--spawn-child")


async def pids_of(servers: Pool, name: str) -> list[int]:
    """The process of a toy server and its child."""
    found = data_of(await servers.get(name).call_tool(context(), "pid", {}))
    return [pid for pid in found.values() if pid]


async def test_servers_start_at_the_same_time_and_more_than_there_is_room_for_are_refused() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool(connection_pool_size=3) as servers:
            async with anyio.create_task_group() as tasks:
                for number in range(3):
                    tasks.start_soon(servers.start, f"toy{number}", toy())
            with pytest.raises(PoolFull, match=r"3 servers run.*\(toy0, toy1, toy2\)"):
                await servers.start("toy3", toy())
            await servers.stop("toy1")
            await servers.start("toy3", toy())
            assert sorted(session.name for session in servers.sessions()) == ["toy0", "toy2", "toy3"]


async def test_a_start_under_way_is_shared() -> None:
    entered: list[int] = []

    @asynccontextmanager
    async def counted() -> AsyncIterator[Launch]:
        entered.append(1)
        async with toy("--start-delay", "0.2")() as launch:
            yield launch

    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            sessions = await asyncio.gather(*(servers.start("toy", counted) for _ in range(5)))
            sessions.append(await servers.start("toy", counted))
            assert len({id(session) for session in sessions}) == 1
            assert entered == [1]


async def test_a_start_that_nobody_waits_for_any_more_is_stopped() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            with anyio.move_on_after(0.3):
                await servers.start("toy", toy("--hang-start"))
            await until(lambda: servers.sessions() == [])


async def test_the_preparation_is_entered_anew_at_each_start_and_left_when_the_process_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process_module, "KILL_AFTER", PATIENCE)  # one that is not killed is gone when it is said to be
    log: list[str] = []
    pids: list[int] = []

    @asynccontextmanager
    async def logged() -> AsyncIterator[Launch]:
        log.append("in")
        async with toy()() as launch:
            yield launch
        await anyio.sleep(0.01)
        log.append(f"out, alive: {any(map(is_alive, pids))}")

    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", logged)
            pids += await pids_of(servers, "toy")
            with pytest.raises(ServerDied):
                await session.call_tool(context(), "die", {})
            pids[:] = await pids_of(servers, "toy")
            await servers.restart("toy")
            pids[:] = await pids_of(servers, "toy")
            await servers.stop("toy")
    assert log == ["in", "out, alive: False"] * 3


async def test_a_restart_is_no_death_and_calls_wait_for_it() -> None:
    metrics = Metrics()
    with anyio.fail_after(PATIENCE):
        async with pool(metrics=metrics) as servers:
            session = await servers.start("toy", toy())
            (before,) = await pids_of(servers, "toy")
            results: list[Any] = []

            async def ask() -> None:
                results.append(await session.call_tool(context(), "echo", {"text": "hello"}))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(servers.restart, "toy")
                await until(lambda: session.state == "starting")
                tasks.start_soon(ask)
            (after,) = await pids_of(servers, "toy")
            assert before != after
            assert text_of(results[0]) == "hello"
            assert (session.state, session.restarts) == ("ready", 0)
            with pytest.raises(NotActive):
                await servers.restart("none")
    assert "deaths" not in metrics.snapshot()["counters"]


async def test_a_server_that_dies_again_and_again_is_given_up_and_can_be_restarted() -> None:
    starts: list[float] = []
    broken = False

    @asynccontextmanager
    async def failing() -> AsyncIterator[Launch]:
        starts.append(anyio.current_time())
        async with toy(*(["--fail-start", "no more"] if broken else []))() as launch:
            yield launch

    metrics = Metrics()
    with anyio.fail_after(PATIENCE):
        async with pool(reconnect_attempts=3, reconnect_delay=0.1, metrics=metrics) as servers:
            session = await servers.start("toy", failing)
            broken = True
            with pytest.raises(ServerDied):
                await session.call_tool(context(), "die", {})
            await until(lambda: session.state == "failed")
            assert len(starts) == 4
            waits = [later - earlier for earlier, later in pairwise(starts[1:])]
            assert waits[0] >= 0.2
            assert waits[1] >= 0.4
            with pytest.raises(CannotStart, match=r"started again 3 times in vain.*no more"):
                await session.call_tool(context(), "echo", {"text": "hello"})
            assert servers.get("toy") is session
            with pytest.raises(CannotStart):
                await servers.restart("toy")
            broken = False
            await servers.restart("toy")
            assert text_of(await session.call_tool(context(), "echo", {"text": "back"})) == "back"
            counters = metrics.snapshot()["counters"]
    counted = {name: series[0]["value"] for name, series in counters.items()}
    assert counted == {"starts": 2, "deaths": 1, "reconnects": 3, "start_failures": 1}


async def test_deaths_after_a_stable_life_are_not_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "STABLE_AFTER", 0.0)
    with anyio.fail_after(PATIENCE):
        async with pool(reconnect_attempts=1) as servers:
            session = await servers.start("toy", toy())
            for _ in range(3):
                with pytest.raises(ServerDied):
                    await session.call_tool(context(), "die", {})
            assert text_of(await session.call_tool(context(), "echo", {"text": "still here"})) == "still here"
            assert session.restarts == 3


async def test_without_attempts_a_death_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "OWN_END", PATIENCE)  # so that the exit code is its own on any machine
    with anyio.fail_after(PATIENCE):
        async with pool(reconnect_attempts=0) as servers:
            session = await servers.start("toy", toy())
            with pytest.raises(ServerDied):
                await session.call_tool(context(), "die", {"code": 7})
            await until(lambda: session.state == "failed")
            assert str(session.reason) == "SERVER_DIED: toy ended with exit code 7"


async def test_a_server_that_ignores_everything_is_gone_in_time_with_its_children() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            await servers.start("toy", toy(*STUBBORN))
            pids = await pids_of(servers, "toy")
            begin = anyio.current_time()
            await servers.stop("toy")
            assert 0.6 < anyio.current_time() - begin < 20
            assert len(pids) == 2
            await until(lambda: not any(map(is_alive, pids)))


async def test_a_child_that_holds_the_pipes_of_a_dead_server_does_not_hide_its_death() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy("--spawn-child"))
            pids = await pids_of(servers, "toy")
            os.kill(pids[0], signal.SIGKILL)
            await until(lambda: session.restarts == 1 and session.state == "ready")
            await until(lambda: not any(map(is_alive, pids)))


@pytest.mark.parametrize("cancelled", [False, True])
async def test_leaving_ends_all_servers_within_a_second_however_stubborn(cancelled: bool) -> None:
    pids: list[int] = []
    begin = 0.0
    async with own_time() as now:
        with anyio.fail_after(PATIENCE), anyio.CancelScope() as scope:
            async with pool() as servers:
                async with anyio.create_task_group() as tasks:
                    for number in range(4):
                        tasks.start_soon(servers.start, f"toy{number}", toy(*STUBBORN))
                for number in range(4):
                    pids += await pids_of(servers, f"toy{number}")
                begin = now()
                if cancelled:
                    scope.cancel()
                    await anyio.sleep(1)
        took = now() - begin
    assert took < 0.95, f"{took:.2f} s"
    assert len(pids) == 8
    await until(lambda: not any(map(is_alive, pids)))


async def test_leaving_while_a_server_is_starting_ends_it_too() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            starting = asyncio.create_task(servers.start("toy", toy("--hang-start", *STUBBORN)))
            await until(lambda: servers.sessions() and servers.sessions()[0].pid)
            pid = servers.sessions()[0].pid
        with pytest.raises(CannotStart, match="toy was stopped before it was ready"):
            await starting
        assert pid is not None
        await until(lambda: not is_alive(pid))
        with pytest.raises(NotActive):
            await servers.start("toy", toy())


async def test_a_task_that_is_cancelled_by_the_loop_itself_leaves_nothing_behind() -> None:
    pids: list[int] = []

    async def hold() -> None:
        async with pool() as servers:
            await servers.start("toy", toy(*STUBBORN))
            pids.extend(await pids_of(servers, "toy"))
            await anyio.sleep_forever()

    with anyio.fail_after(PATIENCE):
        task = asyncio.create_task(hold())
        await until(lambda: len(pids) == 2)
        task.cancel()
        await asyncio.wait([task], timeout=0.1)
        task.cancel()  # no shield holds against this one
        await asyncio.wait([task])
        await until(lambda: not any(map(is_alive, pids)))


async def test_twenty_servers_serve_at_the_same_time_and_leave_nothing() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:  # what is made once, such as the imports of the SDK
            await servers.start("toy", toy())
        with no_leak():
            async with own_time() as now:
                async with pool(connection_pool_size=20) as servers:
                    async with anyio.create_task_group() as tasks:
                        for number in range(20):
                            tasks.start_soon(servers.start, f"toy{number}", toy())
                    calls = (one.call_tool(context(), "echo", {"text": one.name}) for one in servers.sessions())
                    answers = await asyncio.gather(*calls)
                    assert {text_of(answer) for answer in answers} == {f"toy{number}" for number in range(20)}
                    begin = now()
                assert now() - begin < 0.95
            gc.collect()


@pytest.mark.slow
async def test_fifty_rounds_of_starts_deaths_and_stops_leave_nothing() -> None:
    async def round_of(servers: Pool) -> None:
        session = await servers.start("toy", toy())
        with pytest.raises(ServerDied):
            await session.call_tool(context(), "die", {})
        assert text_of(await session.call_tool(context(), "echo", {"text": "back"})) == "back"
        await servers.stop("toy")

    with anyio.fail_after(5 * PATIENCE):
        async with pool() as servers:
            await round_of(servers)
            with no_leak():
                for _ in range(50):
                    await round_of(servers)
                gc.collect()


async def test_containers_are_swept_after_their_server_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, limit in ((process_module, "KILL_AFTER"), (pool_module, "LEAVE_WITHIN")):
        monkeypatch.setattr(module, limit, PATIENCE)  # nobody is hurried, so each end is seen to its end
    swept: list[tuple[str, bool]] = []
    pids: list[int] = []

    async def sweep(label: str) -> None:
        swept.append((label, any(map(is_alive, pids))))

    labelled: Prepare = toy(label="fuseboard.session=1")
    with anyio.fail_after(PATIENCE):
        async with Pool(settings(), changed=lambda session: None, metrics=Metrics(), sweep=sweep) as servers:
            await servers.start("toy", labelled)
            pids += await pids_of(servers, "toy")
            await servers.stop("toy")
            assert swept[0] == ("fuseboard.session=1", False)
            # A call that had just ended may have left the creation of a container under way.
            await until(lambda: len(swept) >= 2)
            await servers.start("toy", labelled)
            before = len(swept)
        assert len(swept) == before + 1


async def test_a_callback_that_fails_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def broken(session: object) -> None:
        raise RuntimeError("a bug")

    with anyio.fail_after(PATIENCE):
        async with pool(changed=broken) as servers:
            session = await servers.start("toy", toy())
            assert text_of(await session.call_tool(context(), "echo", {"text": "hello"})) == "hello"
    assert "toy: its change was not taken" in caplog.text


async def test_the_gauges_follow_the_servers() -> None:
    metrics = Metrics()
    with anyio.fail_after(PATIENCE):
        async with pool(metrics=metrics) as servers:
            await servers.start("toy", toy("--tools", "echo,add"))
            assert metrics.snapshot()["gauges"] == {"active_servers": 1, "active_tools": 2}
            await servers.stop("toy")
            assert metrics.snapshot()["gauges"] == {"active_servers": 0, "active_tools": 0}
