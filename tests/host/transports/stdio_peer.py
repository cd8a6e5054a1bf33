"""A client of a `fuseboard stdio` process that speaks in raw lines."""

from __future__ import annotations

import array
import contextlib
import fcntl
import itertools
import json
import os
import queue
import select
import signal
import subprocess
import tempfile
import termios
import threading
import time
from types import TracebackType
from typing import IO, Any

from tests.host.transports.toys import COMMAND, PATIENCE, Toybox

MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "peer", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "peer", "version": "1"}}


class StdioPeer:
    """The process and its pipes. Everything that comes on its standard output must be JSON-RPC.

    Attributes:
        reading: cleared, the client does not read.
    """

    def __init__(self, toys: Toybox, stdin: int | IO[bytes] = subprocess.PIPE) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed on exit
        self._torn = b""
        self.process = subprocess.Popen(
            [*COMMAND, "stdio"], env=toys.environment, stdin=stdin, stdout=subprocess.PIPE, stderr=self._errors
        )
        self._ids = itertools.count(1)
        self._lines: queue.Queue[bytes] = queue.Queue()
        self.reading = threading.Event()
        self.reading.set()
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> StdioPeer:
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        self.reading.set()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout, self._errors):
            # Closing a pipe flushes it, and its reader is gone.
            with contextlib.suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        pipe = self.process.stdout.fileno()
        start = bytearray()
        while select.select([pipe], [], []) and self.reading.wait(5 * PATIENCE) and (data := os.read(pipe, 1 << 16)):
            *heads, tail = data.split(b"\n")
            for head in heads:
                self._lines.put(bytes(start) + head)
                start.clear()
            start += tail
        self._torn = bytes(start)
        self._lines.put(b"")

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, method: str, params: dict[str, Any] | None = None, *, notify: bool = False) -> int:
        """Send a request or notification; return the request's id."""
        request = next(self._ids)
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params or {}}
        self.write(json.dumps(message if notify else {**message, "id": request}).encode() + b"\n")
        return request

    def receive(self, seconds: float = PATIENCE) -> dict[str, Any]:
        """The next message."""
        line = self._lines.get(timeout=seconds)
        assert line, f"the process has closed its standard output: {self.errors()}"
        message: dict[str, Any] = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        return message

    def answer(self, seconds: float = PATIENCE) -> dict[str, Any]:
        """The next message that is none of the server's own, such as the news of a plugin that has come up."""
        while "method" in (message := self.receive(seconds)):
            pass
        return message

    def request(self, method: str, params: dict[str, Any] | None = None, seconds: float = PATIENCE) -> dict[str, Any]:
        """Send a request and return the message that answers it; others in between are dropped."""
        request = self.send(method, params)
        while (message := self.receive(seconds)).get("id") != request:
            pass
        return message

    def hello(self) -> dict[str, Any]:
        """Open the connection in the older era."""
        answer = self.request("initialize", HELLO)
        self.send("notifications/initialized", notify=True)
        return answer

    def call(self, tool: str, **arguments: Any) -> str:
        """Call a tool in the older era and return its text."""
        answer = self.request("tools/call", {"name": tool, "arguments": arguments})
        text: str = answer["result"]["content"][0]["text"]
        return text

    def wait_until_the_pipe_is_full(self, seconds: float = PATIENCE) -> None:
        """Wait until the process has written what fits into the pipe while nobody reads."""
        assert self.process.stdout is not None
        end = time.monotonic() + seconds
        waiting = array.array("i", [0])
        while waiting[0] < 60_000:
            assert time.monotonic() < end
            time.sleep(0.01)
            fcntl.ioctl(self.process.stdout.fileno(), termios.FIONREAD, waiting)

    def close(self) -> None:
        """Close the process's standard input."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def stop(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self, seconds: float = PATIENCE) -> tuple[int, float]:
        """Wait for the end of the process: its status, and how long it took. What is left on the wire is JSON-RPC."""
        begin = time.monotonic()
        status = self.process.wait(seconds)
        took = time.monotonic() - begin
        while line := self._lines.get(timeout=PATIENCE):
            assert json.loads(line)["jsonrpc"] == "2.0"
        assert not self._torn, "the last line has no end"
        return status, took

    def errors(self) -> str:
        """What came on standard error so far."""
        # Not by `seek`: the process writes at the very same offset.
        descriptor = self._errors.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")
