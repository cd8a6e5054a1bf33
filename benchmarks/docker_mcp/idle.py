"""What twenty started servers cost a host while nobody asks them."""

from __future__ import annotations

import anyio
from clock import cpu_seconds
from process import resident_mib

from docker_mcp.plan import Plan, Say
from docker_mcp.servers import POOL, TOY
from docker_mcp.sessions import over_stdio

Table = dict[str, dict[str, float]]


async def measure_idle(plan: Plan, say: Say) -> Table:
    """Memory of the host and processor time of it, before its servers start and after."""
    names = [f"server{number:02}" for number in range(POOL)]
    async with over_stdio(dict.fromkeys(names, TOY)) as peer:
        assert peer.host is not None
        # What is imported for the first session belongs to the plugin, not to a server.
        await peer.start(names[0])
        await peer.stop(names[0])
        table = {"no server": await _watched(peer.host, plan, say)}
        await peer.start(*names)
        table[f"{POOL} servers"] = await _watched(peer.host, plan, say)
        await peer.stop(*names)
        table["all stopped again"] = await _watched(peer.host, plan, say)
    return table


async def _watched(host: int, plan: Plan, say: Say) -> dict[str, float]:
    say(f"idle for {plan.idle:g} s")
    await anyio.sleep(1)  # what a start leaves to be done later
    before = cpu_seconds(host)
    await anyio.sleep(plan.idle)
    return {"cpu_ms_per_s": (cpu_seconds(host) - before) / plan.idle * 1e3, "mib": resident_mib(host)}
