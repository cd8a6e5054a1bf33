"""Where the time of one kind of request goes: `python benchmarks/profile_call.py [--compare]`.

Samples the server's process (all its threads) with py-spy while the load generator asks, and prints microseconds per
request by package and by function. `--compare` puts the SDK's bare server beside it. The raw stacks stay in
`.cache/bench/profile-*.txt`, one a line, as flame graph programs read them.

Only threads that hold the interpreter lock are sampled: one that waits for it looks busy and is not. System calls are
thus missing, and a garbage collection counts as the function during which it began.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from candidates import CACHE, all_candidates, fastmcp_tool, prepare
from measure import best, load_once
from process import Server, serving
from wire import ERAS, MODERN, Scenario

RATE = 1000
LIBRARY = re.compile(r"^.*/(?:site-packages|src|python3\.\d+)/")
FRAME = re.compile(r"^(?P<function>.*) \((?P<file>[^()]*?)(?::(?P<line>\d+))?\)$")


@dataclass(slots=True)
class Profile:
    """Sampled stacks, added up.

    Attributes:
        total: how many samples.
        own: samples in which a function was the innermost.
        within: samples in which it was anywhere on the stack.
        lines: samples by line, anywhere on the stack.
        packages: samples by the package of the innermost function.
        cpu_us: the CPU time of one request, measured without the profiler.
    """

    cpu_us: float
    total: int = 0
    own: Counter[str] = field(default_factory=Counter)
    within: Counter[str] = field(default_factory=Counter)
    lines: Counter[str] = field(default_factory=Counter)
    packages: Counter[str] = field(default_factory=Counter)

    def add(self, stack: str, count: int) -> None:
        """Count one line of py-spy's raw output."""
        frames = [found for frame in stack.split(";") if (found := FRAME.match(frame))]
        if not frames:
            return
        names = [f"{short(frame['file'])}:{frame['function']}" for frame in frames]
        self.total += count
        self.own[names[-1]] += count
        self.packages[package(frames[-1]["file"])] += count
        for name in set(names):
            self.within[name] += count
        for line in {f"{name}:{frame['line']}" for name, frame in zip(names, frames, strict=True)}:
            self.lines[line] += count

    def cost(self, samples: int) -> float:
        """Samples as microseconds of a request."""
        return samples / max(self.total, 1) * self.cpu_us


def short(file: str) -> str:
    """A file's path from its package on."""
    return LIBRARY.sub("", file)


def package(file: str) -> str:
    """The package that a file belongs to; for the SDK and fuseboard the module or subpackage."""
    parts = short(file).split("/")
    return "/".join(parts[: 2 if parts[0] in ("mcp", "fuseboard") else 1])


def record(server: Server, scenario: Scenario, seconds: float) -> Profile:
    """Measure a scenario without the profiler, then sample it."""
    cpu_us = best(load_once(server, scenario, seconds / 4) for _ in range(4))["cpu_us"]
    raw = CACHE / f"profile-{server.candidate.key}.txt"
    options = f"--pid {server.pid} --rate {RATE} --duration 600 --format raw --full-filenames --gil".split()
    command = [str(fastmcp_tool("py-spy")), "record", *options, "--output", str(raw)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as sampler:
        load_once(server, scenario, seconds)
        sampler.send_signal(signal.SIGINT)
        _, complaint = sampler.communicate(timeout=30)
    if sampler.returncode:
        raise RuntimeError(f"py-spy: {complaint.decode()[-500:]}")
    return read(raw, cpu_us)


def read(raw: Path, cpu_us: float) -> Profile:
    """Add up py-spy's raw output."""
    profile = Profile(cpu_us)
    for line in raw.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        profile.add(stack, int(count))
    return profile


def show(title: str, kind: str, profiles: dict[str, Profile], rows: int, only: str = "") -> None:
    """Print one table, dearest first; a column per profile."""
    first, *_ = profiles.values()
    keys = [name for name, _ in getattr(first, kind).most_common() if only in name]
    print(f"\n| {title} | {' | '.join(f'({key}) µs' for key in profiles)} |\n|---|{'--:|' * len(profiles)}")
    for name in keys[:rows]:
        cells = [f"{profile.cost(getattr(profile, kind)[name]):.1f}" for profile in profiles.values()]
        print(f"| {name} | {' | '.join(cells)} |")


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="tools/call", choices=["tools/call", "tools/list"])
    parser.add_argument("--era", default=MODERN, choices=ERAS)
    parser.add_argument("--tools", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--candidate", default="d", help="a letter: a, b, c or d")
    parser.add_argument("--compare", action="store_true", help="beside the SDK's bare server (b)")
    parser.add_argument("--rows", type=int, default=40)
    return parser.parse_args()


def main() -> int:
    """Profile and print."""
    given = arguments()
    prepare()
    scenario = Scenario(given.method, given.era, given.tools)
    keys = [given.candidate, "b"] if given.compare else [given.candidate]
    chosen = [candidate for candidate in all_candidates() if candidate.key in keys]
    try:
        with serving(chosen, given.tools) as servers:
            servers.sort(key=lambda server: keys.index(server.candidate.key))
            profiles = {server.candidate.key: record(server, scenario, given.seconds) for server in servers}
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    for key, profile in profiles.items():
        print(f"({key}): {profile.cpu_us:.0f} µs of CPU per request, {profile.total} samples")
    show("package of the innermost function", "packages", profiles, given.rows)
    show("function itself", "own", profiles, given.rows)
    show("function with all it calls", "within", profiles, given.rows)
    show("line of fuseboard with all it calls", "lines", profiles, given.rows, only="fuseboard/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
