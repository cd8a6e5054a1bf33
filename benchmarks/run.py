"""Compare fuseboard with a bare echo, the SDK's server alone and FastMCP: `python benchmarks/run.py [--quick]`.

Prints tables in Markdown, and keeps them with all numbers in `.cache/bench/results.md` and `results.json`.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time

from candidates import CACHE, all_candidates, prepare
from measure import FULL, QUICK, Plan, Results, measure_http, measure_start
from process import cores
from report import markdown
from wire import WrongAnswer


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="about a minute: fewer sizes, rounds and starts")
    parser.add_argument("--candidates", default="abcd", help="letters of those that run, for example bd")
    parser.add_argument("--part", choices=["http", "start"], help="only this part")
    return parser.parse_args()


def say(text: str) -> None:
    """Show on standard error where the run is."""
    end = "\r" if sys.stderr.isatty() else "\n"
    print(f"\033[K{text}" if sys.stderr.isatty() else text, end=end, file=sys.stderr, flush=True)


def measure(plan: Plan, keys: str, part: str | None) -> Results:
    """Run everything that was asked for."""
    candidates = [candidate for candidate in all_candidates() if candidate.key in keys]
    results: Results = {}
    if part != "start":
        for tools in plan.tools:
            results |= measure_http(candidates, plan, tools, say)
    if part != "http":
        results |= measure_start(candidates, plan, say)
    return results


def machine(seconds: float) -> str:
    """One line about where and how the numbers were made."""
    pinned = "servers on one core, loader on another" if cores()[0] is not None else "all on one core"
    python = f"Python {platform.python_version()}"
    return f"{python}, {platform.system()} {platform.machine()}, {pinned}; took {seconds:.0f} s."


def main() -> int:
    """Measure, print and keep."""
    given = arguments()
    prepare()
    start = time.monotonic()
    try:
        results = measure(QUICK if given.quick else FULL, given.candidates, given.part)
    except (RuntimeError, WrongAnswer) as error:
        print(f"the benchmark stopped: {error}", file=sys.stderr)
        return 1
    tables = markdown(results, all_candidates(), machine(time.monotonic() - start))
    (CACHE / "results.json").write_text(json.dumps(results, indent=1))
    (CACHE / "results.md").write_text(tables)
    print(tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
