"""Plugins that hang, block, fail again and again, are flooded or lose their backend: only their own circuit suffers."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import SocketAttribute

from tests.host.faults.running import AT_ONCE, PATIENCE, TWO_WAYS, Board, Line, line, said, until

pytestmark = pytest.mark.anyio

FUSES: Mapping[str, Mapping[str, Any]] = {
    "hanging": {"call_timeout": 0.5, "fault_threshold": 1000},
    "held": {"call_timeout": 0.3, "max_calls": 2, "max_queue": 2, "fault_threshold": 1000},
    "stuck": {"call_timeout": 0.3, "max_calls": 2, "max_queue": 0, "fault_threshold": 1000, "stop_timeout": 0.3},
    "blocking": {"call_timeout": 0.5, "fault_threshold": 1000},
    "failing": {"call_timeout": 0.3, "fault_threshold": 3, "cool_down": 0.5},
    "flooded": {"max_calls": 2, "max_queue": 2},
    "backend": {"cool_down": 0.3},
}


@pytest.fixture(scope="module", params=TWO_WAYS, ids="-".join)
async def served(
    request: pytest.FixtureRequest, site: Path, tmp_path_factory: pytest.TempPathFactory, backend_port: int
) -> AsyncIterator[Line]:
    """A host with all of them; each test spoils another one."""
    board = Board(
        site,
        tmp_path_factory.mktemp("circuits"),
        list(FUSES),
        fuses=FUSES,
        sections={"backend": {"port": backend_port}},
    )
    async with line(board, *request.param) as opened:
        yield opened


@pytest.fixture(scope="module")
async def backend_port() -> int:
    """A port where nothing listens until a test does."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        return int(listener.extra(SocketAttribute.local_port))


async def took(served: Line, tool: str, **arguments: object) -> tuple[str, float]:
    """Call a tool that fails: its text, and the seconds until it came."""
    begun = time.monotonic()
    text = said(await served.call(tool, **arguments), error=True)
    return text, time.monotonic() - begun


# --- hangs --------------------------------------------------------------------------------------------------------


async def test_a_tool_that_hangs_is_cancelled_at_its_deadline(served: Line) -> None:
    text, seconds = await took(served, "hanging_hang", name="slow")
    assert "hanging_hang did not end within 0.5 s" in text
    assert 0.4 < seconds < 2
    await served.board.noted("slow was cancelled")
    assert said(await served.call("hanging_fine")) == "fine"


async def test_a_tool_that_hangs_in_a_thread_is_given_up_at_its_deadline(served: Line) -> None:
    text, seconds = await took(served, "hanging_hang_in_a_thread", name="thread")
    assert "did not end within 0.5 s" in text
    assert seconds < 2
    await served.healthy_answers()
    assert said(await served.call("hanging_release")) == "released"
    await served.board.noted("thread ends")


async def test_a_thread_that_hangs_keeps_its_place_so_threads_never_pile_up(served: Line) -> None:
    for number in range(2):
        text, _ = await took(served, "held_hang_for_ever", name=f"held {number}")
        assert "did not end within 0.3 s" in text
    for number in range(2, 5):
        text, seconds = await took(served, "held_hang_for_ever", name=f"held {number}")
        assert seconds < 2
    begun = [note for note in served.board.journal() if re.fullmatch(r"held \d begins", note)]
    assert sorted(begun) == ["held 0 begins", "held 1 begins"]
    await served.healthy_answers()


async def test_a_tool_that_ignores_its_cancel_is_answered_at_its_deadline_and_keeps_its_place(served: Line) -> None:
    for name in ("first", "second"):
        text, seconds = await took(served, "stuck_ignore_cancel", name=name)
        assert "did not end within 0.3 s" in text
        assert seconds < 2
    await served.board.noted("first ignores the cancel", "second ignores the cancel")
    text, seconds = await took(served, "stuck_fine")
    assert "busy" in text
    assert seconds < 1
    await served.healthy_answers()


@pytest.mark.parametrize("how", ["raises", "returns"])
async def test_what_a_tool_makes_of_its_cancel_changes_nothing(served: Line, how: str) -> None:
    text, seconds = await took(served, "hanging_spoil_cancel", how=how)
    assert "did not end within 0.5 s" in text
    assert seconds < 2
    await served.board.noted(f"spoils the cancel: {how}")
    assert said(await served.call("hanging_fine")) == "fine"


# --- blocks its loop ----------------------------------------------------------------------------------------------


async def test_a_tool_that_blocks_its_loop_is_named_with_its_line_and_holds_up_only_its_own_plugin(
    served: Line,
) -> None:
    async with anyio.create_task_group() as tasks:
        answers: list[tuple[str, float]] = []

        async def block() -> None:
            answers.append(await took(served, "blocking_block", seconds=2.2))

        tasks.start_soon(block)
        await served.board.noted("block begins")
        await served.healthy_answers()
        text, seconds = await took(served, "blocking_fine")
        assert ("did not end within 0.5 s" in text, seconds < 2) == (True, True)
        row = await served.row("blocking", "degraded")
        assert "blocking_block" in row["reason"]
        assert re.search(r"fuseboard_faulty/circuits\.py:\d+ in block", row["reason"])
        await served.healthy_answers()
    assert "did not end within 0.5 s" in answers[0][0]
    assert answers[0][1] < 2
    assert re.search(r"blocking blocks its event loop: blocking_block at .*circuits\.py:\d+", served.board.log())
    await served.board.noted("block ends")
    assert (await served.row("blocking", "active"))["reason"] == ""
    assert said(await served.call("blocking_fine")) == "fine"


async def test_a_tool_that_spins_slows_the_others_and_stops_none(served: Line) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(served.client.call_tool, "blocking_spin", {"seconds": 1.5})
        await served.board.noted("spin begins")
        await served.healthy_answers()
        assert "spin ends" not in served.board.journal()
        await served.board.noted("spin ends")
    assert (await served.row("blocking", "active"))["reason"] == ""


# --- fails again and again ----------------------------------------------------------------------------------------


async def test_only_faults_blow_the_fuse_and_it_closes_again_after_the_cool_down(served: Line) -> None:
    for _ in range(10):
        assert "you asked for it" in said(await served.call("failing_fail", how="tool_error"), error=True)
        assert "wrong arguments" in said(await served.call("failing_fail", whow="fault"), error=True)
    for _ in range(2):
        assert "failed unexpectedly" in said(await served.call("failing_fail", how="fault"), error=True)
    assert said(await served.call("failing_fail", how="no")) == "no failure"
    for _ in range(3):
        assert "failed unexpectedly" in said(await served.call("failing_fail", how="fault"), error=True)
    before = len(served.board.journal())
    text, seconds = await took(served, "failing_fail", how="no")
    assert re.search(r"failing does not work at the moment: .*failed unexpectedly.*tried again in 0\.\d s", text)
    assert (seconds < 0.5, len(served.board.journal())) == (True, before)
    row = await served.row("failing", "degraded")
    assert (row["stage"], "failing_fail failed unexpectedly" in row["reason"]) == ("call", True)
    await served.healthy_answers()
    await until(answered(time.monotonic() + 0.5), "the end of the cool-down")
    assert said(await served.call("failing_fail", how="no")) == "no failure"
    assert (await served.row("failing", "active"))["reason"] == ""


def answered(moment: float) -> Callable[[], bool]:
    """Whether the moment has come."""
    return lambda: time.monotonic() > moment


async def test_missed_deadlines_are_faults_and_cancels_are_not(served: Line) -> None:
    for _ in range(5):
        before = served.board.journal().count("fail hang")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(served.client.call_tool, "failing_fail", {"how": "hang"})
            await served.board.noted(*["fail hang"] * (before + 1))
            tasks.cancel_scope.cancel()
    assert said(await served.call("failing_fail", how="no")) == "no failure"
    for _ in range(3):
        assert "did not end within 0.3 s" in said(await served.call("failing_fail", how="hang"), error=True)
    before = served.board.journal()
    text = said(await served.call("failing_fail", how="no"), error=True)
    assert "did not end within 0.3 s" in text
    assert "tried again in" in text
    assert served.board.journal() == before


# --- is flooded ---------------------------------------------------------------------------------------------------


async def test_calls_beyond_the_places_and_the_queue_are_busy_at_once_and_the_others_are_answered(served: Line) -> None:
    texts: list[str] = []
    busy_after: list[float] = []
    begun = time.monotonic()

    async def wait(number: int) -> None:
        result = await served.client.call_tool("flooded_wait", {"number": number})
        if result.is_error:
            busy_after.append(time.monotonic() - begun)
        texts.append(said(result, error=bool(result.is_error)))

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(wait, number)
            await served.healthy_answers()
    busy = [text for text in texts if text.startswith("flooded is busy: 2 calls run and 2 wait")]
    assert (len(busy), len(texts)) == (6, 10)
    assert max(busy_after) < AT_ONCE
    assert said(await served.call("flooded_fine")) == "fine"
    assert (await served.row("flooded"))["state"] == "active"


# --- loses its backend --------------------------------------------------------------------------------------------


async def test_a_plugin_that_loses_its_backend_fails_fast_with_the_reason_and_recovers(
    served: Line, backend_port: int
) -> None:
    async def echo(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            async for data in stream:
                await stream.send(data)

    async def serve(*, task_status: anyio.abc.TaskStatus[anyio.CancelScope]) -> None:
        with anyio.CancelScope() as scope:
            async with await anyio.create_tcp_listener(
                local_host="127.0.0.1", local_port=backend_port, reuse_port=True
            ) as listener:
                task_status.started(scope)
                await listener.serve(echo)

    async with anyio.create_task_group() as tasks:
        backend = await tasks.start(serve)
        await works(served)
        backend.cancel()
        await anyio.wait_all_tasks_blocked()
        assert "the backend does not answer" in said(await served.call("backend_ask", text="lost"), error=True)
        row = await served.row("backend", "degraded")
        assert "nothing listens at the backend's port" in row["reason"]
        text, seconds = await took(served, "backend_ask", text="lost")
        assert "backend" in text
        assert seconds < 1
        await served.healthy_answers()
        backend = await tasks.start(serve)
        await works(served)
        assert (await served.row("backend", "active"))["reason"] == ""
        backend.cancel()


async def works(served: Line) -> None:
    """Wait until the tool answers."""
    with anyio.fail_after(PATIENCE):
        while (result := await served.client.call_tool("backend_ask", {"text": "hello"})).is_error:
            await anyio.sleep(0.05)
    assert said(result) == "hello"
