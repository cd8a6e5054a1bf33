"""The watchdog: notices a loop that stands still, and names the plugin, the tool and the line that block it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic, process_time

from fuseboard.loop_thread import LoopThread
from fuseboard.reasons import place_of_thread

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.25
STANDS_STILL_AFTER = 1.0


@dataclass(slots=True)
class _Watched:
    """One loop: when it was asked for a sign of life that has not come yet, and whether that was reported."""

    lane: LoopThread
    asked_at: float | None = None
    reported: bool = False

    def answered(self) -> None:
        self.asked_at = None


class Watchdog:
    """A thread of its own, so that it also sees the host's loop stand still. It sleeps while no call runs.

    Args:
        is_busy: whether any call runs.
        report: `(plugin, text)`, called from the watchdog's thread: what blocks, or "" when it goes on.
    """

    def __init__(self, is_busy: Callable[[], bool], report: Callable[[str, str], None]) -> None:
        self._is_busy = is_busy
        self._report = report
        self._watched: dict[str, _Watched] = {}
        self._work = threading.Event()
        self._ended = threading.Event()
        self._stood_still = 0.0
        self._thread = threading.Thread(target=self._watch, name="fuseboard-watchdog", daemon=True)

    def start(self, lanes: Iterable[LoopThread]) -> None:
        """Begin to watch these loops."""
        self._watched = {lane.plugin: _Watched(lane) for lane in lanes}
        self._thread.start()

    def call_begins(self) -> None:
        """Wake up: from here on loops are asked for signs of life."""
        if not self._work.is_set():
            self._work.set()

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        self._work.set()

    def _watch(self) -> None:
        while self._work.wait() and not self._ended.is_set():
            for watched in self._watched.values():
                self._look(watched)
            self._pause()
            if not self._is_busy() and not any(watched.reported for watched in self._watched.values()):
                self._work.clear()
                if self._is_busy() or self._ended.is_set():  # either may have come just before the line above
                    self._work.set()

    def _pause(self) -> None:
        """Wait for the next look. A time in which the machine did not run this process is charged to nobody."""
        begun, worked = monotonic(), process_time()
        self._ended.wait(LOOK_EVERY)
        self._stood_still += max(0.0, monotonic() - begun - LOOK_EVERY - (process_time() - worked))

    def _now(self) -> float:
        return monotonic() - self._stood_still

    def _look(self, watched: _Watched) -> None:
        lane, asked_at = watched.lane, watched.asked_at  # read once: the answer comes from another thread
        if asked_at is None:
            if watched.reported:
                watched.reported = False
                logger.warning("%s: its loop goes on", lane.plugin)
                self._report(lane.plugin, "")
            watched.asked_at = self._now()
            lane.mail.post(watched.answered)
        elif not watched.reported and self._now() - asked_at > STANDS_STILL_AFTER:
            watched.reported = True
            text = f"{_task_of(lane)}{place_of_thread(lane.thread or threading.main_thread())}"
            logger.error("%s blocks its event loop: %s", lane.plugin, text)
            self._report(lane.plugin, text)


def _task_of(lane: LoopThread) -> str:
    try:
        task = asyncio.current_task(lane.loop)
    except RuntimeError:
        task = None
    return task.get_name() if task is not None else "no task"
