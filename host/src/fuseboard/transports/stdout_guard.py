"""Take standard input and output away from everybody before the first plugin is imported.

On stdio they carry the protocol, so one stray `print` would break it. After `claim_wire()` only the host holds the
wire; file descriptor 0 is the null device, and whatever is written to descriptor 1 or to `sys.stdout` becomes lines
in the log, under the name of the plugin that wrote them.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import IO, Any

from fuseboard import attribution

NOBODY = "a plugin"
"""The owner of a line when nobody can tell who wrote it."""

LONGEST_LINE = 2_000
"""Bytes of a line that are kept; the rest is cut."""

LINES_PER_SECOND = 50
"""Lines of one plugin that are logged in a second; further ones are counted and dropped."""

CHUNK = 64 * 1024
PIPE_SIZE = 1024 * 1024

OnNoise = Callable[[str, str], None]
"""`on_noise(plugin, line)`: called on the thread that wrote the line, or on the guard's own."""


@dataclass
class Wire:
    """The real standard input and output; nobody else has them.

    Attributes:
        stdin_fd: where the client's bytes come from.
        stdout_fd: where the answers go.
        on_noise: told of every line that a plugin printed; it must be quick and may be called on any thread.
    """

    stdin_fd: int
    stdout_fd: int
    on_noise: OnNoise | None = None
    _noise: _Noise | None = field(default=None, repr=False)

    def open_text(self) -> IO[str]:
        """The real standard output as text, for a command that prints for people. Closing it closes nothing else."""
        return os.fdopen(self.stdout_fd, "w", encoding="utf-8", errors="backslashreplace", closefd=False)

    def drain(self) -> None:
        """Log everything that plugins have written so far, unfinished lines too. Call it before `os._exit`."""
        if self._noise is not None:
            self._noise.drain()


class _Lines:
    """Cuts one owner's bytes into lines, within its allowance."""

    __slots__ = ("_allowed", "_cut", "_dropped", "_second", "_start")

    def __init__(self) -> None:
        self._start = bytearray()
        self._cut = False
        self._second = 0.0
        self._allowed = LINES_PER_SECOND
        self._dropped = 0

    def take(self, data: bytes) -> list[str]:
        """Add bytes; return the lines that are complete and may be logged."""
        done = self._refill()
        begin = 0
        while self._allowed and (end := data.find(b"\n", begin)) >= 0:
            self._grow(data[begin:end])
            done += self._finish()
            begin = end + 1
        if not self._allowed and (over := data.count(b"\n", begin)):
            self._dropped += over
            self._start.clear()
            begin = data.rfind(b"\n") + 1
        self._grow(data[begin:])
        return done

    def rest(self) -> list[str]:
        """What is left at the end: the unfinished line, and how many were dropped."""
        return [*self._finish(), *self._confess()]

    def _refill(self) -> list[str]:
        now = time.monotonic()
        if now - self._second < 1:
            return []
        self._second = now
        self._allowed = LINES_PER_SECOND
        return self._confess()

    def _confess(self) -> list[str]:
        dropped, self._dropped = self._dropped, 0
        return [f"[{dropped} more lines were dropped]"] if dropped else []

    def _grow(self, data: bytes) -> None:
        room = LONGEST_LINE - len(self._start)
        self._start += data[:room]
        self._cut = self._cut or len(data) > room

    def _finish(self) -> list[str]:
        line = self._start.decode("utf-8", "replace").rstrip("\r")
        if self._cut:
            line += " [cut]"
        self._start.clear()
        self._cut = False
        if not line.strip():
            return []
        self._allowed -= 1
        return [_printable(line)]


def _printable(line: str) -> str:
    # Escape sequences in a log would let a plugin rewrite what an operator sees on a terminal.
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in line)


class _Noise:
    """Collects what is written past the wire, by owner, and passes complete lines on."""

    def __init__(self, wire: Wire, pipe: int) -> None:
        self._wire = wire
        self._pipe = pipe
        self._owners: dict[str, _Lines] = {}
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._thread = threading.local()
        # Without `poll` (Windows) a read simply waits, and `drain` can only log what was read before.
        self._ready = select.poll() if hasattr(select, "poll") else None
        if self._ready is not None:
            self._ready.register(pipe, select.POLLIN)
            os.set_blocking(pipe, False)
        self.forked = False

    def write(self, data: bytes) -> None:
        """Take bytes from `sys.stdout`, on the writer's own thread."""
        if self.forked:
            # A forked child has no reading thread, and its locks may be held for ever: its parent reads the pipe.
            os.write(1, data)
        else:
            self._take(attribution.writer() or NOBODY, data)

    def listen(self) -> None:
        """Read the pipe behind file descriptor 1 for as long as the process lives."""
        while self._read(wait=True):
            pass

    def drain(self) -> None:
        """Take what is in the pipe now, and end every unfinished line."""
        while self._ready is not None and self._read(wait=False):
            pass
        with self._lock:
            left = [(owner, lines.rest()) for owner, lines in self._owners.items()]
        for owner, lines in left:
            self._tell(owner, lines)

    def _read(self, *, wait: bool) -> bool:
        if wait and self._ready is not None:
            self._ready.poll()
        # Whoever drains has to wait for the line that the listener has just taken out of the pipe.
        with self._turn:
            try:
                data = os.read(self._pipe, CHUNK)
            except BlockingIOError:
                return wait
            if data:
                self._take(attribution.sole_worker() or NOBODY, data)
        return bool(data)

    def _take(self, owner: str, data: bytes) -> None:
        with self._lock:
            if owner not in self._owners:
                self._owners[owner] = _Lines()
            lines = self._owners[owner].take(data)
        self._tell(owner, lines)

    def _tell(self, owner: str, lines: Iterable[str]) -> None:
        # A log handler that itself writes to `sys.stdout` would come back here for ever.
        if getattr(self._thread, "telling", False):
            return
        self._thread.telling = True
        # A log or a ledger that fails must not make `print` raise in a plugin, least of all while Python ends.
        with contextlib.suppress(Exception):
            for line in lines:
                self._tell_one(owner, line)
        self._thread.telling = False

    def _tell_one(self, owner: str, line: str) -> None:
        from logging import getLogger

        name = "fuseboard.plugin" if owner == NOBODY else f"fuseboard.plugin.{owner}"
        getLogger(name).warning("%s printed: %s", owner, line)
        if self._wire.on_noise is not None:
            self._wire.on_noise(owner, line)


class _Bytes(io.BufferedIOBase):
    """`sys.stdout.buffer`."""

    name = "<stdout>"
    mode = "wb"

    def __init__(self, noise: _Noise) -> None:
        self._noise = noise

    @property
    def raw(self) -> Any:
        return self

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1

    def write(self, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        for begin in range(0, len(view), CHUNK):
            self._noise.write(bytes(view[begin : begin + CHUNK]))
        return len(view)

    def close(self) -> None:
        """Stays open: it belongs to everybody."""


class _Text(io.TextIOBase):
    """`sys.stdout` from now on: it knows who writes."""

    name = "<stdout>"
    mode = "w"
    encoding = "utf-8"
    errors = "backslashreplace"
    line_buffering = True
    write_through = True

    def __init__(self, noise: _Noise) -> None:
        self._noise = noise
        self.buffer = _Bytes(noise)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1

    def write(self, text: str, /) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        for begin in range(0, len(text), CHUNK):
            self._noise.write(text[begin : begin + CHUNK].encode("utf-8", "backslashreplace"))
        return len(text)

    def reconfigure(self, **options: Any) -> None:
        """Accepted and ignored: every encoding ends in the log."""

    def detach(self) -> Any:
        return self.buffer

    def close(self) -> None:
        """Stays open: it belongs to everybody."""


_claimed: Wire | None = None


def claim_wire() -> Wire:
    """Take the wire: the first thing to do in the process, in every command. A second call returns the same wire."""
    global _claimed
    if _claimed is None:
        _claimed = _claim()
    return _claimed


def _claim() -> Wire:
    _occupy_standard_range()
    wire = Wire(_move_up(0), _move_up(1))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    read_end, write_end = os.pipe()
    os.dup2(write_end, 1)
    os.close(write_end)
    _widen(read_end)
    wire._noise = noise = _Noise(wire, read_end)
    threading.Thread(target=noise.listen, name="fuseboard-noise", daemon=True).start()
    _replace_stdout(noise)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: _leave_to_parent(wire, noise))
    # Registered first, so it runs last, after whatever a plugin prints in a handler of its own.
    atexit.register(_end, wire)
    return wire


def _leave_to_parent(wire: Wire, noise: _Noise) -> None:
    """In a child of `os.fork`: it must not keep the client's pipes open after the host has ended."""
    noise.forked = True
    for fd in (wire.stdin_fd, wire.stdout_fd):
        with contextlib.suppress(OSError):
            os.close(fd)


def _occupy_standard_range() -> None:
    # A daemon may start without descriptors 0 to 2; the next `open` would then become one of them by accident.
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:  # what Python makes of a descriptor that was not there
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)


def _move_up(fd: int) -> int:
    if sys.platform == "win32":
        return os.dup(fd)
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)


def _widen(pipe: int) -> None:
    # C code that prints while it holds the interpreter can fill the pipe before anybody may read it: give it room.
    if sys.platform == "linux":
        import fcntl

        # Where the system allows less, the default size serves as well.
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_SIZE)


def _replace_stdout(noise: _Noise) -> None:
    before = sys.stdout
    text: Any = _Text(noise)
    sys.stdout = text
    sys.__stdout__ = text  # type: ignore[misc]  # plugins use it to get past a replaced sys.stdout
    if before is not None:
        before.flush()  # what was printed before us goes into the pipe as well


def _end(wire: Wire) -> None:
    """At the end of the process: nobody will read the pipe any more, so descriptor 1 becomes standard error."""
    # A plugin may have put something of its own there, with text still in it.
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    os.dup2(2, 1)
    wire.drain()
