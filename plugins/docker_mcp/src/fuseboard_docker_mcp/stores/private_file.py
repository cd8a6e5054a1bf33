"""One JSON object in a private file: nobody else reads it, no write is lost, a half-written one is never seen."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fuseboard_docker_mcp.errors import DockerMcpError

MOST_BYTES = 16 * 2**20
LOCK_SECONDS = 10.0


class PrivateFile:
    """A JSON object in a file of mode 0600, in a folder of mode 0700. Every method blocks: call it in a worker thread.

    Args:
        path: of the file; its folder is made when something is written.
        failed: class of the error for everything that goes wrong.
        lock_seconds: how long a write waits for another process that writes.
    """

    def __init__(self, path: Path, failed: type[DockerMcpError], lock_seconds: float = LOCK_SECONDS) -> None:
        self.path = path
        self._failed = failed
        self._lock_seconds = lock_seconds

    def read(self) -> dict[str, Any]:
        """The object; an empty one when there is no file yet.

        Raises:
            DockerMcpError: of the class `failed`, when the file is unreadable, not private, or no JSON object.
        """
        with self._explained("read"):
            try:
                # A link could lead to a file that somebody else chose, and a pipe would wait for a writer.
                descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except FileNotFoundError:
                return {}
            try:
                self._check_private(os.fstat(descriptor))
                with os.fdopen(descriptor, "rb", closefd=False) as file:
                    content = file.read(MOST_BYTES + 1)
            finally:
                os.close(descriptor)
        return self._parsed(content)

    @contextmanager
    def changing(self) -> Iterator[dict[str, Any]]:
        """Give the object to change in place; it is written when the block ends without an error and changed it."""
        with self._explained("write"):
            self._make_folder()
            lock = os.open(self._lock_path(), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            self._take(lock)
            content = self.read()
            before = _dumped(content)
            yield content
            if (after := _dumped(content)) != before:
                with self._explained("write"):
                    self._replace(after)
        finally:
            os.close(lock)

    def _lock_path(self) -> Path:
        return self.path.with_name(self.path.name + ".lock")

    def _take(self, lock: int) -> None:
        until = time.monotonic() + self._lock_seconds
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if not isinstance(error, BlockingIOError):
                    raise self._failed(f"{self._lock_path()} cannot be locked: {error.strerror}") from None
                if time.monotonic() > until:
                    raise self._failed(
                        f"another process has held {self._lock_path()} for {self._lock_seconds:g} s; try again"
                    ) from None
                time.sleep(0.005)
            else:
                return

    def _make_folder(self) -> None:
        folder = self.path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise self._failed(f"other users may write into {folder}; run: chmod 700 {folder}")

    def _check_private(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise self._failed(f"{self.path} is no regular file; move it away")
        if status.st_uid != os.geteuid():
            raise self._failed(f"{self.path} belongs to another user (uid {status.st_uid}); move it away")
        if status.st_mode & 0o077:
            raise self._failed(f"other users may open {self.path}; run: chmod 600 {self.path}")

    def _parsed(self, content: bytes) -> dict[str, Any]:
        if len(content) > MOST_BYTES:
            raise self._failed(f"{self.path} is larger than {MOST_BYTES} bytes; move it away")
        try:
            parsed = json.loads(content)
        # The text of the error would quote the content, so the place alone is told.
        except json.JSONDecodeError as error:
            wrong = f"line {error.lineno}, column {error.colno} is no JSON"
        except (UnicodeDecodeError, RecursionError):
            wrong = "it is no JSON"
        else:
            if isinstance(parsed, dict):
                return parsed
            wrong = "it holds no JSON object"
        raise self._failed(f"{self.path} is broken: {wrong}. It was left as it is; mend it or move it away")

    def _replace(self, content: bytes) -> None:
        if len(content) > MOST_BYTES:
            raise self._failed(f"{self.path} would become larger than {MOST_BYTES} bytes; remove something first")
        descriptor, temporary = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        _sync_folder(self.path.parent)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._failed(f"cannot {what} {self.path}: {error.strerror or type(error).__name__}") from None


def _dumped(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=1, sort_keys=True).encode() + b"\n"


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power cut; a file system that cannot do so has done all it can."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
