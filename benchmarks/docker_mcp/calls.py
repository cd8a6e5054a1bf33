"""One call after another, by every way in turn: median latency, and the processor time of all processes on the way."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from clock import cpu_seconds
from mcp_types import CallToolResult, TextContent
from wire import WrongAnswer

from docker_mcp.plan import Plan, Say
from docker_mcp.servers import SDK, TEXT, TOY, Kind
from docker_mcp.sessions import CALL, Peer, direct, in_process, over_http, over_stdio

Call = Callable[[], Awaitable[CallToolResult]]
Table = dict[str, dict[str, float]]  # way -> value's name -> value
NAME = "toy"
BASE = "direct SDK session"


@dataclass(slots=True)
class Way:
    """One way to the server.

    Attributes:
        call: asks once.
        processes: numbers of the processes whose processor time counts, beside this one's.
        few: it takes so long that it is asked less often.
        seconds: of every call so far.
        cpu: processor seconds of a call, one for each round: this process, the host, the server.
    """

    call: Call
    processes: tuple[int | None, int | None] = (None, None)
    few: bool = False
    seconds: list[float] = field(default_factory=list)
    cpu: list[tuple[float, float, float]] = field(default_factory=list)


async def measure_calls(plan: Plan, say: Say) -> Table:
    """All ways at once are open; in each round each of them is asked many times, one call after the other."""
    async with AsyncExitStack() as stack:
        ways = await stack.enter_async_context(_ways())
        for number in range(plan.rounds + 1):
            say(f"calls, round {number} of {plan.rounds}")
            for way in ways.values():
                await _round(way, plan.few_calls if way.few else plan.calls, counted=number > 0)
    return {title: _values(way) for title, way in ways.items()}


@asynccontextmanager
async def _ways() -> AsyncIterator[dict[str, Way]]:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(direct(TOY))
        ways = {BASE: await _measured(session, lambda: session.client.call_tool(TOY.echo, {"text": TEXT}), "pid")}
        for title, opened in {
            "host in this process": in_process({NAME: TOY}),
            "host over stdio": over_stdio({NAME: TOY}),
            "host over http": over_http({NAME: TOY}),
        }.items():
            peer = await stack.enter_async_context(opened)
            await peer.start(NAME)
            ways[f"{title}, first-class tool"] = await _measured(peer, _first_class(peer), f"{NAME}_pid")
            ways[f"{title}, call_tool"] = await _measured(peer, _by_call_tool(peer), f"{NAME}_pid")
        ways["one process a call, toy server"] = Way(_fresh(TOY), few=True)
        ways["one process a call, server with the SDK"] = Way(_fresh(SDK), few=True)
        yield ways


def _first_class(peer: Peer) -> Call:
    return lambda: peer.client.call_tool(f"{NAME}_{TOY.echo}", {"text": TEXT})


def _by_call_tool(peer: Peer) -> Call:
    wrapped = {"server": NAME, "tool_name": TOY.echo, "arguments": {"text": TEXT}}
    return lambda: peer.client.call_tool(CALL, wrapped)


def _fresh(kind: Kind) -> Call:
    async def call() -> CallToolResult:
        async with direct(kind) as session:
            result: CallToolResult = await session.client.call_tool(kind.echo, {"text": TEXT})
            return result

    return call


async def _measured(peer: Peer, call: Call, pid_tool: str) -> Way:
    """A way with the numbers of its processes; the toy server tells its own."""
    told = await peer.tool(pid_tool, {})
    return Way(call, (peer.host, int(told["pid"])))


async def _round(way: Way, calls: int, *, counted: bool) -> None:
    numbers = [os.getpid(), *way.processes]
    before = [_cpu(number) for number in numbers]
    seconds = []
    for _ in range(calls):
        begin = time.perf_counter()
        result = await way.call()
        seconds.append(time.perf_counter() - begin)
        block = result.content[0]
        if result.is_error or not isinstance(block, TextContent) or block.text != TEXT:
            raise WrongAnswer(str(result)[:400])
    used = [(_cpu(number) - then) / calls for number, then in zip(numbers, before, strict=True)]
    if counted:
        way.seconds += seconds
        way.cpu.append((used[0], used[1], used[2]))


def _cpu(number: int | None) -> float:
    return 0.0 if number is None else cpu_seconds(number)


def _values(way: Way) -> dict[str, float]:
    ordered = sorted(way.seconds)
    client, host, server = min(way.cpu, key=sum)
    return {
        "median_ms": statistics.median(ordered) * 1e3,
        "p90_ms": ordered[int(len(ordered) * 0.9)] * 1e3,
        "least_ms": ordered[0] * 1e3,
        "cpu_us": (client + host + server) * 1e6,
        "client_us": client * 1e6,
        "host_us": host * 1e6,
        "server_us": server * 1e6,
        "calls": len(ordered),
    }
