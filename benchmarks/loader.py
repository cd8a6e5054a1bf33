"""The load generator: sixteen kept connections that ask one question again and again. Run in a process of its own.

    python loader.py '{"port": 80, "pid": 12, "method": "tools/call", "era": "2026-07-28", "tools": 30, "seconds": 1}'

It prints one JSON object: requests, seconds, the server's CPU seconds, the loader's own, and latencies. Raw sockets and
no HTTP library, because it must cost less than what it measures. Every answer is checked: the first in full, each
further one byte by byte against the first, but for its id.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any, cast

from clock import cpu_seconds
from wire import FIRST_ID, HANDSHAKE, Answer, Scenario, WrongAnswer, initialize, initialized, post, request

CONNECTIONS = 16
LONGEST = 120.0


class Connection(asyncio.Protocol):
    """One kept connection with one request in flight."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._needed = 0
        self._waiting: asyncio.Future[Answer] | None = None
        self.load: Load | None = None
        self.template: tuple[bytes, bytes] = (b"", b"")
        self._number = 0
        self._since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits learns that no answer will come."""
        lost = WrongAnswer(f"the server closed the connection: {exc}")
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(lost)
        elif self.load is not None:
            self.load.fail(lost)

    def data_received(self, data: bytes) -> None:
        """Collect an answer; large ones come in many parts, so do not look for its end before it can be there."""
        self._buffer += data
        if len(self._buffer) < self._needed:
            return
        if not self._needed and not self._find_end():
            return
        if self._needed < 0 and not self._buffer.endswith(b"\r\n0\r\n\r\n"):
            return
        self._needed = 0
        payload = bytes(self._buffer)
        self._buffer.clear()
        self._answered(payload)

    def _find_end(self) -> bool:
        """Learn from the head how long the answer is: `_needed` bytes, or -1 for chunks. False: not known yet."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self._buffer[:end].lower()
        at = head.find(b"content-length:")
        if at < 0:
            chunked = b"transfer-encoding: chunked" in head
            self._needed = -1 if chunked else end + 4
        else:
            self._needed = end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
        return len(self._buffer) >= self._needed

    def _answered(self, payload: bytes) -> None:
        if self._waiting is not None and not self._waiting.done():
            head, _, body = payload.partition(b"\r\n\r\n")
            self._waiting.set_result(Answer(int(head[9:12]), head.lower(), body))
        elif self.load is not None:
            self.load.answered(payload, self._number, time.perf_counter() - self._since)
            self.ask()

    async def exchange(self, data: bytes) -> Answer:
        """Send one request and wait for its answer."""
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        try:
            return await self._waiting
        finally:
            self._waiting = None

    def ask(self) -> None:
        """Send the next request of the load, unless its time is over."""
        assert self.load is not None
        assert self._transport is not None
        if (number := self.load.next_number()) is None:
            return
        before, after = self.template
        self._number, self._since = number, time.perf_counter()
        self._transport.write(b"%b%d%b" % (before, number, after))

    def close(self) -> None:
        """Close it."""
        self.load = None
        if self._transport is not None:
            self._transport.close()


class Load:
    """A scenario that runs on all connections until its time is over.

    Args:
        scenario: what is asked.
        expected: the first answer's message id and payload; the others must equal it.
        seconds: how long new requests are sent.
    """

    def __init__(self, scenario: Scenario, expected: tuple[int, Answer], seconds: float) -> None:
        self.latencies: list[float] = []
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._scenario = scenario
        number, answer = expected
        self._before, found, self._after = answer.body.partition(b"%d" % number)
        if not found:
            raise WrongAnswer("the answer does not carry the id of its request")
        self._numbers = number
        self._open = 0
        self._deadline = time.perf_counter() + seconds

    def next_number(self) -> int | None:
        """An id for the next request; None when no more are to be sent. Each connection sends at least one."""
        if time.perf_counter() > self._deadline and self._numbers >= FIRST_ID + CONNECTIONS:
            if not self._open and not self.over.done():
                self.over.set_result(None)
            return None
        self._numbers += 1
        self._open += 1
        return self._numbers

    def answered(self, payload: bytes, number: int, seconds: float) -> None:
        """Check and count one answer."""
        self._open -= 1
        self.latencies.append(seconds)
        body = payload[payload.find(b"\r\n\r\n") + 4 :]
        middle = len(self._before)
        same = body.startswith(self._before) and body.endswith(self._after)
        if not (same and body[middle : len(body) - len(self._after)] == b"%d" % number and payload[9:12] == b"200"):
            self._look_closer(payload, number)

    def _look_closer(self, payload: bytes, number: int) -> None:
        """Another form of the same answer (a ping in the stream, other chunks) is right as well."""
        head, _, body = payload.partition(b"\r\n\r\n")
        try:
            message = Answer(int(head[9:12]), head.lower(), body).message()
            self._scenario.check(message)
            if message["id"] != number:
                raise WrongAnswer(f"the answer to request {number} came as {message['id']}")
        except Exception as error:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """End the load: an answer was wrong or missing."""
        if not self.over.done():
            self.over.set_exception(error)


async def connect(port: int, scenario: Scenario) -> Connection:
    """Open a connection, with a session of its own in the older era."""
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    session = None
    if scenario.era == HANDSHAKE:
        opened = await connection.exchange(post(port, initialize(), {}))
        opened.message()
        session = opened.header("mcp-session-id")
        accepted = await connection.exchange(post(port, initialized(), scenario.headers(session)))
        if accepted.status != 202:
            raise WrongAnswer(f"notifications/initialized: status {accepted.status}")
    body = request(scenario.method, scenario.params(), FIRST_ID)
    before, _, after = post(port, body, scenario.headers(session)).partition(b"%d" % FIRST_ID)
    connection.template = (before, after)
    return connection


async def hang_up(connection: Connection, port: int, scenario: Scenario) -> None:
    """Close a connection, and end its session first so that the server's memory holds only what it should."""
    before, _ = connection.template
    head = before.decode(errors="replace").lower()
    connection.load = None
    if "mcp-session-id: " in head:
        session = head.split("mcp-session-id: ", 1)[1].split("\r\n", 1)[0]
        await connection.exchange(post(port, b"", scenario.headers(session), "DELETE"))
    connection.close()


async def run(port: int, pid: int, scenario: Scenario, seconds: float) -> dict[str, Any]:
    """Measure one scenario on one server."""
    connections = [await connect(port, scenario) for _ in range(CONNECTIONS)]
    before, after = connections[0].template
    first = await connections[0].exchange(before + b"%d" % FIRST_ID + after)
    scenario.check(first.message())
    load = Load(scenario, (FIRST_ID, first), seconds)
    cpu, own, start = cpu_seconds(pid), time.process_time(), time.perf_counter()
    for connection in connections:
        connection.load = load
        connection.ask()
    await load.over
    measured = {"seconds": time.perf_counter() - start, "cpu": cpu_seconds(pid) - cpu}
    measured["loader_cpu"] = time.process_time() - own
    for connection in connections:
        await hang_up(connection, port, scenario)
    ordered = sorted(load.latencies)
    p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return measured | {"requests": len(ordered), "p50": p50, "p99": p99, "bytes": len(first.body)}


async def main(order: dict[str, Any]) -> dict[str, Any]:
    """Do what the command line ordered, within `LONGEST` seconds."""
    if (core := order.get("core")) is not None:
        os.sched_setaffinity(0, {core})
    scenario = Scenario(order["method"], order["era"], order["tools"])
    async with asyncio.timeout(LONGEST):
        return await run(order["port"], order["pid"], scenario, order["seconds"])


if __name__ == "__main__":
    try:
        print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
    except (WrongAnswer, OSError, TimeoutError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
