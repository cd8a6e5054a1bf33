"""The runs: which scenarios, in which order, and what is kept of them."""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from candidates import HERE, Candidate
from process import Server, cores, resident_mib, serving
from startup import start_once
from wire import ERAS, MODERN, Scenario

Say = Callable[[str], None]
Results = dict[str, dict[str, dict[str, float]]]  # row -> candidate's key -> value's name -> value


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        tools: the sizes of `tools/list`; `tools/call` is measured with the first.
        rounds: how often each scenario runs on each candidate; half as often with more than 200 tools.
        seconds: how long each of them lasts; many short rounds find a quiet moment sooner than few long ones.
        starts: how often each candidate is started.
    """

    tools: tuple[int, ...]
    rounds: int
    seconds: float
    starts: int


FULL = Plan(tools=(30, 200, 1000), rounds=10, seconds=0.5, starts=12)
QUICK = Plan(tools=(30, 1000), rounds=3, seconds=0.2, starts=3)


def row_of(scenario: Scenario) -> str:
    """The name of a scenario in the results."""
    size = f" {scenario.tools} tools" if scenario.method == "tools/list" else ""
    return f"{scenario.method}{size}, {scenario.era}"


def load_once(server: Server, scenario: Scenario, seconds: float) -> dict[str, float]:
    """One run of the load generator in a process of its own.

    Raises:
        RuntimeError: an answer was wrong.
    """
    order = asdict(scenario) | {"port": server.port, "pid": server.pid, "seconds": seconds, "core": cores()[1]}
    command = [sys.executable, str(HERE / "loader.py"), json.dumps(order)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{server.candidate.title}, {row_of(scenario)}: {done.stderr.strip()[-1500:]}")
    run: dict[str, Any] = json.loads(done.stdout)
    count = run["requests"]
    return {
        "cpu_us": run["cpu"] / count * 1e6,
        "per_second": count / run["seconds"],
        "loader_us": run["loader_cpu"] / count * 1e6,
        "p50_ms": run["p50"] * 1e3,
        "p99_ms": run["p99"] * 1e3,
        "bytes": run["bytes"],
        "requests": count,
    }


def best(runs: Iterable[dict[str, float]]) -> dict[str, float]:
    """The best value of each kind, which is the least disturbed one: the least time, the most requests."""
    runs = list(runs)
    least = {name: min(run[name] for run in runs) for name in runs[0]}
    most = {name: max(run[name] for run in runs) for name in ("per_second", "requests")}
    return least | most | {"rounds": len(runs)}


def _scenarios(tools: int, *, with_call: bool) -> list[Scenario]:
    methods = ("tools/call", "tools/list") if with_call else ("tools/list",)
    return [Scenario(method, era, tools) for method in methods for era in ERAS]


def _knows(candidate: Candidate, scenario: Scenario) -> bool:
    """The bare echo (a) knows nothing but a call."""
    return candidate.key != "a" or (scenario.method == "tools/call" and scenario.era == MODERN)


def measure_http(candidates: list[Candidate], plan: Plan, tools: int, say: Say) -> Results:
    """All scenarios with one number of tools; rounds go round the candidates, so that noise hits all alike."""
    scenarios = _scenarios(tools, with_call=tools == plan.tools[0])
    able = [candidate for candidate in candidates if any(_knows(candidate, scenario) for scenario in scenarios)]
    rounds = plan.rounds if tools <= 200 else max(1, plan.rounds // 2)
    runs: dict[str, dict[str, list[dict[str, float]]]] = {}
    with serving(able, tools) as servers:
        memory = {server.candidate.key: {"start_mib": _memory_at_first(server, scenarios[0])} for server in servers}
        for number in range(rounds):
            say(f"{tools} tools, round {number + 1} of {rounds}")
            for scenario, server in itertools.product(scenarios, servers):
                if _knows(server.candidate, scenario):
                    run = load_once(server, scenario, plan.seconds)
                    runs.setdefault(row_of(scenario), {}).setdefault(server.candidate.key, []).append(run)
        for server in servers:
            memory[server.candidate.key]["load_mib"] = resident_mib(server.pid)
    results: Results = {row: {key: best(some) for key, some in by_key.items()} for row, by_key in runs.items()}
    return results | {f"memory {tools} tools": memory}


def _memory_at_first(server: Server, scenario: Scenario) -> float:
    """Resident memory once everything is loaded: after the shortest possible load, a request per connection."""
    load_once(server, scenario, 0.0)
    return resident_mib(server.pid)


def measure_start(candidates: list[Candidate], plan: Plan, say: Say) -> Results:
    """Starts on stdio, one candidate after the other, again and again; the first of each only warms the file cache."""
    able = [candidate for candidate in candidates if candidate.stdio]
    runs: dict[str, list[dict[str, float]]] = {candidate.key: [] for candidate in able}
    for number in range(plan.starts + 1):
        say(f"start {number} of {plan.starts}")
        for candidate in able:
            runs[candidate.key].append(start_once(candidate, plan.tools[0]))
    middle = {
        key: {
            "wall_ms": statistics.median(run["seconds"] for run in some[1:]) * 1e3,
            "cpu_ms": statistics.median(run["cpu"] for run in some[1:]) * 1e3,
        }
        for key, some in runs.items()
    }
    return {"start": middle}
