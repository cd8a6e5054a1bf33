"""What faulty calls leave behind: no task, no descriptor, no thread beyond the places of the plugin."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

import anyio
import httpx2
import mcp
import pytest

from tests.host.faults.running import PATIENCE, Board, Era, Line, http_host

pytestmark = pytest.mark.anyio

ROUND = [
    ("raising_exception", {}),
    ("raising_exception_in_a_thread", {}),
    ("raising_system_exit", {}),
    ("raising_cancels_itself", {}),
    ("raising_exception_group", {}),
    ("returning_surrogate", {}),
    ("returning_an_object_inside", {}),
    ("hanging_hang", {"name": "leak"}),
    ("hanging_spoil_cancel", {"how": "raises"}),
    ("healthy_echo", {"text": "hello"}),
    ("nobody_home", {}),
]
PLACES = 8


@pytest.mark.parametrize("era", ["legacy", "auto"])
async def test_a_thousand_faulty_calls_leave_nothing_behind(site: Path, tmp_path: Path, era: Era) -> None:
    """Every third call is given up by its client, in the middle."""
    fuse = {"call_timeout": 0.1, "max_calls": PLACES, "max_queue": 1000, "fault_threshold": 100_000}
    board = Board(site, tmp_path, ["raising", "returning", "hanging", "house"], fuse=fuse)
    async with http_host(board) as address:
        await burst(board, address, era, 100)
        before = await seen(address)
        await burst(board, address, era, 1000)
        after = await seen(address)
        with anyio.move_on_after(PATIENCE):
            while after.more_than(before):
                await anyio.sleep(0.05)
                after = await seen(address)
        assert not after.more_than(before), f"{before} became {after}"
        assert await threads_of(address) < 5 * (PLACES + 2) + 10


async def burst(board: Board, address: str, era: Era, count: int) -> None:
    """So many calls, 32 at once, of a client that comes and goes."""
    numbers = iter(range(count))

    async def work(client: mcp.Client) -> None:
        for number in numbers:
            tool, arguments = ROUND[number % len(ROUND)]
            with anyio.move_on_after(0.01 if number % 3 == 0 else PATIENCE), contextlib.suppress(mcp.MCPError):
                await client.call_tool(tool, arguments)

    async with mcp.Client(f"{address}/mcp", mode=era, cache=None) as client:
        async with anyio.create_task_group() as tasks:
            for _ in range(32):
                tasks.start_soon(work, client)
        await Line(board, "http", era, client, address).healthy_answers()


class Seen(NamedTuple):
    """How many tasks run on the host's loop, and how many descriptors the process has open."""

    tasks: int
    descriptors: int

    def more_than(self, other: Seen) -> bool:
        return self.tasks > other.tasks or self.descriptors > other.descriptors


async def seen(address: str) -> Seen:
    """Ask the host, from within."""
    async with httpx2.AsyncClient(timeout=PATIENCE) as http:
        tasks = len((await http.get(f"{address}/faulty/tasks")).json())
        descriptors = int((await http.get(f"{address}/faulty/descriptors")).text)
    return Seen(tasks, descriptors)


async def threads_of(address: str) -> int:
    """How many threads the process has."""
    async with httpx2.AsyncClient(timeout=PATIENCE) as http:
        return int((await http.get(f"{address}/faulty/threads")).text)
