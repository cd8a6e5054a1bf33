"""Watches the loop of a plugin, finer than the host's watchdog: what stands still, for how long, and at which line."""

from __future__ import annotations

import re
import threading
from time import monotonic
from types import TracebackType

from fuseboard.grading.finding import Finding, error, warning
from fuseboard.loop_thread import LoopThread
from fuseboard.reasons import place_of_thread
from fuseboard.watchdog import STANDS_STILL_AFTER

LOOK_EVERY = 0.02
NOTICED_AFTER = 0.25
"""Seconds. From `STANDS_STILL_AFTER` on the host's watchdog reports it too."""
LINE = re.compile(r":\d+ in ")
NOT_THE_PLUGIN = ("selectors.py", "asyncio/")
"""A loop whose thread is in no code of the plugin stands still because the machine is busy."""


class LoopWatch:
    """A context manager; while it is entered, a thread asks the loop for signs of life.

    Args:
        lane: the plugin's loop.

    Attributes:
        longest: by file and function in which it stood still, the longest time in seconds, and the line.
    """

    def __init__(self, lane: LoopThread) -> None:
        self._lane = lane
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="fuseboard-grading", daemon=True)
        self.longest: dict[str, tuple[float, str]] = {}

    def __enter__(self) -> LoopWatch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(NOTICED_AFTER * 2)

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_EVERY):
            answered, asked = threading.Event(), monotonic()
            self._lane.mail.post(answered.set)
            if answered.wait(NOTICED_AFTER):
                continue
            place = place_of_thread(self._lane.thread)
            while not answered.wait(LOOK_EVERY) and not self._ended.is_set():
                pass
            if place and not any(name in place for name in NOT_THE_PLUGIN):
                function = LINE.sub(" in ", place)
                self.longest[function] = max(self.longest.get(function, (0.0, "")), (monotonic() - asked, place))


def stood_still(seconds: float, place: str) -> Finding:
    """A loop that stood still so long at this place."""
    make = error if seconds > STANDS_STILL_AFTER else warning
    text = f"its loop stood still for {seconds:.1f} s{place}"
    advice = "await an async function, or use a thread: anyio.to_thread.run_sync(...); meanwhile no call of it goes on"
    return make("loop-blocked", "", text, advice)
