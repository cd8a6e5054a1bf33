"""The thread and the loop of one plugin: the hop there and back, and what a plugin may do to its loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fuseboard.loop_thread import Escaped, LoopThread, Mailbox, Visit
from tests.host.core.toys import LONG, seen, until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def lane() -> AsyncIterator[LoopThread]:
    """A thread that runs, and has ended after the test."""
    home = asyncio.get_running_loop()
    lane = LoopThread("toy", home, Mailbox(home), shared=False)
    lane.start()
    yield lane
    lane.stop()
    assert await lane.join(LONG)


async def ended(visit: Visit) -> Any:
    return await asyncio.wait_for(visit.outcome, LONG)


async def test_a_visit_runs_on_the_plugins_thread_and_its_result_comes_home(lane: LoopThread) -> None:
    async def where() -> tuple[str, bool]:
        return threading.current_thread().name, asyncio.get_running_loop() is lane.loop

    assert await ended(lane.visit(where, name="where")) == ("fuseboard-toy", True)


async def test_a_visit_sees_the_context_variables_of_the_one_who_calls(lane: LoopThread) -> None:
    colour: contextvars.ContextVar[str] = contextvars.ContextVar("colour", default="none")

    async def read() -> str:
        seen = colour.get()
        colour.set("changed there")
        return seen

    colour.set("red")
    assert await ended(lane.visit(read, name="read")) == "red"
    assert colour.get() == "red"


async def test_an_exception_comes_home_as_it_is(lane: LoopThread) -> None:
    async def fail() -> None:
        raise ValueError("of the plugin")

    with pytest.raises(ValueError, match="of the plugin"):
        await ended(lane.visit(fail, name="fail"))


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
async def test_what_would_end_a_loop_comes_home_as_an_ordinary_exception(
    lane: LoopThread, kind: type[BaseException]
) -> None:
    async def escape() -> None:
        raise kind

    with pytest.raises(Escaped) as escaped:
        await ended(lane.visit(escape, name="escape"))
    assert isinstance(escaped.value.cause, kind)


async def test_cancelling_a_visit_cancels_the_coroutine_there(lane: LoopThread) -> None:
    entered, cancelled, left = threading.Event(), threading.Event(), threading.Event()

    async def wait() -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    visit = lane.visit(wait, name="wait", on_end=left.set)
    await until(entered.is_set)
    visit.cancel()
    with pytest.raises(Escaped):
        await ended(visit)
    assert cancelled.is_set()
    assert left.is_set()
    assert visit.abandoned


async def test_a_visit_that_is_cancelled_before_it_begins_never_runs(lane: LoopThread) -> None:
    ran = threading.Event()

    async def run() -> None:
        ran.set()

    gate = threading.Event()
    lane.mail.post(gate.wait, LONG)
    visit = lane.visit(run, name="run")
    visit.cancel()
    gate.set()
    with pytest.raises(Escaped):
        await ended(visit)
    assert not ran.is_set()


async def test_the_end_of_a_visit_is_told_also_when_nobody_waits_for_it(lane: LoopThread) -> None:
    ends: list[str] = []

    async def fail() -> None:
        raise ValueError("nobody reads this")

    lane.visit(fail, name="fail", on_end=lambda: ends.append(threading.current_thread().name))
    await until(lambda: ends)
    assert ends == [threading.current_thread().name], "it is told on the host's thread"


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
async def test_the_loop_goes_on_after_a_background_task_tried_to_end_it(
    lane: LoopThread, kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    tasks: set[asyncio.Task[None]] = set()

    async def escape() -> None:
        raise kind

    async def leave_behind() -> None:
        tasks.add(asyncio.create_task(escape()))
        await asyncio.sleep(0)  # the task raises in this moment, and the loop is entered again
        await asyncio.sleep(0)

    async def answer() -> int:
        return 42

    await ended(lane.visit(leave_behind, name="leave behind"))
    assert await ended(lane.visit(answer, name="answer")) == 42
    assert f"toy: {kind.__name__} left a background task; its loop goes on" in caplog.messages
    assert isinstance(next(iter(tasks)).exception(), kind)


async def test_a_shared_lane_runs_on_the_hosts_own_loop() -> None:
    home = asyncio.get_running_loop()
    lane = LoopThread("toy", home, Mailbox(home), shared=True)
    lane.start()

    async def where() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert await ended(lane.visit(where, name="where")) is home
    lane.stop()
    assert await lane.join(0)


async def test_a_thread_that_blocks_cannot_be_joined_in_time() -> None:
    home = asyncio.get_running_loop()
    lane = LoopThread("toy", home, Mailbox(home), shared=False)
    lane.start()
    inside, gate = threading.Event(), threading.Event()

    def block() -> None:
        inside.set()
        gate.wait(LONG)

    lane.mail.post(block)
    await seen(inside)
    lane.stop()
    assert not await lane.join(0.05)
    gate.set()
    assert await lane.join(LONG)


async def test_a_mailbox_loses_nothing_of_many_threads_and_keeps_the_order_of_each() -> None:
    writers, letters = 8, 2000
    mail = Mailbox(asyncio.get_running_loop())
    read: dict[int, list[int]] = {writer: [] for writer in range(writers)}
    together = threading.Barrier(writers)

    def write(writer: int) -> None:
        together.wait(LONG)
        for number in range(letters):
            mail.post(read[writer].append, number)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    for thread in threads:
        thread.start()
    await until(lambda: sum(map(len, read.values())) == writers * letters)
    for thread in threads:
        thread.join(LONG)
    assert all(numbers == list(range(letters)) for numbers in read.values())


async def test_what_a_mailbox_callback_posts_is_run_as_well() -> None:
    mail = Mailbox(asyncio.get_running_loop())
    done = asyncio.Event()
    mail.post(mail.post, mail.post, done.set)
    await asyncio.wait_for(done.wait(), LONG)


async def test_a_mailbox_callback_that_raises_does_not_hold_up_the_next(caplog: pytest.LogCaptureFixture) -> None:
    mail = Mailbox(asyncio.get_running_loop())
    done = asyncio.Event()
    mail.post(int, "no number")
    mail.post(done.set)
    await asyncio.wait_for(done.wait(), LONG)
    assert "a callback between two loops raised" in caplog.messages


async def test_a_letter_to_a_loop_that_is_closed_is_dropped() -> None:
    loop = asyncio.new_event_loop()
    mail = Mailbox(loop)
    loop.close()
    mail.post(print, "never")
