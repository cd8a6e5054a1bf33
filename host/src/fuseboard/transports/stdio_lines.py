"""Lines from a file descriptor, without a thread where the system can tell when bytes are there."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections import deque

logger = logging.getLogger(__name__)

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes of the longest line that is accepted."""

READ_AT_ONCE = 64 * 1024
QUEUED_LINES = 1024
QUEUED_BYTES = 1024 * 1024


class Lines:
    """The lines that come from a file descriptor: a pipe, a socket, a terminal or a file.

    Args:
        fd: where to read.
        longest: bytes of the longest line; a longer one is given as None as soon as it is known to be too long.
    """

    def __init__(self, fd: int, longest: int) -> None:
        self._fd = fd
        self._longest = longest
        self._loop = asyncio.get_running_loop()
        self._whole: deque[bytes | None] = deque()
        self._queued = 0
        self._start: list[bytes] = []
        self._length = 0
        self._skipping = False
        self._ended = False
        self._paused = False
        self._news = asyncio.Event()
        self._go = threading.Event()
        self._threaded = False
        self._listen()

    async def next(self) -> bytes | None:
        """The next line without its end; None for one that was too long.

        Raises:
            EOFError: there are no more.
        """
        while not self._whole:
            if self._ended:
                raise EOFError
            self._news.clear()
            await self._news.wait()
        line = self._whole.popleft()
        self._queued -= len(line or b"")
        if self._paused and not self._whole and not self._ended:
            self._listen()
        return line

    def close(self) -> None:
        """Stop reading."""
        self._ended = True
        self._pause()
        self._news.set()

    def _listen(self) -> None:
        self._paused = False
        if not self._threaded:
            try:
                self._loop.add_reader(self._fd, self._readable)
                return
            except (NotImplementedError, OSError):
                # A regular file, the null device, or Windows: nobody tells when bytes are there.
                self._threaded = True
                threading.Thread(target=self._read_on, name="fuseboard-stdin", daemon=True).start()
        self._go.set()

    def _pause(self) -> None:
        self._paused = True
        if not self._threaded:
            self._loop.remove_reader(self._fd)

    def _read_on(self) -> None:
        data = b"first"
        while data:
            self._go.wait()
            self._go.clear()  # the loop asks for the next piece, else a large file would be read into memory
            data = self._read()
            try:
                self._loop.call_soon_threadsafe(self._take, data)
            except RuntimeError:
                return  # the loop is closed

    def _readable(self) -> None:
        self._take(self._read())

    def _read(self) -> bytes:
        try:
            return os.read(self._fd, READ_AT_ONCE)
        except OSError as error:
            logger.debug("standard input ended: %s", error)  # a terminal that was closed
            return b""

    def _take(self, data: bytes) -> None:
        *heads, tail = data.split(b"\n")
        for head in heads:
            self._grow(head)
            self._finish()
        self._grow(tail)
        if not data:
            if self._start:
                self._finish()
            self._ended = True
        self._news.set()
        if self._ended or self._queued > QUEUED_BYTES or len(self._whole) > QUEUED_LINES:
            self._pause()
        else:
            self._go.set()

    def _grow(self, data: bytes) -> None:
        if self._skipping or not data:
            return
        self._start.append(data)
        self._length += len(data)
        if self._length > self._longest:
            self._start.clear()
            self._skipping = True
            self._whole.append(None)

    def _finish(self) -> None:
        if not self._skipping:
            line = b"".join(self._start)
            self._whole.append(line)
            self._queued += len(line)
        self._start.clear()
        self._length = 0
        self._skipping = False
