"""The socket and the uvicorn server under the HTTP surface."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import math
import os
import socket
import sys
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from fuseboard.errors import FuseboardError
from fuseboard.logs.announcing import announced

logger = logging.getLogger(__name__)

LARGEST_HEAD = 32 * 1024
"""Bytes of a request's line and headers."""

REQUEST_TIMEOUT = 60.0
"""Seconds within which a connection must bring a whole request, head and body."""

KEEP_ALIVE = 15.0
"""Seconds for which an idle connection is kept; longer than clients keep theirs, so that they close first."""

GRACE = 1.0
"""Seconds that running calls get to end when the process is told to stop."""

LAST_ANSWERS = 0.3
"""Seconds for writing the errors that the others get then."""

BACKLOG = 1024


def bind(host: str, port: int) -> list[socket.socket]:
    """Listen on every address of `host`; port 0 takes one free port for all of them.

    Raises:
        FuseboardError: the name is unknown, or the port is taken or not permitted; says what to do.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise FuseboardError(f"cannot listen on {host!r}: {error.strerror}. Set http.host to an address") from None
    sockets: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((entry[0], entry[4]) for entry in found):
            sockets.append(_listen(family, (address[0], port, *address[2:])))
            port = port or sockets[0].getsockname()[1]
    except OSError as error:
        for opened in sockets:
            opened.close()
        raise FuseboardError(f"cannot listen on {host}:{port}: {_advice(error)}") from None
    return sockets


def _listen(family: int, address: tuple[Any, ...]) -> socket.socket:
    # asyncio sets TCP_NODELAY only where the protocol is named; without it an answer waits 40 ms for a late ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        # Only now another process that has bound the port as well is noticed.
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _advice(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the port is in use. Stop what listens there, or choose another port with --port"
    if error.errno == errno.EACCES:
        return "not permitted. Choose a port above 1023 with --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address. Choose another with --host"
    return error.strerror or str(error)


class BoundedH11(H11Protocol):
    """uvicorn's h11 protocol, with a deadline for the arrival of each request.

    uvicorn itself waits for ever for the rest of a head or a body.
    """

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected: its first request is due."""
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Bytes have come: is the request whole?"""
        super().data_received(data)
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            self._expect()
        else:
            self._relax()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._relax()
        super().connection_lost(exc)

    def _expect(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(REQUEST_TIMEOUT, self.transport.abort)

    def _relax(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class HttpServer(uvicorn.Server):
    """uvicorn without its signal handlers: they raise the signal again after the shutdown, and the process dies of it.

    Args:
        app: what is served.
        name: the address to announce.
    """

    def __init__(self, app: ASGIApp, name: str) -> None:
        # h11, because the faster parser keeps white space at the end of header values, which the protocol forbids.
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedH11,
                ws="none",
                lifespan="on",
                interface="asgi3",
                log_config=None,
                log_level="error",  # its warnings tell of what strangers send
                access_log=False,
                server_header=False,
                proxy_headers=False,
                h11_max_incomplete_event_size=LARGEST_HEAD,
                timeout_keep_alive=int(KEEP_ALIVE),
                timeout_graceful_shutdown=math.ceil(GRACE + LAST_ANSWERS),
            )
        )
        self._name = name

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        """Leave the signals alone."""
        return contextlib.nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say where."""
        await super().startup(sockets)
        text = f"fuseboard: serving {self._name}"
        # Standard error may lead to nobody any more; that is no reason not to serve.
        with contextlib.suppress(OSError):
            if not announced(text):
                print(text, file=sys.stderr, flush=True)  # noqa: T201 - for a person
