"""A client that loses interest: its call is cancelled, down to the plugin, on every surface and in both eras."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import anyio
import httpx2
import pytest

from tests.host.faults.running import (
    COMMAND,
    PATIENCE,
    Board,
    Era,
    Line,
    http_host,
    said,
    until,
)

pytestmark = pytest.mark.anyio


async def begin_and_give_up(served: Line, tool: str, name: str, /, **arguments: str) -> None:
    """Call a tool that hangs, and cancel the call when it runs."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(served.client.call_tool, tool, {"name": name, **arguments})
        await served.board.noted(f"{name} begins")
        tasks.cancel_scope.cancel()


async def test_cancelling_a_call_stops_the_tool(served: Line) -> None:
    await begin_and_give_up(served, "hanging_hang", "one")
    await served.board.noted("one was cancelled")
    await served.healthy_answers()


async def test_cancelling_a_call_stops_the_tool_that_it_called(served: Line) -> None:
    await begin_and_give_up(served, "calling_wait_for", "nested", tool="hanging_hang")
    await served.board.noted("nested was cancelled")


async def test_a_cancelled_call_gives_its_place_back_and_is_no_fault(served: Line) -> None:
    """The fuse would blow at the first fault, and the plugin has two places."""
    for number in range(6):
        await begin_and_give_up(served, "hanging_hang", f"place {number}")
    await served.board.noted(*(f"place {number} was cancelled" for number in range(6)))
    assert said(await served.call("hanging_fine")) == "fine"
    assert (await served.row("hanging"))["state"] == "active"


async def test_a_call_that_waits_for_a_place_can_be_cancelled_too(served: Line) -> None:
    async with anyio.create_task_group() as running:
        for name in ("first", "second"):
            running.start_soon(served.client.call_tool, "hanging_hang", {"name": name})
        await served.board.noted("first begins", "second begins")
        refused: list[str] = []

        async def wait(name: str) -> None:
            refused.append(said(await served.client.call_tool("hanging_hang", {"name": name}), error=True))

        async with anyio.create_task_group() as waiting:
            for name in ("third", "fourth"):
                waiting.start_soon(wait, name)
            # There is room for one more: as soon as one of them is refused, the other one waits.
            await until(lambda: refused, "a refusal")
            waiting.cancel_scope.cancel()
        assert "hanging is busy: 2 calls run and 1 wait" in refused[0]
        running.cancel_scope.cancel()
    await served.board.noted("first was cancelled", "second was cancelled")
    assert said(await served.call("hanging_fine")) == "fine"
    assert {"third begins", "fourth begins"} & set(served.board.journal()) == set()


async def test_a_call_that_is_cancelled_in_a_thread_keeps_its_place_until_the_thread_returns(served: Line) -> None:
    await begin_and_give_up(served, "hanging_hang_in_a_thread", "thread")
    assert said(await served.call("hanging_release")) == "released"
    await served.board.noted("thread ends")
    assert said(await served.call("hanging_fine")) == "fine"


# --- clients that vanish ------------------------------------------------------------------------------------------

# A client of its own process, so that it can be killed; it calls the tool that hangs.
VANISHING = """
import asyncio, sys
from mcp import Client

async def main(url, mode, name):
    async with Client(url, mode=mode) as client:
        await client.call_tool("hanging_hang", {"name": name})

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("era", ["legacy", "auto"])
async def test_a_client_that_is_killed_leaves_no_task_behind(site: Path, tmp_path: Path, era: Era) -> None:
    """On 2026-07-28 the lost connection cancels; before, it means nothing, and the call's deadline ends the call.

    A session of the older revisions outlives its client until it was idle for long enough.
    """
    board = Board(
        site,
        tmp_path,
        ["hanging", "house"],
        fuse={"call_timeout": 600 if era == "auto" else 2, "fault_threshold": 1000},
        environment={"FUSEBOARD_HTTP__SESSION_IDLE_TIMEOUT": "5"},
    )
    async with http_host(board) as address:
        await begin_and_kill(board, address, era, "warm-up")
        before = await tasks_at(address, settled_below=10_000)
        async with anyio.create_task_group() as clients:
            for number in range(3):
                clients.start_soon(begin_and_kill, board, address, era, f"vanishing {number}")
        assert await tasks_at(address, settled_below=before + 1) <= before


async def begin_and_kill(board: Board, address: str, era: Era, name: str) -> None:
    """Run a client until its call has begun, then kill it."""
    client = subprocess.Popen([sys.executable, "-c", VANISHING, f"{address}/mcp", era, name])
    try:
        await board.noted(f"{name} begins")
    finally:
        client.kill()
        client.wait()
    await board.noted(f"{name} was cancelled")


async def tasks_at(address: str, *, settled_below: int) -> int:
    """How many tasks run on the host's loop, as soon as there are fewer than the limit."""
    async with httpx2.AsyncClient(timeout=PATIENCE) as http:
        with anyio.fail_after(PATIENCE):
            while True:
                count = len((await http.get(f"{address}/faulty/tasks")).json())
                if count < settled_below:
                    return count
                await anyio.sleep(0.05)


async def test_connections_that_are_opened_and_dropped_leave_no_task_behind(site: Path, tmp_path: Path) -> None:
    """Half a request, a whole request without reading the answer, a stream of the old transport."""
    board = Board(site, tmp_path, ["house"])
    async with http_host(board) as address:
        before = await tasks_at(address, settled_below=10_000)
        port = int(address.rpartition(":")[2])
        for request in (
            b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{",
            b"GET /sse HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n",
            b"GET /faulty/hangs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            b"\x16\x03\x01",
        ):
            for _ in range(10):
                with socket.create_connection(("127.0.0.1", port)) as connection:
                    connection.sendall(request)
        assert await tasks_at(address, settled_below=before + 3) > 0


async def test_a_client_on_stdio_that_vanishes_ends_the_host_and_every_lifespan_is_left(
    site: Path, tmp_path: Path
) -> None:
    board = Board(site, tmp_path, ["hanging", "exit_properly"], fuse={"call_timeout": 600, "stop_timeout": PATIENCE})
    environment = board.prepared()
    with (tmp_path / "log").open("w") as log:
        host = subprocess.Popen(
            [*COMMAND, "stdio"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )
        assert host.stdin is not None
        assert host.stdout is not None
        try:
            for message in (
                '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",'
                '"capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}',
                '{"jsonrpc":"2.0","method":"notifications/initialized"}',
                '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"hanging_hang",'
                '"arguments":{"name":"lost"}}}',
            ):
                host.stdin.write(message.encode() + b"\n")
            host.stdin.flush()
            await board.noted("lost begins")
            host.stdin.close()
            host.stdout.close()
            await until(lambda: host.poll() is not None, "the end of the host")
        finally:
            host.kill()
            host.wait()
    assert host.returncode == 0
    assert {"lost was cancelled", "left properly"} <= set(board.journal())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_calls_and_leaves_every_lifespan(
    site: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """With a call that hangs and the streams of a session open."""
    board = Board(site, tmp_path, ["hanging", "exit_properly"], fuse={"call_timeout": 600, "stop_timeout": PATIENCE})
    environment = board.prepared()
    with (tmp_path / "log").open("w") as log:
        host = subprocess.Popen(
            [*COMMAND, "http", "--port", "0"], env=environment, stdin=subprocess.DEVNULL, stderr=log
        )
        client = None
        try:
            await until(lambda: re.search(r"serving http\S+\s", board.log()), "its address")
            address = board.log().partition("serving ")[2].split()[0]
            client = subprocess.Popen([sys.executable, "-c", VANISHING, address, "legacy", "open"], stderr=log)
            await board.noted("open begins")
            host.send_signal(number)
            await until(lambda: host.poll() is not None, "the end of the host")
        finally:
            host.kill()
            host.wait()
            if client is not None:
                client.kill()
                client.wait()
    assert host.returncode == 0
    assert {"open was cancelled", "left properly"} <= set(board.journal())
