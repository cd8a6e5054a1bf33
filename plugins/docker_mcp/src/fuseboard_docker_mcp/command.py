"""One run of one program: bounded output, a deadline, and nothing of it left behind.

The process is a plain one of the standard library: asyncio's own would be left to nobody when its loop is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import anyio

MOST_OUTPUT = 32 * 2**20
"""Bytes of standard output; the largest known, Docker's own catalogue, has three million."""
MOST_ERRORS = 64 * 2**10
"""Bytes of standard error that are kept, the last ones: what went wrong is said at the end."""
LONGEST_ARGUMENT = 100_000
"""Bytes; Linux takes 131072 at most, its terminating zero included."""
# Seconds between two looks at a program: nothing else tells of its end on every system and in every thread.
_PAUSE = 0.005
# Seconds that pipes may stay open after the program ended: children of it may hold them for as long as they live.
_GRACE = 0.3
# Seconds that a killed program is waited for; and, when even this wait is cancelled, without giving way.
_REAP, _LAST_REAP = 1.0, 0.1


class TooMuchOutput(Exception):
    """The program printed more than `MOST_OUTPUT` bytes and was killed."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a program left.

    Attributes:
        code: its exit code; negative where a signal ended it.
        stdout: all of it; what is not UTF-8 is replaced.
        stderr: the end of it.
    """

    code: int
    stdout: str
    stderr: str


class _Kept(asyncio.Protocol):
    """What came out of one pipe: all of it up to a limit, or the end of it."""

    def __init__(self, most: int, *, tail: bool) -> None:
        self.data = bytearray()
        self.closed = anyio.Event()
        self.too_much = False
        self._most = most
        self._tail = tail

    def data_received(self, data: bytes) -> None:
        if self.too_much:
            return
        self.data += data
        if self._tail:
            # Cutting at twice the size keeps a flood from moving the same bytes again and again.
            if len(self.data) > 2 * self._most:
                del self.data[: -self._most]
        elif len(self.data) > self._most:
            self.too_much = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()


async def run(argv: Sequence[str], environment: Mapping[str, str], *, timeout: float, stdin: bytes = b"") -> Output:
    """Run a program to its end, in a process group of its own, which is killed whenever this is left early.

    Args:
        argv: the program, with its path, and its arguments.
        environment: all of it.
        timeout: seconds.
        stdin: what it reads; then its standard input is closed.

    Raises:
        OSError: it cannot be started.
        TimeoutError: it did not end in time.
        TooMuchOutput: see there.
    """
    process = subprocess.Popen(  # noqa: ASYNC220  # asyncio's own blocks as long: for one fork
        argv,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environment),
        start_new_session=True,
    )
    stdout, stderr = _Kept(MOST_OUTPUT, tail=False), _Kept(MOST_ERRORS, tail=True)
    transports: list[asyncio.BaseTransport] = []
    clean_end = False
    try:
        with anyio.fail_after(timeout):
            await _connect(process, stdin, stdout, stderr, transports)
            clean_end = await _ended(process, stdout, stderr)
    finally:
        if not clean_end:
            _kill_group(process)
        for transport in transports:
            if not isinstance(transport, asyncio.WriteTransport):
                transport.close()
            elif transport.get_write_buffer_size():
                # It is closing already, and would wait until the program has read the rest.
                transport.abort()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        await _reaped(process)
    if stdout.too_much:
        raise TooMuchOutput
    return Output(process.returncode, _text(stdout.data), _text(stderr.data[-MOST_ERRORS:]))


async def _connect(
    process: subprocess.Popen[bytes],
    stdin: bytes,
    stdout: _Kept,
    stderr: _Kept,
    transports: list[asyncio.BaseTransport],
) -> None:
    loop = asyncio.get_running_loop()
    for pipe, kept in ((process.stdout, stdout), (process.stderr, stderr)):
        transports.append((await loop.connect_read_pipe(lambda kept=kept: kept, pipe))[0])  # type: ignore[misc]
    if process.stdin is not None:
        writer, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, process.stdin)
        transports.append(writer)
        writer.write(stdin)
        writer.close()


async def _ended(process: subprocess.Popen[bytes], stdout: _Kept, stderr: _Kept) -> bool:
    """Wait for the end of the program. Whether all of its pipes are closed too, so that nobody is left behind it."""
    while process.poll() is None:
        if stdout.too_much:
            return False
        await anyio.sleep(_PAUSE)
    with anyio.move_on_after(_GRACE):
        await stdout.closed.wait()
        await stderr.closed.wait()
        return True
    return False


async def _reaped(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of a program that is dead or dying."""
    try:
        with anyio.move_on_after(_REAP, shield=True):
            while process.poll() is None:  # noqa: ASYNC110  # nothing sets an event when a process ends
                await anyio.sleep(_PAUSE)
    finally:
        # The loop itself may be at its end, and would leave the killed program to nobody.
        until = time.monotonic() + _LAST_REAP
        while process.poll() is None and time.monotonic() < until:
            time.sleep(_PAUSE)  # noqa: ASYNC251  # on purpose, see above


def _text(raw: bytearray) -> str:
    return raw.decode("utf-8", errors="replace")


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # Its children may live on when it is dead. Where there are no groups (Windows), it alone is killed.
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()
