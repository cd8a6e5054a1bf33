"""A server behind an address: called, lost, found again, and left politely."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from fuseboard_docker_mcp.errors import CannotStart, ServerDied, StartTimeout
from tests.plugins.docker_mcp.processes import PATIENCE
from tests.plugins.docker_mcp.sessions_servers.helpers import (
    SDK_SERVER,
    context,
    data_of,
    http,
    listed,
    pool,
    text_of,
    until,
)

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def served(folder: Path, port: int = 0, path: str = "mcp") -> AsyncIterator[tuple[str, anyio.abc.Process]]:
    """The SDK's server on streamable HTTP. Yields its address and its process."""
    file = folder / "port"
    file.unlink(missing_ok=True)
    environment = {**os.environ, "PORT": str(port), "TRANSPORT": path}
    process = await anyio.open_process([sys.executable, SDK_SERVER, "--http", str(file)], env=environment, stderr=None)
    async with process:
        try:
            await until(lambda: file.exists() and file.read_text())
            yield f"http://127.0.0.1:{file.read_text()}/{path}", process
        finally:
            if process.returncode is None:
                process.kill()


@asynccontextmanager
async def reserved_port() -> AsyncIterator[int]:
    """A port that nobody else gets, also while no server listens on it."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@pytest.mark.parametrize("protocol", ["auto", "legacy"])
async def test_a_server_behind_an_address_is_listed_called_and_followed(protocol: Any, tmp_path: Path) -> None:
    with anyio.fail_after(PATIENCE):
        async with served(tmp_path) as (url, _), pool() as servers:
            session = await servers.start("sdk", http(url, protocol=protocol))
            assert session.protocol_version == {"auto": "2026-07-28", "legacy": "2025-11-25"}[protocol]
            assert data_of(await session.call_tool(context(), "add", {"a": 1, "b": 2})) == {"result": 3}
            assert len(text_of(await session.call_tool(context(), "big", {"size": 2**21}))) == 2**21
            if protocol == "auto":
                await session.call_tool(context(), "grow", {})
                await until(lambda: "grown" in listed(session))
            begin = anyio.current_time()
            await servers.stop("sdk")
            assert anyio.current_time() - begin < 8  # a request to a server that is gone may take ten seconds


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["auto", "legacy"])
async def test_a_server_that_was_started_anew_behind_its_address_is_connected_again(
    protocol: Any, tmp_path: Path
) -> None:
    with anyio.fail_after(3 * PATIENCE):
        # The attempts outlast a slow start of the second server.
        async with pool(reconnect_attempts=12, reconnect_delay=0.2) as servers, reserved_port() as port:
            async with served(tmp_path, port) as (url, process):
                session = await servers.start("sdk", http(url, protocol=protocol))
                process.kill()
                await process.wait()
            async with served(tmp_path, port):
                with contextlib.suppress(ServerDied, StartTimeout):  # unless its subscription has noticed it before
                    await session.call_tool(context(), "add", {"a": 1, "b": 2})
                await until(lambda: session.state == "ready")
                assert data_of(await session.call_tool(context(), "add", {"a": 1, "b": 2})) == {"result": 3}
                assert session.restarts >= 1 or protocol == "auto"  # 2026-07-28 has no session that could be lost


async def test_the_old_transport_works_as_well(tmp_path: Path) -> None:
    with anyio.fail_after(PATIENCE):
        async with served(tmp_path, path="sse") as (url, _), pool() as servers:
            session = await servers.start("sdk", http(url, transport="sse", protocol="legacy"))
            assert data_of(await session.call_tool(context(), "add", {"a": 1, "b": 2})) == {"result": 3}


async def test_an_answer_without_end_is_cut_off() -> None:
    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n")
            with contextlib.suppress(anyio.BrokenResourceError):
                while True:
                    await stream.send(b" " * 2**16)

    with anyio.fail_after(PATIENCE):
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, answer)
            async with pool(message_bytes=2**17) as servers:
                with pytest.raises(CannotStart, match="longer than"):
                    await servers.start("sdk", http(f"http://127.0.0.1:{port}/mcp"))
            tasks.cancel_scope.cancel()
        await listener.aclose()


async def test_headers_reach_the_server_and_no_error_shows_them() -> None:
    seen: list[bytes] = []

    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            seen.append(await stream.receive())
            await stream.send(b"HTTP/1.1 401 no hunter22\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")

    with anyio.fail_after(PATIENCE):
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, answer)
            async with pool() as servers:
                launch = http(
                    f"http://127.0.0.1:{port}/mcp",
                    headers={"Authorization": "Bearer hunter22"},
                    secrets=frozenset({"hunter22"}),
                )
                with pytest.raises(CannotStart) as caught:
                    await servers.start("sdk", launch)
            tasks.cancel_scope.cancel()
        await listener.aclose()
    assert b"authorization: bearer hunter22" in seen[0].lower()
    assert "hunter22" not in str(caught.value)


async def test_a_redirect_to_another_host_is_not_followed() -> None:
    visitors: list[str] = []

    async def elsewhere(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            visitors.append("came")

    with anyio.fail_after(PATIENCE):
        other = await anyio.create_tcp_listener(local_host="127.0.0.1")
        target = f"http://127.0.0.1:{other.extra(anyio.abc.SocketAttribute.local_port)}/mcp"

        async def redirect(stream: anyio.abc.SocketStream) -> None:
            async with stream:
                await stream.receive()
                head = f"HTTP/1.1 307 Go\r\nlocation: {target}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                await stream.send(head.encode())

        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, redirect)
            tasks.start_soon(other.serve, elsewhere)
            async with pool() as servers:
                with pytest.raises(CannotStart):
                    await servers.start("sdk", http(f"http://127.0.0.1:{port}/mcp", headers={"X-Key": "secret"}))
            tasks.cancel_scope.cancel()
        await listener.aclose()
        await other.aclose()
    assert visitors == []
