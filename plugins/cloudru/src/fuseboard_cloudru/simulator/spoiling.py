"""ASGI middleware that spoils answers: by a status, by what is in them, or by the connection under them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fuseboard_cloudru.simulator.doors import refused
from fuseboard_cloudru.simulator.faults import Fault, Faults
from fuseboard_cloudru.simulator.journal import ENTRY, raw_path
from fuseboard_cloudru.simulator.refusal import HTTP_STATUS, Code, Refused
from fuseboard_cloudru.simulator.store import Store

_PAGE = b"<!doctype html><html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
TRANSPORT = "fuseboard_cloudru.transport"
"""Where a request's scope has the transport of its connection, if the server shows it."""

_CHUNK = b'{"registries": [' + b" " * 65_520


class Spoiler:
    """Answers wrongly when a fault meets the request.

    Args:
        app: what answers rightly.
        store: whose switches say how an error is written.
        faults: what goes wrong.
    """

    def __init__(self, app: ASGIApp, store: Store, faults: Faults) -> None:
        self._app = app
        self._store = store
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._faults.next_for(scope["method"], raw_path(scope)) if scope["type"] == "http" else None
        if fault is None:
            await self._app(scope, receive, send)
            return
        scope[ENTRY].fault = str(fault.kind)
        status, body = await (self._right_answer(scope, receive) if fault.takes_effect else _no_answer(receive))
        if fault.kind in ("timeout", "reset", "cut"):
            await _break(str(fault.kind), status, body, scope, receive, send)
        else:
            await self._wrong_answer(fault, status, body)(scope, receive, send)

    async def _right_answer(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        """Let the request take effect, and keep the status and the body of its answer."""
        parts: list[bytes] = []
        statuses: list[int] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            parts.append(message.get("body", b""))

        await self._app(scope, receive, keep)
        return statuses[0], b"".join(parts)

    def _wrong_answer(self, fault: Fault, status: int, body: bytes) -> Response:
        if isinstance(fault.kind, int):
            return refused(_refusal(fault.kind, fault.retry_after), self._store)
        if fault.kind == "html":
            return Response(_PAGE, 502, media_type="text/html")
        if fault.kind == "huge":
            return StreamingResponse(_endless(), media_type="application/json")
        if fault.kind == "slow":
            return StreamingResponse(_by_bytes(body, fault.pause), status, media_type="application/json")
        return Response(_half(body), status, media_type="application/json")


async def _no_answer(receive: Receive) -> tuple[int, bytes]:
    """Read the request and do nothing: a connection that is closed while its client still sends is reset instead."""
    while (await receive()).get("more_body"):
        pass
    return 200, b"{}"


async def _break(kind: str, status: int, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
    """End the connection without a whole answer, at once or when the client or the server has had enough."""
    if kind == "cut":
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": _half(body), "more_body": True})
    if kind != "timeout":
        _hang_up(scope)
    while (await receive())["type"] != "http.disconnect":
        pass


def _hang_up(scope: Scope) -> None:
    transport = scope.get(TRANSPORT)
    if transport is None:
        # A server that does not show its transport ends the connection of an application that fails.
        raise ConnectionResetError("a simulated fault ends this connection")
    transport.close()


def _refusal(status: int, retry_after: int | None) -> Refused:
    code = next((code for code, known in HTTP_STATUS.items() if known == status), Code.UNKNOWN)
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Refused(code, f"simulated fault {status}", status=status, headers=headers)


def _half(body: bytes) -> bytes:
    return body[: len(body) // 2]


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield _CHUNK
        await asyncio.sleep(0)  # nothing else can notice that the client has left


async def _by_bytes(body: bytes, pause: float) -> AsyncIterator[bytes]:
    for position in range(len(body)):
        yield body[position : position + 1]
        await asyncio.sleep(pause)
