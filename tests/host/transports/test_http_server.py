"""Slow clients and taken ports: the server in this process, with short deadlines."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from fuseboard.errors import FuseboardError
from fuseboard.settings import HttpSettings
from fuseboard.transports import http_server
from fuseboard.transports.http_guard import HttpGuard, InFlight
from fuseboard.transports.http_server import HttpServer, bind
from tests.host.transports.toys import PATIENCE

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    """A server that returns the size of a body, behind the guard; yields its port."""

    async def size(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    guard = Middleware(HttpGuard, settings=HttpSettings(), in_flight=InFlight())
    server = HttpServer(Starlette(routes=[Route("/size", size, methods=["POST"])], middleware=[guard]), "nothing")
    sockets = bind("127.0.0.1", 0)
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, sockets)
            yield sockets[0].getsockname()[1]
            server.should_exit = True


async def everything(stream: SocketStream) -> bytes:
    """All that comes until the server closes the connection."""
    received = b""
    try:
        while True:
            received += await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        return received


def head(port: int, length: int) -> bytes:
    return f"POST /size HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: {length}\r\n\r\n".encode()


@pytest.mark.parametrize("sent", [b"", b"POST /si", b"POST /size HTTP/1.1\r\nHost: x\r\nX-A", head(1, 10) + b"some"])
async def test_a_connection_that_brings_no_whole_request_in_time_is_closed(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "REQUEST_TIMEOUT", 0.1)
    async with serving() as port, await anyio.connect_tcp("127.0.0.1", port) as stream:
        if sent:
            with contextlib.suppress(anyio.BrokenResourceError):  # the time may be over before it is sent
                await stream.send(sent)
        await everything(stream)


async def test_a_client_that_trickles_its_headers_does_not_get_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "REQUEST_TIMEOUT", 0.2)
    async with serving() as port, await anyio.connect_tcp("127.0.0.1", port) as stream:

        async def trickle() -> None:
            while True:
                await stream.send(b"X")
                with anyio.move_on_after(0.02):
                    await stream.receive()

        with pytest.raises((anyio.BrokenResourceError, anyio.EndOfStream)):
            await trickle()


async def test_a_connection_that_is_used_again_and_again_has_time_for_each_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A deadline of its own runs while a request comes, and none when it is here."""
    loop, deadlines = asyncio.get_running_loop(), []
    call_later = loop.call_later

    def watched(delay: float, callback: Any, *args: Any) -> asyncio.TimerHandle:
        handle = call_later(delay, callback, *args)
        if delay == http_server.REQUEST_TIMEOUT:
            deadlines.append(handle)
        return handle

    monkeypatch.setattr(http_server, "REQUEST_TIMEOUT", 1234.5)
    monkeypatch.setattr(loop, "call_later", watched)
    async with serving() as port, await anyio.connect_tcp("127.0.0.1", port) as stream:
        for number in range(1, 4):
            await stream.send(head(port, 4) + b"bo")
            while len(deadlines) < number:
                await anyio.sleep(0.01)
            assert [deadline.cancelled() for deadline in deadlines] == [True] * (number - 1) + [False]
            await stream.send(b"dy")
            answer = b""
            while not answer.endswith(b"\r\n\r\n4"):
                answer += await stream.receive()
            assert [deadline.cancelled() for deadline in deadlines] == [True] * number


def test_a_port_in_use_is_an_error_that_says_what_to_do() -> None:
    (taken,) = bind("127.0.0.1", 0)
    with taken, pytest.raises(FuseboardError, match=r"cannot listen on 127.0.0.1:\d+: the port is in use. .* --port"):
        bind("127.0.0.1", taken.getsockname()[1])


def test_an_address_of_another_machine_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(FuseboardError, match="no such address"):
        bind("192.0.2.1", 0)


def test_a_name_that_is_no_address_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(FuseboardError, match=r"cannot listen on 'no\.such\.host\.invalid'.*http\.host"):
        bind("no.such.host.invalid", 8000)


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_localhost_means_the_same_port_on_both_loopbacks() -> None:
    sockets = bind("localhost", 0)
    try:
        assert len({listener.getsockname()[1] for listener in sockets}) == 1
    finally:
        for listener in sockets:
            listener.close()


def test_answers_do_not_wait_for_the_acknowledgement_of_the_one_before() -> None:
    """asyncio sets TCP_NODELAY only on sockets that name their protocol; without it each answer takes 40 ms."""
    sockets = bind("127.0.0.1", 0)
    try:
        assert [listener.proto for listener in sockets] == [socket.IPPROTO_TCP]
    finally:
        for listener in sockets:
            listener.close()
