"""Measure the OCI plugin beside oras-py, and its answers in tokens: `python benchmarks/run_oci.py [--quick]`.

Prints tables in Markdown, and keeps them with all numbers in `.cache/bench/oci.md` and `oci.json`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from candidates import CACHE, RUN_FOLDER, install
from oci.processes import ENVIRONMENT, LOCK
from oci.report import markdown
from oci.speed import FULL, QUICK, measure, measure_imports
from oci.tokens import measure_tokens
from run import machine, say
from wire import WrongAnswer

DELAYS = (0.0, 0.04)  # seconds: loopback as it is, and a registry at some distance
PARTS = ("speed", "imports", "tokens")


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--part", choices=PARTS, help="only this part")
    return parser.parse_args()


def measure_all(parts: tuple[str, ...], *, quick: bool) -> dict[str, Any]:
    """Run everything that was asked for."""
    plan = QUICK if quick else FULL
    results: dict[str, Any] = {}
    if "speed" in parts:
        results["speed"] = {str(delay): measure(delay, plan, say) for delay in DELAYS}
    if "imports" in parts:
        results["imports"] = measure_imports(plan, say)
    if "tokens" in parts:
        results["tokens"] = measure_tokens()
    return results


def main() -> int:
    """Measure, print and keep."""
    given = arguments()
    RUN_FOLDER.mkdir(parents=True, exist_ok=True)
    install("oras-py and a tokenizer", ENVIRONMENT, LOCK)
    start = time.monotonic()
    try:
        results = measure_all((given.part,) if given.part else PARTS, quick=given.quick)
    except (RuntimeError, WrongAnswer) as error:
        print(f"the benchmark stopped: {error}", file=sys.stderr)
        return 1
    tables = markdown(results, machine(time.monotonic() - start))
    (CACHE / "oci.json").write_text(json.dumps(results, indent=1))
    (CACHE / "oci.md").write_text(tables)
    print(tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
