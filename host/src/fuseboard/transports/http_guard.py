"""What every HTTP request passes before anything else: where it comes from, where it goes to, how large it is.

One ASGI middleware around everything that is served, plugins' routes included.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fuseboard.settings import HttpSettings
from fuseboard.transports.running_tasks import RunningTasks

logger = logging.getLogger(__name__)

NOSNIFF = (b"x-content-type-options", b"nosniff")
INVALID_REQUEST = -32600
INTERNAL_ERROR = -32603


class Refused(Exception):
    """The request is not served.

    Args:
        status: the HTTP status.
        text: what was wrong and what to do, for the client.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Names:
    """Patterns of hosts or origins: `name`, `name:8000`, `name:*` (any port, or none), and `*` for everything."""

    def __init__(self, patterns: Iterable[str]) -> None:
        lower = {pattern.lower() for pattern in patterns}
        self._all = "*" in lower
        self._any_port = {pattern[:-2] for pattern in lower if pattern.endswith(":*")}
        self._exact = lower | self._any_port

    def __contains__(self, value: str) -> bool:
        if self._all or value in self._exact:
            return True
        name, _, port = value.rpartition(":")
        return port.isdigit() and name in self._any_port


class InFlight(RunningTasks["_Exchange"]):
    """The requests that are being served, so that a shutdown can end them."""

    def end(self, *, streams_only: bool) -> None:
        """Cancel requests: the open streams, which never end by themselves, or all of them."""
        self.cancel(lambda exchange: exchange.is_stream or not streams_only)


class HttpGuard:
    """The middleware.

    Args:
        app: what is guarded.
        settings: allowed hosts and origins, and the largest body.
        in_flight: where the requests are noted.
    """

    def __init__(self, app: ASGIApp, settings: HttpSettings, in_flight: InFlight) -> None:
        self._app = app
        self._largest = settings.max_body_bytes
        self._in_flight = in_flight
        self._hosts = Names(settings.allowed_hosts)
        self._origins = Names(settings.allowed_origins)
        self._own: dict[Any, frozenset[str]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request, serve it, and answer for the application when that fails."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        exchange = _Exchange(scope["method"], receive, send, self._largest)
        task = asyncio.current_task()
        assert task is not None
        self._in_flight.add(task, exchange)
        try:
            self._check(scope)
            await self._app(scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:
            if not self._in_flight.was_cancelled(task):
                raise
            task.uncancel()
            await exchange.end(Refused(503, "The server is shutting down"))
        except Exception as error:
            await exchange.end(exchange.refused or _refusal(error, scope))
        finally:
            self._in_flight.discard(task)

    def _check(self, scope: Scope) -> None:
        host = ""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value.decode("latin-1").lower()
            elif name == b"origin":
                self._check_origin(value.decode("latin-1").lower(), scope)
            elif name == b"content-length" and value.isdigit() and int(value) > self._largest:
                raise _too_large(self._largest)
        if host not in self._own_names(scope) and host not in self._hosts:
            raise Refused(421, f"The host {host[:100]!r} is not served here; http.allowed_hosts can allow it")

    def _check_origin(self, origin: str, scope: Scope) -> None:
        scheme, _, host = origin.partition("://")
        own = scheme == "http" and host in self._own_names(scope)
        if not own and origin not in self._origins:
            raise Refused(403, f"The origin {origin[:100]!r} is not served here; http.allowed_origins can allow it")

    def _own_names(self, scope: Scope) -> frozenset[str]:
        """Loopback's names and the address that the client has reached, with the port that it has reached.

        An address is no danger: whoever rebinds a name of theirs to this machine sends that name.
        """
        reached = scope.get("server")
        if reached not in self._own:
            self._own[reached] = _own_names(reached)
        return self._own[reached]


class _Exchange:
    """One request and its response, with what the guard wants of both."""

    __slots__ = ("_complete", "_left", "_limit", "_method", "_read", "_receive", "_send", "_started", "refused")

    def __init__(self, method: str, receive: Receive, send: Send, limit: int) -> None:
        self._method = method
        self._receive = receive
        self._send = send
        self._limit = self._left = limit
        self._read = self._started = self._complete = False
        self.refused: Refused | None = None

    @property
    def is_stream(self) -> bool:
        """Whether the server now sends what it likes, as opposed to the answer of a call."""
        return self._method == "GET" and self._started

    async def receive(self) -> Message:
        message = await self._receive()
        if self._read:
            return message
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self.refused = _too_large(self._limit)
            raise self.refused
        if message["type"] == "http.disconnect":
            # Raised here, because the SDK would report a client that vanishes in the middle of a body as an error.
            self.refused = Refused(400, "The request's body has no end")
            raise self.refused
        self._read = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            message = {**message, "headers": [*message.get("headers", ()), NOSNIFF]}
        elif message["type"] == "http.response.body":
            self._complete = not message.get("more_body", False)
        await self._send(message)

    async def end(self, refused: Refused) -> None:
        """Finish a response that the application has left: with an error, or where it stands."""
        if self._complete:
            return
        body = b""
        if not self._started:
            body = error_body(refused.status, refused.text)
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await self.send({"type": "http.response.start", "status": refused.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})


def error_body(status: int, text: str) -> bytes:
    """An error as JSON, in the shape that MCP clients read on every path."""
    code = INTERNAL_ERROR if status >= 500 else INVALID_REQUEST
    return json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": text}}).encode()


def _refusal(error: Exception, scope: Scope) -> Refused:
    if isinstance(error, Refused):
        return error
    reference = uuid4().hex[:8]
    logger.error("[%s] %s %s raised", reference, scope["method"], scope["path"], exc_info=error)
    return Refused(500, f"Internal error; the log has it under the reference {reference}")


def _too_large(limit: int) -> Refused:
    return Refused(413, f"The request's body is larger than {limit} bytes; http.max_body_bytes sets the limit")


def _own_names(reached: tuple[str, int | None] | None) -> frozenset[str]:
    if reached is None or reached[1] is None:
        return frozenset()
    address, port = reached
    hosts = ("127.0.0.1", "localhost", "[::1]", f"[{address}]" if ":" in address else address)
    names = {f"{host}:{port}" for host in hosts}
    return frozenset(names.union(hosts) if port == 80 else names)
