"""Details of fifty images, asked for in all ways in turn: wall time, processor time, requests and memory."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from wire import WrongAnswer

from oci.host import Host
from oci.images import COUNT, REQUESTS, names
from oci.processes import PYTHON, ClientProcess, RegistryProcess, Round, checked

Say = Callable[[str], None]
Table = dict[str, dict[str, float]]  # way -> value's name -> value


@dataclass(frozen=True, slots=True)
class Way:
    """One way to ask for the images.

    Attributes:
        title: in the tables.
        oras_threads: with oras-py in so many threads; None for the plugin.
        parallel: the plugin's limit of requests in flight.
        at_once: the plugin is asked for all images together.
        again: the plugin's client has asked the same before.
        host_calls: "one" or "each" for the plugin inside the host, asked in one call or in a call for each image.
    """

    title: str
    oras_threads: int | None = None
    parallel: int = 16
    at_once: bool = True
    again: bool = False
    host_calls: str = ""

    @property
    def one_after_another(self) -> bool:
        """Whether there is never more than one request in flight: these take long, and are repeated less."""
        return self.oras_threads == 1 or not self.at_once


BASE = "oras-py, one after another"
WAYS = (
    Way(BASE, oras_threads=1),
    Way("oras-py, 16 threads with 16 clients", oras_threads=16),
    Way("plugin, one after another", at_once=False),
    Way("plugin, 50 at once, 16 in flight", parallel=16),
    Way("plugin, 50 at once, 32 in flight", parallel=32),
    Way("plugin, the same 50 again, 16 in flight", again=True),
    Way("host over stdio, 50 calls at once, 16 in flight", host_calls="each"),
    Way("host over stdio, one call for 50, 16 in flight", host_calls="one"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How often everything runs.

    Attributes:
        rounds: of each way, the first one not counted.
        slow_rounds: the same for ways that wait for each answer, where answers come late.
        starts: imports of each library.
    """

    rounds: int
    slow_rounds: int
    starts: int


FULL = Plan(rounds=11, slow_rounds=4, starts=9)
QUICK = Plan(rounds=4, slow_rounds=2, starts=3)


def measure(delay: float, plan: Plan, say: Say) -> Table:
    """Run all ways in turn, round after round, so that noise hits all alike; medians of what they took."""
    found: dict[str, list[Round]] = {way.title: [] for way in WAYS}
    with ExitStack() as stack:
        registry = stack.enter_context(RegistryProcess(delay))
        clients = {way: stack.enter_context(_client(way, registry.host)) for way in WAYS if not way.host_calls}
        for number in range(plan.rounds):
            say(f"{delay * 1000:g} ms added, round {number} of {plan.rounds - 1}")
            for way in WAYS:
                if delay and way.one_after_another and number >= plan.slow_rounds:
                    continue
                one = _in_host(way, registry) if way.host_calls else _in_client(clients[way], registry)
                if one is not None and number:
                    found[way.title].append(_same_work(way, one))
    return {title: _medians(rounds) for title, rounds in found.items() if rounds}


def _same_work(way: Way, one: Round) -> Round:
    if not way.again and one.requests != COUNT * REQUESTS:
        raise WrongAnswer(f"{way.title}: {one.requests} requests, and not {COUNT * REQUESTS} as the others")
    return one


def _client(way: Way, host: str) -> ClientProcess:
    order: dict[str, Any] = {"host": host, "images": names()}
    if way.oras_threads:
        return ClientProcess(PYTHON, "oras_client.py", order | {"threads": way.oras_threads})
    order |= {"parallel": way.parallel, "at_once": way.at_once, "again": way.again}
    return ClientProcess(sys.executable, "plugin_client.py", order)


def _in_client(client: ClientProcess, registry: RegistryProcess) -> Round:
    return checked(*registry.measured(client.round))


def _in_host(way: Way, registry: RegistryProcess) -> Round | None:
    """A round in a new process, whose cache is empty; None when the host cannot do it this way."""
    with Host(registry.host) as host:
        one_call = way.host_calls == "one"
        if one_call and not host.takes_many_images():
            return None
        host.warm_up()
        return checked(*registry.measured(lambda: host.round(one_call=one_call)))


def _medians(rounds: list[Round]) -> dict[str, float]:
    fields = Round.__dataclass_fields__
    return {name: statistics.median(getattr(one, name) for one in rounds) for name in fields} | {
        "rounds": len(rounds),
        "least_wall": min(one.wall for one in rounds),
        "most_wall": max(one.wall for one in rounds),
        "least_cpu": min(one.cpu for one in rounds),
    }


IMPORTS = (
    ("oras-py: `import oras.client`", "oras", "", "oras.client"),
    ("plugin's HTTP library: `import httpx2`", "", "", "httpx2"),
    ("plugin alone: `import fuseboard_oci`", "", "", "fuseboard_oci"),
    ("plugin in a host: `import fuseboard_oci` after the host", "", "fuseboard.mcp_server", "fuseboard_oci"),
)
_IMPORT = """
import importlib, sys, time
first, second = sys.argv[1:]
resident = lambda: int(open("/proc/self/statm").read().split()[1])  # pages of 4 KiB
first and importlib.import_module(first)
memory = resident()
start = time.perf_counter()
importlib.import_module(second)
seconds = time.perf_counter() - start
print(seconds, (resident() - memory) * 4 / 1024)
"""


def measure_imports(plan: Plan, say: Say) -> Table:
    """What the libraries cost before their first request; the first start only warms the file cache."""
    found: dict[str, list[list[float]]] = {title: [] for title, *_ in IMPORTS}
    for number in range(plan.starts + 1):
        say(f"import {number} of {plan.starts}")
        for title, environment, first, second in IMPORTS:
            python = PYTHON if environment else sys.executable
            command = [python, "-c", _IMPORT, first, second]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found[title].append([float(text) for text in done.stdout.split()])
    rows = {title: list(zip(*runs[1:], strict=True)) for title, runs in found.items()}
    return {
        title: {"wall": statistics.median(walls), "mib": statistics.median(sizes)}
        for title, (walls, sizes) in rows.items()
    }
