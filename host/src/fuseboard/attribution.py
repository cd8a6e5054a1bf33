"""Whose code is running: the answer to "who printed this?".

Three sources, the surest first: the name of the thread (a circuit names its own), the context variable (a call
carries it into `asyncio.to_thread` and onto a shared loop), and the only plugin that is at work right now.
"""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar
from types import TracebackType

STILL_HEARD = 0.2
"""Seconds for which a plugin that has just finished may still own bytes that nobody has read yet."""

HOUSE = "fuseboard"
"""The host's own contributions run like a plugin's, but print nothing."""

current_plugin: ContextVar[str | None] = ContextVar("fuseboard_current_plugin", default=None)
"""The plugin whose code this task runs; None is the host."""

_thread = threading.local()
_at_work: dict[str, int] = {}
_finished: dict[str, float] = {}
_lock = threading.Lock()


def name_thread(name: str | None) -> None:
    """Say that everything on this thread is the plugin's; None takes it back. A thread's end forgets it."""
    _thread.plugin = name


def writer() -> str | None:
    """The plugin whose code runs here and now; None when it is the host or nobody can tell."""
    return getattr(_thread, "plugin", None) or current_plugin.get() or sole_worker()


class busy:  # noqa: N801 - it is used as a function: `with busy("oci"):`
    """The plugin is importing or running a call while the block lasts. Blocks may nest and overlap.

    Args:
        plugin: its name.
    """

    __slots__ = ("_plugin",)

    def __init__(self, plugin: str) -> None:
        self._plugin = plugin

    def __enter__(self) -> None:
        with _lock:
            _at_work[self._plugin] = _at_work.get(self._plugin, 0) + 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _lock:
            if _at_work[self._plugin] > 1:
                _at_work[self._plugin] -= 1
            else:
                del _at_work[self._plugin]
            _finished[self._plugin] = time.monotonic()


def sole_worker() -> str | None:
    """The only plugin that is at work, or has been a moment ago; None if there is none or more than one.

    A line on a file descriptor is read after it was written, often when the writer has already returned: hence the
    moment of grace.
    """
    with _lock:
        heard_since = time.monotonic() - STILL_HEARD
        found = set(_at_work)
        found.update(name for name, ended in _finished.items() if ended > heard_since)
        found.discard(HOUSE)
    return found.pop() if len(found) == 1 else None
