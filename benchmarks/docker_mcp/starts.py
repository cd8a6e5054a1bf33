"""Twenty servers started by one call, and by twenty calls one after another."""

from __future__ import annotations

import statistics
import time

from docker_mcp.plan import Plan, Say
from docker_mcp.servers import POOL, SDK, SLOW_TOY, TOY, Kind
from docker_mcp.sessions import Peer, over_stdio

Table = dict[str, dict[str, float]]
KINDS = (TOY, SLOW_TOY, SDK)


async def measure_starts(plan: Plan, say: Say) -> Table:
    """Both manners in turn, round after round, each kind in a host of its own; medians of seconds."""
    return {kind.title: await _measured(kind, plan, say) for kind in KINDS}


async def _measured(kind: Kind, plan: Plan, say: Say) -> dict[str, float]:
    names = [f"server{number:02}" for number in range(POOL)]
    found: dict[str, list[float]] = {"one": [], "parallel": [], "serial": [], "stop": []}
    async with over_stdio(dict.fromkeys(names, kind)) as peer:
        await _timed_stop(peer, names[:1], start=True)
        for number in range(plan.starts):
            say(f"starts of a {kind.title}, round {number + 1} of {plan.starts}")
            begin = time.perf_counter()
            await peer.start(*names)
            found["parallel"].append(time.perf_counter() - begin)
            found["stop"].append(await _timed_stop(peer, names))
            begin = time.perf_counter()
            for name in names:
                one = time.perf_counter()
                await peer.start(name)
                found["one"].append(time.perf_counter() - one)
            found["serial"].append(time.perf_counter() - begin)
            await peer.stop(*names)
    return {manner: statistics.median(seconds) for manner, seconds in found.items()}


async def _timed_stop(peer: Peer, names: list[str], *, start: bool = False) -> float:
    if start:
        await peer.start(*names)
    begin = time.perf_counter()
    await peer.stop(*names)
    return time.perf_counter() - begin
