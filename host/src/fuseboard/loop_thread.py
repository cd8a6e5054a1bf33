"""A thread with an event loop of its own, and the hop onto it and back."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from fuseboard import attribution

logger = logging.getLogger(__name__)


class Mailbox:
    """Callbacks for another thread's loop, with one wake-up for as many as arrive before it wakes.

    The wake-up is a system call, and the dearest part of a hop.
    """

    __slots__ = ("_items", "_loop", "_ringing")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._ringing = False

    def post(self, callback: Callable[..., object], *args: Any) -> None:
        """Run `callback(*args)` on the loop, from any thread. After the loop's end it is dropped."""
        self._items.append((callback, args))
        if not self._ringing:
            self._ringing = True
            self._ring()

    def _ring(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._empty)
        except RuntimeError:
            logger.debug("dropped a callback: the loop is closed")

    def _empty(self) -> None:
        self._ringing = False  # first: whatever is posted from here on rings again
        for _ in range(len(self._items)):
            callback, args = self._items.popleft()
            try:
                callback(*args)
            except Exception:
                logger.exception("a callback between two loops raised")


class Escaped(Exception):
    """A plugin let out something that is no `Exception`: SystemExit, KeyboardInterrupt and the like."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(f"{type(cause).__name__} left the plugin's code")
        self.cause = cause


class Visit:
    """One coroutine that runs on another loop, seen from the host's loop.

    Attributes:
        outcome: a future of the host's loop with the coroutine's result or exception.
        abandoned: whether `cancel` was called, so a `CancelledError` is ours and not the plugin's.
    """

    __slots__ = ("_away", "_on_end", "_task", "abandoned", "outcome")

    def __init__(self, home: asyncio.AbstractEventLoop, away: Mailbox, on_end: Callable[[], None] | None) -> None:
        self.outcome: asyncio.Future[Any] = home.create_future()
        self.abandoned = False
        self._away = away
        self._on_end = on_end
        self._task: asyncio.Task[Any] | None = None

    def cancel(self) -> None:
        """Ask the coroutine to end; the visit's place is kept until it has."""
        self.abandoned = True
        self._away.post(self._cancel_there)

    def _cancel_there(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def begin(self, task: asyncio.Task[Any]) -> None:
        """On the other loop: the coroutine has become this task."""
        self._task = task
        if self.abandoned:
            task.cancel()

    def settle(self, result: Any, error: BaseException | None) -> None:
        """On the host's loop: the coroutine has ended."""
        if self._on_end is not None:
            self._on_end()
        if self.outcome.done():
            return
        if error is None:
            self.outcome.set_result(result)
        else:
            self.outcome.set_exception(error)
            self.outcome.exception()  # seen: whoever waited may be gone, which is no reason for a warning


Work = Callable[[], Coroutine[Any, Any, Any]]
"""What is to run on another loop. A function and no coroutine: one that never starts leaves nothing behind."""


async def _contained(work: Work) -> Any:
    """Run, and turn what would end the loop (SystemExit and the like) into an ordinary exception."""
    try:
        return await work()
    except (Exception, asyncio.CancelledError):
        raise
    except BaseException as error:
        raise Escaped(error) from error


class LoopThread:
    """The thread and the loop of one plugin.

    Args:
        plugin: the plugin's name; the thread carries it.
        home: the host's loop, where outcomes are delivered.
        shared: run on `home` itself instead of a thread of its own.
    """

    def __init__(self, plugin: str, home: asyncio.AbstractEventLoop, home_mail: Mailbox, *, shared: bool) -> None:
        self.plugin = plugin
        self.home = home
        self.home_mail = home_mail
        self.shared = shared
        self.loop = home if shared else asyncio.new_event_loop()
        self.mail = Mailbox(self.loop)
        self.thread: threading.Thread | None = None
        self._stopping = False

    def start(self) -> None:
        """Start the thread (nothing to do on a shared loop)."""
        if not self.shared:
            self.thread = threading.Thread(target=self._live, name=f"fuseboard-{self.plugin}", daemon=True)
            self.thread.start()

    def _live(self) -> None:
        attribution.name_thread(self.plugin)
        asyncio.set_event_loop(self.loop)
        while not self._stopping:
            try:
                self.loop.run_forever()
            except (SystemExit, KeyboardInterrupt) as escaped:
                # A background task of the plugin raised it; the loop is entered again, the others go on.
                logger.error("%s: %s left a background task; its loop goes on", self.plugin, type(escaped).__name__)
        self._close()

    def _close(self) -> None:
        try:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        except BaseException as error:
            logger.warning("%s: an asynchronous generator did not close: %s", self.plugin, type(error).__name__)
        self.loop.close()

    def visit(self, work: Work, *, name: str, on_end: Callable[[], None] | None = None) -> Visit:
        """Run something there, in a copy of the caller's context. Called on the host's loop.

        Args:
            work: what to run.
            name: the task's name, which the watchdog shows.
            on_end: called on the host's loop when it has ended, however it ended.
        """
        visit = Visit(self.home, self.mail, on_end)
        context = contextvars.copy_context()
        self.mail.post(self._begin, visit, work, name, context)
        return visit

    def _begin(self, visit: Visit, work: Work, name: str, context: contextvars.Context) -> None:
        task = self.loop.create_task(_contained(work), name=name, context=context)
        visit.begin(task)
        task.add_done_callback(lambda task: self._ended(visit, task))

    def _ended(self, visit: Visit, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            self.home_mail.post(visit.settle, None, Escaped(asyncio.CancelledError()))
        elif (error := task.exception()) is not None:
            self.home_mail.post(visit.settle, None, error)
        else:
            self.home_mail.post(visit.settle, task.result(), None)

    def stop(self) -> None:
        """End the loop and the thread as soon as the loop is free. Does not wait."""
        if self.shared:
            return
        self._stopping = True
        if self.thread is None:
            self.loop.close()  # it was never started
        else:
            self.mail.post(self.loop.stop)

    async def join(self, timeout: float) -> bool:
        """Whether the thread has ended within `timeout` seconds."""
        if self.thread is None:
            return True
        deadline = self.home.time() + timeout
        while self.thread.is_alive() and self.home.time() < deadline:  # noqa: ASYNC110 - a thread sets no event
            await asyncio.sleep(0.005)
        return not self.thread.is_alive()
