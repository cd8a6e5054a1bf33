"""The process of a server: its pipes, its process group, and its certain end."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import threading
import time
from collections.abc import AsyncGenerator

import anyio

from fuseboard_docker_mcp.models import StdioLaunch
from fuseboard_docker_mcp.sessions.guardian import Guardian
from fuseboard_docker_mcp.sessions.tail import Tail

KILL_AFTER = 0.7
"""Seconds between SIGTERM and SIGKILL: the host abandons a plugin that has not stopped after one."""
LAST_READS = 0.1
"""Seconds that the pipes of a process that has ended are still read: something else may hold them open for ever."""
OWN_END = 0.2
"""Seconds that a process which closed its output gets to end by itself, so that its exit code can be told."""
READ_SIZE = 64 * 1024


class MessageTooLong(Exception):
    """A line of the server is longer than it may be."""


class Process:
    """A child process in a session and process group of its own.

    Args:
        launch: what is run.
        message_bytes: the longest line that is read from its standard output.
        guardian: is told of the process group.

    Raises:
        OSError: the program or its folder is not there, or cannot be run.
        ValueError: an argument or a variable holds a zero byte.

    Attributes:
        tail: what it said on its standard error.
        noise: how many lines on its standard output were no messages.
    """

    def __init__(self, launch: StdioLaunch, message_bytes: int, guardian: Guardian) -> None:
        guardian.ready()
        self.tail = Tail(launch.secrets)
        self.noise = 0
        self._message_bytes = message_bytes
        self._guardian = guardian
        self._asked: float | None = None
        self._own_end = True
        self._ended = False
        self._popen = subprocess.Popen(
            list(launch.argv),
            env=dict(launch.environment),
            cwd=launch.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
        )
        guardian.watch_group(self.pid)
        pipes = (self._popen.stdin, self._popen.stdout, self._popen.stderr)
        self._stdin, self._stdout, self._stderr = (pipe.fileno() for pipe in pipes if pipe is not None)
        for descriptor in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(descriptor, False)

    @property
    def pid(self) -> int:
        """Of the process, which is the id of its group as well."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the number of a signal."""
        return self._popen.poll()

    @property
    def own_exit_code(self) -> int | None:
        """The exit code, None when it had to be told to end."""
        return self.exit_code if self._own_end else None

    async def lines(self) -> AsyncGenerator[bytes]:
        """Every line of its standard output, until it is closed.

        Raises:
            MessageTooLong: a line is longer than `message_bytes`.
        """
        parts: list[bytes] = []
        size = 0
        while chunk := await _read(self._stdout):
            *whole, rest = chunk.split(b"\n")
            for line in whole:
                if size + len(line) > self._message_bytes:
                    raise MessageTooLong
                yield b"".join((*parts, line))
                parts, size = [], 0
            parts.append(rest)
            size += len(rest)
            if size > self._message_bytes:
                raise MessageTooLong

    async def drain(self) -> None:
        """Read its standard error until it is closed: a full pipe would stop the server."""
        while chunk := await _read(self._stderr):
            self.tail.add(chunk)

    async def write(self, line: bytes) -> None:
        """Write to its standard input.

        Raises:
            OSError: nobody reads it any more.
            anyio.ClosedResourceError: the pipe is closed.
        """
        left = memoryview(line)
        while left:
            try:
                left = left[os.write(self._stdin, left) :]
            except BlockingIOError:
                await anyio.wait_writable(self._stdin)

    async def exited(self) -> None:
        """Wait until the process has ended; what it started may still run."""
        try:
            watch = os.pidfd_open(self.pid)
        except (AttributeError, OSError):  # not on every system
            await self._wait(math.inf, group=False)
            return
        try:
            while self.exit_code is None:
                await anyio.wait_readable(watch)
        finally:
            anyio.notify_closing(watch)
            os.close(watch)

    def terminate(self) -> None:
        """Ask the whole group to end; `stop` kills it 0.7 s after the first time."""
        if self._asked is None and not self._ended:
            self._asked = time.monotonic()
            self._own_end = self.exit_code is not None
            self._signal(signal.SIGTERM)

    async def stop(self, *, by_itself: bool = False) -> None:
        """End the group, also while the caller is being cancelled: SIGTERM, SIGKILL 0.7 s later, reaped in any case.

        Args:
            by_itself: it seems to be ending: give it a moment, so that its exit code is its own.
        """
        if self._ended:
            return
        try:
            with anyio.CancelScope(shield=True):
                if by_itself and self._asked is None:
                    await self._wait(OWN_END, group=False)
                self.terminate()
                assert self._asked is not None
                if not await self._wait(self._asked + KILL_AFTER - time.monotonic()):
                    self._signal(signal.SIGKILL)
                    await self._wait(LAST_READS, group=False)
                with anyio.move_on_after(LAST_READS):
                    await self.drain()
        finally:
            # A cancellation by the loop itself passes every shield, and still nothing may stay behind.
            self._end()

    async def _wait(self, seconds: float, *, group: bool = True) -> bool:
        deadline = time.monotonic() + seconds
        pause = 0.001
        while not self._is_gone(group):
            if time.monotonic() >= deadline:
                return False
            await anyio.sleep(pause)
            pause = min(pause * 2, 0.02)
        return True

    def _is_gone(self, group: bool = True) -> bool:
        return self._popen.poll() is not None and not (group and self._signal(0))

    def _signal(self, number: int) -> bool:
        try:
            os.killpg(self.pid, number)
        except OSError:
            return False
        return True

    def _end(self) -> None:
        self._ended = True
        if not self._is_gone():
            self._signal(signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(LAST_READS)
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if pipe is not None and not pipe.closed:
                anyio.notify_closing(pipe.fileno())
                pipe.close()
        if self._popen.poll() is None:
            threading.Thread(target=self._popen.wait, name="docker_mcp-reaper", daemon=True).start()
        else:
            self._guardian.release_group(self.pid)


async def _read(descriptor: int) -> bytes:
    """The next bytes of a pipe, none at its end."""
    while True:
        await anyio.wait_readable(descriptor)
        try:
            return os.read(descriptor, READ_SIZE)
        except BlockingIOError:
            continue
        except OSError:
            return b""
