"""The results of the Docker MCP plugin's benchmarks as tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docker_mcp.calls import BASE
from docker_mcp.servers import POOL


def calls_table(table: dict[str, dict[str, float]]) -> Iterator[str]:
    """Latency and processor time of one call; "times" compares with the direct session, the least and the median."""
    yield "### One call after another: `echo` of a toy server"
    yield ""
    yield "| | least ms | times | median | times | 90 % | CPU µs | client | host | server | calls |"
    yield f"|---|{'--:|' * 10}"
    base = table[BASE]
    for title, values in table.items():
        cells = [
            f"{values['least_ms']:.2f}",
            f"{values['least_ms'] / base['least_ms']:.1f}",
            f"{values['median_ms']:.2f}",
            f"{values['median_ms'] / base['median_ms']:.1f}",
            f"{values['p90_ms']:.2f}",
            f"{values['cpu_us']:.0f}",
            f"{values['client_us']:.0f}",
            f"{values['host_us']:.0f}" if values["host_us"] else "-",
            f"{values['server_us']:.0f}" if values["server_us"] else "-",
            f"{values['calls']:.0f}",
        ]
        yield f"| {title} | {' | '.join(cells)} |"
    yield ""


def starts_table(table: dict[str, dict[str, float]]) -> Iterator[str]:
    """Seconds until all servers are ready."""
    yield f"### {POOL} servers started through the host over stdio, seconds (median)"
    yield ""
    yield "| | one | all in one call | one call after another | times faster | all stopped |"
    yield "|---|--:|--:|--:|--:|--:|"
    for title, values in table.items():
        cells = [f"{values[name]:.2f}" for name in ("one", "parallel", "serial")]
        faster = f"{values['serial'] / values['parallel']:.1f}"
        yield f"| {title} | {' | '.join(cells)} | {faster} | {values['stop']:.2f} |"
    yield ""


def idle_table(table: dict[str, dict[str, float]]) -> Iterator[str]:
    """What the host has and uses while nobody asks."""
    yield "### The host while nobody asks"
    yield ""
    yield "| | resident MiB | CPU ms in a second |"
    yield "|---|--:|--:|"
    for title, values in table.items():
        yield f"| {title} | {values['mib']:.1f} | {values['cpu_ms_per_s']:.2f} |"
    yield ""


def markdown(results: dict[str, Any], machine: str) -> str:
    """All tables of what was measured."""
    lines = ["## The Docker MCP plugin", "", machine, ""]
    for part, table in {"calls": calls_table, "starts": starts_table, "idle": idle_table}.items():
        if part in results:
            lines += table(results[part])
    return "\n".join(lines)
