"""Plugins that hang, block, fail again and again, are flooded or lose their backend: only their own circuit suffers."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.host.faults.running import AT_ONCE, PATIENCE, TWO_WAYS, Board, Line, line, said, until

pytestmark = pytest.mark.anyio

FUSES: Mapping[str, Mapping[str, Any]] = {
    "hanging": {"call_timeout": 0.5, "fault_threshold": 1000},
    "held": {"call_timeout": 0.3, "max_calls": 2, "max_queue": 2, "fault_threshold": 1000},
    "stuck": {"call_timeout": 0.3, "max_calls": 2, "max_queue": 0, "fault_threshold": 1000, "stop_timeout": 0.3},
    "blocking": {"call_timeout": 0.5, "fault_threshold": 1000},
    "failing": {"fault_threshold": 3, "cool_down": 10},
    "mending": {"fault_threshold": 3, "cool_down": 0.5},
    "tardy": {"call_timeout": 0.3, "fault_threshold": 3, "cool_down": 10},
    "flooded": {"call_timeout": 600, "max_calls": 2, "max_queue": 2},
    "backend": {"cool_down": 0.3},
}
"""A limit is short only where a test waits for its end; what must succeed has a minute and more."""


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
def backend_port() -> Iterator[int]:
    """A port where nothing listens until a test does; nobody else gets it, since it stays bound."""
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        keeper.bind(("127.0.0.1", 0))
        yield int(keeper.getsockname()[1])


async def refused(served: Line, tool: str, **arguments: object) -> str:
    """Call a tool that fails: its text."""
    return said(await served.call(tool, **arguments), error=True)


async def missed(served: Line, tool: str, begins: str, **arguments: object) -> str:
    """Call a tool that misses its deadline, until it has begun: its text.

    Once is enough, unless the machine stood still for the whole time that the call had.
    """
    with anyio.fail_after(PATIENCE):
        while True:
            text = await refused(served, tool, **arguments)
            if begins in served.board.journal():
                return text


# --- hangs --------------------------------------------------------------------------------------------------------


async def test_a_tool_that_hangs_is_cancelled_at_its_deadline(served: Line) -> None:
    begun = time.monotonic()
    text = await missed(served, "hanging_hang", "slow begins", name="slow")
    assert "hanging_hang did not end within 0.5 s" in text
    assert time.monotonic() - begun > 0.4
    await served.board.noted("slow was cancelled")
    assert said(await served.call("hanging_fine")) == "fine"


async def test_a_tool_that_hangs_in_a_thread_is_given_up_at_its_deadline(served: Line) -> None:
    text = await missed(served, "hanging_hang_in_a_thread", "thread begins", name="thread")
    assert "did not end within 0.5 s" in text
    await served.healthy_answers()
    assert "thread ends" not in served.board.journal()
    assert said(await served.call("hanging_release")) == "released"
    await served.board.noted("thread ends")


async def test_a_thread_that_hangs_keeps_its_place_so_threads_never_pile_up(served: Line) -> None:
    def begun() -> int:
        return len([note for note in served.board.journal() if re.fullmatch(r"held \d+ begins", note)])

    assert "did not end within 0.3 s" in await refused(served, "held_hang_for_ever", name="held 0")
    with anyio.fail_after(PATIENCE):
        for number in count(1):
            assert "within 0.3 s" in await refused(served, "held_hang_for_ever", name=f"held {number}")
            if begun() >= 2:
                break
    for further in range(number + 1, number + 4):
        text = await refused(served, "held_hang_for_ever", name=f"held {further}")
        assert "got no place within 0.3 s" in text
    assert begun() == 2
    await served.healthy_answers()


async def test_a_tool_that_ignores_its_cancel_is_answered_at_its_deadline_and_keeps_its_place(served: Line) -> None:
    def ignoring() -> int:
        return len({note for note in served.board.journal() if note.endswith(" ignores the cancel")})

    assert "did not end within 0.3 s" in await refused(served, "stuck_ignore_cancel", name="stuck 0")
    with anyio.fail_after(PATIENCE):
        for number in count(1):
            text = await refused(served, "stuck_ignore_cancel", name=f"stuck {number}")
            assert re.search("did not end within 0.3 s|stuck is busy", text)
            if ignoring() >= 2:
                break
    assert "stuck is busy" in await refused(served, "stuck_fine")
    await served.healthy_answers()


@pytest.mark.parametrize("how", ["raises", "returns"])
async def test_what_a_tool_makes_of_its_cancel_changes_nothing(served: Line, how: str) -> None:
    text = await missed(served, "hanging_spoil_cancel", f"{how} begins", how=how)
    assert "did not end within 0.5 s" in text
    await served.board.noted(f"spoils the cancel: {how}")
    assert said(await served.call("hanging_fine")) == "fine"


# --- blocks its loop ----------------------------------------------------------------------------------------------


async def test_a_tool_that_blocks_its_loop_is_named_with_its_line_and_holds_up_only_its_own_plugin(
    served: Line,
) -> None:
    answers: list[str] = []

    async def block() -> None:
        answers.append(await missed(served, "blocking_block", "block begins"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(block)
        await served.board.noted("block begins")
        await served.healthy_answers()
        assert "did not end within 0.5 s" in await refused(served, "blocking_brief")
        await until(lambda: answers, "the answer to the call that blocks")
        assert "did not end within 0.5 s" in answers[0]
        row = await served.row("blocking", "degraded", "blocking_block")
        assert re.search(r"fuseboard_faulty/circuits\.py:\d+ in block", row["reason"])
        assert re.search(r"blocking blocks its event loop: blocking_block at .*circuits\.py:\d+", served.board.log())
        await served.healthy_answers()
        assert "block ends" not in served.board.journal()
        served.board.release("block")
    await served.board.noted("block ends")
    assert (await served.row("blocking", "active"))["reason"] == ""
    assert said(await served.call("blocking_fine")) == "fine"


async def test_a_tool_that_spins_slows_the_others_and_stops_none(served: Line) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(missed, served, "blocking_spin", "spin begins")
        await served.board.noted("spin begins")
        await served.healthy_answers()
    # The call is answered at its deadline, while the tool still spins.
    assert "spin ends" not in served.board.journal()
    served.board.release("spin")
    await served.board.noted("spin ends")
    assert (await served.row("blocking", "active"))["reason"] == ""


# --- fails again and again ----------------------------------------------------------------------------------------


async def test_only_faults_blow_the_fuse(served: Line) -> None:
    for _ in range(10):
        assert "you asked for it" in await refused(served, "failing_fail", how="tool_error")
        assert "wrong arguments" in await refused(served, "failing_fail", whow="fault")
    for _ in range(2):
        assert "failed unexpectedly" in await refused(served, "failing_fail", how="fault")
    assert said(await served.call("failing_fail", how="no")) == "no failure"
    for _ in range(3):
        assert "failed unexpectedly" in await refused(served, "failing_fail", how="fault")
    before = served.board.journal().count("fail no")
    text = await refused(served, "failing_fail", how="no")
    assert re.search(r"failing does not work at the moment: .*failed unexpectedly.*tried again in \d+\.\d s", text)
    assert served.board.journal().count("fail no") == before
    row = await served.row("failing", "degraded", "failing_fail failed unexpectedly")
    assert row["stage"] == "call"
    await served.healthy_answers()


async def test_a_blown_fuse_closes_again_after_the_cool_down(served: Line) -> None:
    for _ in range(3):
        assert "failed unexpectedly" in await refused(served, "mending_fail", how="fault")
    await served.row("mending", "degraded", "mending_fail failed unexpectedly")
    await works(served, "mending_fail", how="no")
    assert (await served.row("mending", "active"))["reason"] == ""


async def test_calls_that_are_cancelled_are_no_faults(served: Line) -> None:
    await works(served, "mending_fail", how="no")
    for _ in range(5):
        before = served.board.journal().count("fail hang")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(served.client.call_tool, "mending_fail", {"how": "hang"})
            await served.board.noted(*["fail hang"] * (before + 1))
            tasks.cancel_scope.cancel()
    assert said(await served.call("mending_fail", how="no")) == "no failure"
    await served.row("mending", "active")


async def test_missed_deadlines_are_faults(served: Line) -> None:
    for _ in range(3):
        assert "did not end within 0.3 s" in await refused(served, "tardy_fail", how="hang")
    before = served.board.journal().count("fail no")
    text = await refused(served, "tardy_fail", how="no")
    assert "did not end within 0.3 s" in text
    assert "tried again in" in text
    assert served.board.journal().count("fail no") == before


# --- is flooded ---------------------------------------------------------------------------------------------------


async def test_calls_beyond_the_places_and_the_queue_are_busy_at_once_and_the_others_are_answered(served: Line) -> None:
    """Those that run keep their places until the others are refused."""
    texts: list[str] = []

    async def hold(number: int) -> None:
        result = await served.client.call_tool("flooded_hold", {"number": number})
        texts.append(said(result, error=bool(result.is_error)))

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(hold, number)
            await served.healthy_answers()
            await until(lambda: len(texts) == 6, "the refusals")
            assert [text for text in texts if not text.startswith("flooded is busy: 2 calls run and 2 wait")] == []
            served.board.release("flooded")
    assert (len(texts), set(texts[6:]) <= set(map(str, range(10)))) == (10, True)
    assert said(await served.call("flooded_fine")) == "fine"
    await served.row("flooded", "active")


# --- loses its backend --------------------------------------------------------------------------------------------


async def test_a_plugin_that_loses_its_backend_fails_fast_with_the_reason_and_recovers(
    served: Line, backend_port: int
) -> None:
    async with echoing(backend_port):
        await works(served, "backend_ask", text="hello")
        await served.row("backend", "active")
    assert "the backend does not answer" in await refused(served, "backend_ask", text="lost")
    await served.row("backend", "degraded", "nothing listens at the backend's port")
    with anyio.fail_after(AT_ONCE):
        assert "backend" in await refused(served, "backend_ask", text="lost")
    await served.healthy_answers()
    async with echoing(backend_port):
        await works(served, "backend_ask", text="hello")
        assert (await served.row("backend", "active"))["reason"] == ""


@asynccontextmanager
async def echoing(port: int) -> AsyncIterator[None]:
    """A backend that returns what it gets; at the end nothing listens there any more."""

    async def echo(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            async for data in stream:
                await stream.send(data)

    async def serve(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        async with await anyio.create_tcp_listener(
            local_host="127.0.0.1", local_port=port, reuse_port=True
        ) as listener:
            task_status.started()
            await listener.serve(echo)

    async with anyio.create_task_group() as tasks:
        await tasks.start(serve)
        yield
        tasks.cancel_scope.cancel()


async def works(served: Line, tool: str, **arguments: object) -> None:
    """Wait until the tool answers."""
    with anyio.fail_after(PATIENCE):
        while (await served.client.call_tool(tool, arguments)).is_error:
            await anyio.sleep(0.05)
