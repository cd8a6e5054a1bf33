"""Standard error as the log's way out: it never raises and never waits for whoever should read it."""

from __future__ import annotations

import contextlib
import os
import select
import stat
import sys
import time
from collections.abc import Callable

MOST_WAITING = 256 * 1024
"""Bytes that wait for a reader; when there are more, the newest lines are dropped and counted."""

CHUNK = 4096
"""Bytes that a pipe takes at once when it says that it can take any."""

LAST_WORDS = 0.3
"""Seconds that the reader gets at the end of the process."""


class StandardError:
    """A client that never reads standard error must not stop the server when the pipe is full.

    It keeps a descriptor of its own: a plugin that closes descriptor 2 would otherwise have the log written into
    whatever file is opened next.

    Args:
        announcement: makes a line of its own words.
    """

    def __init__(self, announcement: Callable[[str], str]) -> None:
        self._announcement = announcement
        self._waiting = bytearray()
        self._dropped = 0
        self._is_midline = self._is_torn = False
        self._fd: int | None = None
        self._poll: select.poll | None = None
        with contextlib.suppress(AttributeError, OSError, ValueError):
            self._fd = os.dup(sys.stderr.fileno())
            is_file = stat.S_ISREG(os.fstat(self._fd).st_mode)
            # Windows has no `poll`: there a write simply waits.
            if not is_file and hasattr(select, "poll"):
                self._poll = select.poll()
                self._poll.register(self._fd, select.POLLOUT)

    def write(self, line: str, *, has_followers: bool = False) -> None:
        """Write a line, or keep it for later; the caller has the lock.

        Args:
            line: without its end.
            has_followers: another one comes at once: a few of them are written together.
        """
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        if self._fd is None:
            # Whoever stands in for standard error, as in a test, or nobody at all.
            with contextlib.suppress(Exception):
                sys.stderr.write(data.decode())
            return
        if self._is_torn:
            data, self._is_torn = b"\n" + data, False
        if self._waiting and len(self._waiting) + len(data) > MOST_WAITING:
            self._dropped += 1
        else:
            self._waiting += data
        if not has_followers or len(self._waiting) >= CHUNK:
            self._write_what_fits(0)

    def catch_up(self) -> bool:
        """Write what the reader takes now; whether nothing waits any more."""
        if self._waiting:
            self._write_what_fits(0)
        return not self._waiting

    def flush(self) -> None:
        """Give the reader a moment to take what waits."""
        end = time.monotonic() + LAST_WORDS
        while self._waiting and (left := end - time.monotonic()) > 0:
            self._write_what_fits(left)

    def _write_what_fits(self, seconds: float) -> None:
        assert self._fd is not None
        try:
            while self._waiting and self._can_take(seconds):
                chunk = bytes(self._waiting[:CHUNK] if self._poll is not None else self._waiting)
                written = os.write(self._fd, chunk)
                self._is_midline = chunk[:written][-1:] != b"\n"
                del self._waiting[:written]
        except BlockingIOError:
            return  # another process has made the shared pipe non-blocking
        except OSError:
            # Closed, or a full disk: there is nobody to tell until it takes a line again.
            self._dropped += self._waiting.strip().count(b"\n") + 1
            self._waiting.clear()
            self._is_torn = self._is_midline
            return
        if self._dropped and not self._waiting:
            lost, self._dropped = self._dropped, 0
            self.write(self._announcement(f"{lost} lines of the log were dropped: standard error did not take them"))

    def _can_take(self, seconds: float) -> bool:
        return self._poll is None or bool(self._poll.poll(seconds * 1000))
