"""The program of the guardian: it ends what a host that is gone has left behind.

It runs alone, `python -I -S -E guardian_process.py`, so it imports nothing but the standard library. Its standard input
brings one order a line, each a JSON array: `["+group", id]`, `["-group", id]`, `["+label", text]`, `["-label", text]`,
and once `["sweep", [argv...]]`, in which `{label}` stands for a label. The end of the input is the end of the host,
however it came: the kernel closes the pipe even of a process that was killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

GRACE = 0.7
"""Seconds between asking and killing."""
SWEEP_TIMEOUT = 10.0
SWEEP_PAUSES = (0.0, 0.5, 1.0, 2.5)
"""Seconds before each sweep: a container whose creation was under way when its command line died appears later."""


def main() -> None:
    """Take orders until the host is gone, then end what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    labels: set[str] = set()
    command: list[str] = []
    take: dict[str, Callable[[Any], object]] = {
        "+group": groups.add,
        "-group": groups.discard,
        "+label": labels.add,
        "-label": labels.discard,
        "sweep": command.extend,
    }
    for line in sys.stdin.buffer:
        try:
            order, value = json.loads(line)
        except ValueError:
            continue  # the host died in the middle of a line
        take[order](value)
    _end(groups)
    if labels and command:
        for pause in SWEEP_PAUSES:
            time.sleep(pause)
            _sweep(command, labels)


def _end(groups: set[int]) -> None:
    left = [group for group in groups if _signal(group, signal.SIGTERM)]
    deadline = time.monotonic() + GRACE
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = [group for group in left if _signal(group, 0)]
    for group in left:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except OSError:
        return False
    return True


def _sweep(command: list[str], labels: set[str]) -> None:
    for label in labels:
        try:
            subprocess.run(
                [part.replace("{label}", label) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=SWEEP_TIMEOUT,
                check=False,
            )
        except (OSError, ValueError, subprocess.SubprocessError):
            continue  # nobody is left who could be told


if __name__ == "__main__":
    main()
