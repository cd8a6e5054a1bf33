"""Measure calls and starts through the Docker MCP plugin: `python benchmarks/run_docker_mcp.py [--quick]`.

Prints tables in Markdown, and keeps them with all numbers in `.cache/bench/docker_mcp.md` and `docker_mcp.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from typing import Any

import anyio
from candidates import CACHE, RUN_FOLDER
from docker_mcp.calls import measure_calls
from docker_mcp.idle import measure_idle
from docker_mcp.plan import FULL, QUICK, Plan
from docker_mcp.report import markdown
from docker_mcp.starts import measure_starts
from run import say
from wire import WrongAnswer

PARTS = {"calls": measure_calls, "starts": measure_starts, "idle": measure_idle}


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--part", choices=sorted(PARTS), help="only this part")
    return parser.parse_args()


async def measure_all(parts: list[str], plan: Plan) -> dict[str, Any]:
    """Run everything that was asked for."""
    return {part: await PARTS[part](plan, say) for part in parts}


def machine(seconds: float, load: float) -> str:
    """One line about where and how the numbers were made."""
    python = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return f"{python}; load {load:.1f} before, {os.getloadavg()[0]:.1f} after; took {seconds:.0f} s."


def cause_of(error: Exception) -> Exception:
    """The first error inside groups of them."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def main() -> int:
    """Measure, print and keep."""
    given = arguments()
    RUN_FOLDER.mkdir(parents=True, exist_ok=True)
    start, load = time.monotonic(), os.getloadavg()[0]
    try:
        results = anyio.run(measure_all, [given.part] if given.part else list(PARTS), QUICK if given.quick else FULL)
    except (RuntimeError, WrongAnswer, ExceptionGroup) as error:
        print(f"the benchmark stopped: {cause_of(error)}", file=sys.stderr)
        return 1
    tables = markdown(results, machine(time.monotonic() - start, load))
    (CACHE / "docker_mcp.json").write_text(json.dumps(results, indent=1))
    (CACHE / "docker_mcp.md").write_text(tables)
    print(tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
