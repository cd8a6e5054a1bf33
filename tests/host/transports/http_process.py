"""A `fuseboard http` process on a free port, and raw HTTP to talk to it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from types import TracebackType
from typing import Any

import httpx2
import pytest

from tests.host.transports.toys import COMMAND, PATIENCE, Toybox

BOTH = "application/json, text/event-stream"
MODERN_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "peer", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


LEGACY_HELLO: tuple[dict[str, Any], ...] = (
    {
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "peer", "version": "1"}},
    },
    {"method": "notifications/initialized"},
)


def modern_call(tool: str, **arguments: Any) -> dict[str, Any]:
    """A call of 2026-07-28."""
    return {"method": "tools/call", "params": {"_meta": MODERN_META, "name": tool, "arguments": arguments}}


def legacy_call(tool: str, **arguments: Any) -> dict[str, Any]:
    """A call of an older revision."""
    return {"method": "tools/call", "params": {"name": tool, "arguments": arguments}}


class Stream:
    """A connection with one request whose answer has no end yet.

    Attributes:
        first: the beginning of the answer.
    """

    def __init__(self, port: int, request: bytes, until: bytes) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._connection.sendall(request)
        self.first = b""
        while until not in self.first:
            self.first += _read(self._connection) or pytest.fail(f"the answer ended: {self.first!r}")

    def rest(self) -> bytes:
        """What comes until the server closes the connection."""
        received = b""
        with self._connection:
            while data := _read(self._connection):
                received += data
        return received

    def close(self) -> None:
        """Vanish."""
        self._connection.close()


class HttpProcess:
    """The process, serving.

    Attributes:
        origin: `http://127.0.0.1:<port>`.
        client: an HTTP client for it.
        toys: what it serves.
    """

    def __init__(self, toys: Toybox, *options: str) -> None:
        self.toys = toys
        self._streams: list[Stream] = []
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed on exit
        self.process = subprocess.Popen(
            [*COMMAND, "http", "--port", "0", *options],
            env=toys.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )

    def __enter__(self) -> HttpProcess:
        try:
            self.origin, self.port = self._address()
        except BaseException:
            self._stop()
            raise
        self.client = httpx2.Client(base_url=self.origin, timeout=PATIENCE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in self._streams:
            stream.close()
        self.client.close()
        self._stop()

    def _address(self) -> tuple[str, int]:
        end = time.monotonic() + PATIENCE
        while not (found := re.search(r"^fuseboard: serving (http://.*:(\d+))/mcp$", self.errors(), re.MULTILINE)):
            assert self.process.poll() is None, self.errors()
            assert time.monotonic() < end, self.errors()
            time.sleep(0.02)
        return found[1], int(found[2])

    def _stop(self) -> None:
        self.process.kill()
        self.process.communicate()
        self._errors.close()

    def errors(self) -> str:
        """What came on standard error so far."""
        # Not by `seek`: the process writes at the very same offset.
        descriptor = self._errors.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")

    def ready(self, seconds: float = PATIENCE, *, headers: dict[str, str] | None = None) -> None:
        """Wait until no plugin is starting; the headers are of one who sees the plugins."""
        end = time.monotonic() + seconds
        while any(
            plugin["state"] == "starting"
            for plugin in self.client.get("/readyz", headers=headers or {}).json()["plugins"]
        ):
            assert time.monotonic() < end
            time.sleep(0.02)

    def raw(self, *parts: bytes, seconds: float = PATIENCE) -> bytes:
        """Send bytes on a connection of their own and return all that comes back until it is closed or silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            # A server that refuses does not wait for the rest.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for part in parts:
                    connection.sendall(part)
            answer = b""
            while data := _read(connection):
                answer += data
                if _is_whole(answer):
                    break
            return answer

    def open_stream(
        self,
        method: str,
        path: str,
        message: dict[str, Any] | None = None,
        *,
        headers: dict[str, str] | None = None,
        until: bytes = b"\r\n\r\n",
    ) -> Stream:
        """Send a request on a connection of its own and leave it open, once its answer has come so far.

        By default that is the end of the headers; a call of 2026-07-28 shows nothing before its result.
        """
        body = json.dumps({"jsonrpc": "2.0", "id": 7, **message}).encode() if message is not None else b""
        sent = {"host": f"127.0.0.1:{self.port}", "accept": BOTH, "content-length": str(len(body)), **(headers or {})}
        if message is not None:
            sent["content-type"] = "application/json"
            if "_meta" in message["params"]:
                sent |= {"mcp-protocol-version": "2026-07-28", "mcp-method": message["method"]}
            if "_meta" in message["params"] and "name" in message["params"]:
                sent["mcp-name"] = message["params"]["name"]
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        stream = Stream(self.port, f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body, until)
        self._streams.append(stream)
        return stream

    def wait_for_status(self, path: str, status: int, seconds: float = PATIENCE) -> None:
        """Ask until the answer has this status."""
        end = time.monotonic() + seconds
        while (found := self.client.get(path).status_code) != status:
            assert time.monotonic() < end, found

    def modern(self, method: str, *, headers: dict[str, str] | None = None, **params: Any) -> httpx2.Response:
        """A request of 2026-07-28."""
        named = {"mcp-name": str(params["name"])} if "name" in params else {}
        return self.client.post(
            "/mcp",
            json={"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": MODERN_META, **params}},
            headers={
                "accept": BOTH,
                "mcp-protocol-version": "2026-07-28",
                "mcp-method": method,
                **named,
                **(headers or {}),
            },
        )

    def open_session(self) -> httpx2.Response:
        """The opening request of an older revision."""
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "peer", "version": "1"}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
        return self.client.post("/mcp", json=message, headers={"accept": BOTH})

    def end(self, number: signal.Signals = signal.SIGTERM, seconds: float = PATIENCE) -> tuple[int, float]:
        """Send a signal; return the status and how long the end took."""
        begin = time.monotonic()
        self.process.send_signal(number)
        status = self.process.wait(seconds)
        return status, time.monotonic() - begin

    def resident(self) -> int:
        """Resident memory in KiB."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])  # type: ignore[index]


def _read(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1 << 16)
    except (ConnectionResetError, TimeoutError):
        return b""


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return bool(found) and length is not None and len(body) >= int(length[1])
