"""The client's lines as messages, and our messages as lines.

Nothing is set to non-blocking (a terminal's mode belongs to the shell too), and yet no write ever waits for a client
that does not read: a descriptor is asked first, and given no more than it takes for certain.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import select
from collections import deque
from types import TracebackType
from typing import Any

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
    jsonrpc_message_adapter,
)

from fuseboard.transports.stdio_lines import Lines

logger = logging.getLogger(__name__)

LAST_ANSWERS = 0.5
"""Seconds that running calls get to answer when the client closes its end, as `printf ... | fuseboard` does."""

WRITTEN_AT_ONCE = 256 * 1024
QUEUED_BYTES = 1024 * 1024
# A pipe that is ready takes this many bytes without blocking the writer.
PIECE = getattr(select, "PIPE_BUF", 512)


class Unanswered:
    """The requests that have come and were not answered yet."""

    def __init__(self) -> None:
        self._ids: set[RequestId] = set()
        self._none = asyncio.Event()
        self._none.set()

    def add(self, request: RequestId) -> None:
        """A request has come."""
        self._ids.add(request)
        self._none.clear()

    def discard(self, request: object) -> None:
        """It was answered, or the client no longer wants an answer."""
        if isinstance(request, int | str):
            self._ids.discard(request)
        if not self._ids:
            self._none.set()

    async def settle(self, seconds: float) -> None:
        """Wait until every request is answered, at most so long."""
        with anyio.move_on_after(seconds):
            await self._none.wait()


class Outbox:
    """The messages to the client: one line each, in the order of `send`, never half a line.

    Attributes:
        gone: set when the client no longer reads (a broken pipe).
    """

    def __init__(self, fd: int, unanswered: Unanswered) -> None:
        self._fd = fd
        self._unanswered = unanswered
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[memoryview] = deque()
        self._size = 0
        self._armed = False
        self._watchable = True
        self._closed = False
        self._room = asyncio.Event()
        self._room.set()
        self._written = asyncio.Event()
        self._written.set()
        self._ready = select.poll() if hasattr(select, "poll") else None
        if self._ready is not None:
            self._ready.register(fd, select.POLLOUT)
        self.gone = asyncio.Event()

    async def send(self, item: SessionMessage, /) -> None:
        """Write a message; wait while more than a mebibyte waits for the client to read.

        Raises:
            anyio.ClosedResourceError: the client is gone, or the connection has ended.
        """
        if self._closed or self.gone.is_set():
            raise anyio.ClosedResourceError
        self.put(item.message)
        await self.room()

    def put(self, message: JSONRPCMessage) -> None:
        """Queue a message and write what the client takes now."""
        line = _encode(message)
        if line is not None:
            self._waiting.append(memoryview(line))
            self._size += len(line)
            if not self._armed:
                self._write()
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            self._unanswered.discard(message.id)

    async def room(self) -> None:
        """Wait until the client has read most of what was written."""
        await self._room.wait()

    async def flush(self, seconds: float) -> None:
        """Give the client this long to read what is left."""
        with anyio.move_on_after(seconds):
            await self._written.wait()
        self._waiting.clear()
        self._write()

    async def aclose(self) -> None:
        """Take no more messages."""
        self._closed = True

    async def __aenter__(self) -> Outbox:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _write(self) -> None:
        left = WRITTEN_AT_ONCE
        try:
            while self._waiting and left > 0 and self._takes_more():
                left -= self._write_piece()
        except BlockingIOError:
            pass  # somebody else made the descriptor non-blocking; the loop says when to go on
        except OSError as error:
            self._fail(error)
        self._go_on(bool(self._waiting))
        _show(self._written, not self._waiting)
        _show(self._room, self._size <= QUEUED_BYTES)

    def _takes_more(self) -> bool:
        return self._ready is None or bool(self._ready.poll(0))

    def _write_piece(self) -> int:
        line = self._waiting[0]
        written = os.write(self._fd, line[:PIECE])
        self._size -= written
        if written == len(line):
            self._waiting.popleft()
        else:
            self._waiting[0] = line[written:]
        return written

    def _go_on(self, wanted: bool) -> None:
        """Write again when the descriptor is ready; at the next turn where nobody can tell (a file, Windows)."""
        if wanted and not self._armed and self._watchable:
            try:
                self._loop.add_writer(self._fd, self._write)
            except (NotImplementedError, OSError):
                self._watchable = False
        elif self._armed and not wanted and self._watchable:
            self._loop.remove_writer(self._fd)
        if wanted and not self._watchable:
            self._loop.call_soon(self._write)
        self._armed = wanted

    def _fail(self, error: OSError) -> None:
        logger.info("the client no longer reads: %s", error.strerror)
        self._waiting.clear()
        self._size = 0
        self.gone.set()


class Inbox:
    """The messages from the client. What is no message is answered here, and the next one is read."""

    def __init__(self, lines: Lines, outbox: Outbox, unanswered: Unanswered) -> None:
        self._lines = lines
        self._outbox = outbox
        self._unanswered = unanswered

    async def receive(self) -> SessionMessage | Exception:
        """The next message.

        Raises:
            anyio.EndOfStream: the client has closed its end, and running calls had their moment to answer.
        """
        while True:
            try:
                line = await self._lines.next()
            except EOFError:
                await self._unanswered.settle(LAST_ANSWERS)
                raise anyio.EndOfStream from None
            if line is None:
                self._outbox.put(_error(None, INVALID_REQUEST, "The message is longer than this server accepts"))
            elif line.strip() and (message := self._parse(line)) is not None:
                # A client that sends and never reads would fill our memory with answers.
                await self._outbox.room()
                return SessionMessage(message)

    def _parse(self, line: bytes) -> JSONRPCMessage | None:
        try:
            message = jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValueError:
            if (refusal := _refusal(line)) is not None:
                self._outbox.put(refusal)
            return None
        if isinstance(message, JSONRPCRequest):
            if message.method != "subscriptions/listen":  # answered when serving ends, so there is nothing to wait for
                self._unanswered.add(message.id)
        elif isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled":
            self._unanswered.discard((message.params or {}).get("requestId"))
        return message

    async def aclose(self) -> None:
        """Stop reading."""
        self._lines.close()

    def __aiter__(self) -> Inbox:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Inbox:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _show(event: asyncio.Event, true: bool) -> None:
    if true:
        event.set()
    else:
        event.clear()


def _encode(message: JSONRPCMessage) -> bytes | None:
    try:
        return message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
    except ValueError:
        # One value that is no JSON must cost one answer, not the connection.
        logger.exception("a message to the client cannot be written as JSON")
    if isinstance(message, JSONRPCResponse):
        return _encode(_error(message.id, INTERNAL_ERROR, "The result cannot be written as JSON"))
    return None


def _error(request: RequestId | None, code: int, text: str) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=request, error=ErrorData(code=code, message=text))


def _refusal(line: bytes) -> JSONRPCError | None:
    """The answer to a line that is no message; None if it wants none, such as a malformed response."""
    try:
        sent: Any = json.loads(line)
    except (ValueError, RecursionError):
        return _error(None, PARSE_ERROR, "Parse error: the line is no JSON")
    if not isinstance(sent, dict):
        return _error(
            None, INVALID_REQUEST, "Invalid request: each line is one JSON-RPC object; batches are not served"
        )
    if "method" not in sent:
        logger.debug("dropped a line that is neither a request nor a response")
        return None
    request = sent.get("id")
    known = request if isinstance(request, int | str) and not isinstance(request, bool) else None
    return _error(known, INVALID_REQUEST, "Invalid request: this is no JSON-RPC 2.0 message")
