"""Where all records end: formatted once, then written to standard error and into the file."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Literal

from fuseboard.logs.call_log import CALLS, tell_waiting
from fuseboard.logs.json_lines import JsonFormatter
from fuseboard.logs.standard_error import StandardError
from fuseboard.logs.text import TextFormatter

if TYPE_CHECKING:
    from fuseboard.logs.log_file import LogFile


LONGEST_PAUSE = 1.0
"""Seconds after which a reader that takes nothing is tried again."""


class Sink(logging.Handler):
    """A handler that neither raises nor waits.

    Args:
        form: how a record is written.
    """

    def __init__(self, form: Literal["text", "json"]) -> None:
        super().__init__()
        self.form: TextFormatter | JsonFormatter = JsonFormatter() if form == "json" else TextFormatter()
        self.file: LogFile | None = None
        self._error = StandardError(self.form.announcement)
        self._is_behind = False

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a record."""
        if record.name != CALLS:
            tell_waiting()
        # Formatted without the lock: a stranger's `__str__` may hang, and everybody else would wait.
        try:
            line = self.form.format(record)
        except BaseException as error:  # it may raise anything, and the log ends no process
            line = self.form.announcement(f"a record of {record.name!r} cannot be shown: {type(error).__name__}")
        self.write(line, has_followers=getattr(record, "has_followers", False))
        return True

    def write(self, line: str, *, has_followers: bool = False) -> None:
        """Write a line that is formatted already; with followers it may wait for them."""
        assert self.lock is not None
        with self.lock:
            self._error.write(line, has_followers=has_followers)
            if not (has_followers or self._is_behind or self._error.catch_up()):
                self._catch_up_soon()
            if self.file is not None:
                self.file.write(line)

    def _catch_up_soon(self) -> None:
        """The rest of a long line must not wait for the next one, which may be hours away."""
        self._is_behind = True
        try:
            threading.Thread(target=self._catch_up, name="fuseboard-log", daemon=True).start()
        except RuntimeError:  # no thread can be had, as at the end of the process
            self._is_behind = False

    def _catch_up(self) -> None:
        pause = 0.01
        assert self.lock is not None
        while self._is_behind:
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            with self.lock:
                self._is_behind = not self._error.catch_up()

    def say(self, text: str, level: str) -> None:
        """Write a word of the command's own, whatever the level of the log."""
        self.write(self.form.announcement(text, level))

    def complain(self, text: str) -> None:
        """Tell standard error alone, for example that the file cannot be written; called with the lock."""
        self._error.write(self.form.announcement(text, "error"))

    def flush(self) -> None:
        """Write what still waits, for a moment."""
        tell_waiting()
        assert self.lock is not None
        with self.lock:
            self._error.flush()

    def close(self) -> None:
        """Flush only: a plugin that sets up `logging` anew closes all handlers, and the host goes on logging."""
        self.flush()
