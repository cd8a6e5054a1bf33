"""The log's file: ten megabytes, and five older ones of that size."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import time
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path

LARGEST = 10 * 1024 * 1024
"""Bytes of one file."""

OLDER = 5
"""Files that are kept beside the newest one."""

LOOK_EVERY = 1.0
"""Seconds between two looks at whether the file is still there."""


class LogFile(RotatingFileHandler):
    """A file that never fails a call.

    Args:
        path: created when missing, appended to otherwise.
        complain: told when it cannot be written, once until it can be written again.

    Raises:
        BlockingIOError: another process writes it: two would rename it under each other.
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path, complain: Callable[[str], None]) -> None:
        # A pipe would keep the start waiting, and what standard output gets is logged again.
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "it is no file")
        self._lock_file = _locked(path)
        self._complain = complain
        self._failed, self._reason = False, ""
        self._looked = 0.0
        super().__init__(path, maxBytes=LARGEST, backupCount=OLDER, encoding="utf-8", errors="backslashreplace")

    def write(self, line: str) -> None:
        """Write a line."""
        before, self._failed = self._failed, False
        self._look()
        # What a full disk has cut off must not run into the next line.
        torn = before and not _ends_with_newline(self.baseFilename)
        self.emit(logging.makeLogRecord({"msg": f"\n{line}" if torn else line}))
        if self._failed and not before:
            self._complain(f"the log file {self.baseFilename} cannot be written: {self._reason}")

    def _look(self) -> None:
        """What somebody has moved or removed would take the lines along, unseen: begin a new one."""
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY or self.stream is None:
            return
        self._looked = now
        try:
            if os.path.samestat(os.stat(self.baseFilename), os.fstat(self.stream.fileno())):
                return
        except FileNotFoundError:
            pass
        except OSError:
            return
        self.close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name that `logging` calls
        """Give up what could not be written, and try anew with the next line."""
        error = sys.exc_info()[1]
        self._failed, self._reason = True, getattr(error, "strerror", None) or type(error).__name__
        # What is still in its buffer cannot be written either; `emit` opens the file again.
        with contextlib.suppress(Exception):
            if self.stream is not None:
                self.stream.close()
        self.stream = None


def _ends_with_newline(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            return size == 0 or (file.seek(size - 1), file.read(1))[1] == b"\n"
    except OSError:
        return True


def _locked(path: Path) -> int | None:
    """A lock for as long as the process lives; Windows needs none, for there an open file cannot be renamed."""
    try:
        import fcntl
    except ImportError:
        return None
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
