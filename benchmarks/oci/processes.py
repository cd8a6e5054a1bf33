"""The processes that take part, on the cores that they get: the registry, and clients that wait for the next round."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Self

from candidates import CACHE
from clock import cpu_seconds
from process import cores
from wire import WrongAnswer

from oci.images import COUNT, Row, answers

HERE = Path(__file__).resolve().parent
LOCK = HERE / "requirements.lock"
# oras-py and the tokenizer, in an environment of their own.
ENVIRONMENT = CACHE / "oras"
PYTHON = str(ENVIRONMENT / "bin" / "python")


@dataclass(frozen=True, slots=True)
class Round:
    """The numbers of one round.

    Attributes:
        wall: seconds from the first request to the last answer.
        cpu: processor seconds of the client's process.
        peak_mib: the most memory that the process has had in RAM so far.
        requests: how many the registry counted.
        registry_cpu: processor seconds of the registry.
    """

    wall: float
    cpu: float
    peak_mib: float
    requests: int
    registry_cpu: float


class Process:
    """A child that talks in lines. A context manager.

    Args:
        command: how it is started.
        core: the one that it runs on, None for any.
    """

    def __init__(self, command: list[str], core: int | None) -> None:
        self._name = " ".join(command)[:200]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid
        if core is not None:
            os.sched_setaffinity(self.pid, {core})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        with self._process:
            self._process.kill()

    def line(self) -> str:
        """The next line of its output.

        Raises:
            RuntimeError: it has ended; it said why on standard error.
        """
        assert self._process.stdout is not None
        if not (text := self._process.stdout.readline()):
            raise RuntimeError(f"{self._name} ended before its time")
        return text.strip()

    def ask(self, line: str = "") -> str:
        """Write a line and read one."""
        pipe: IO[str] | None = self._process.stdin
        assert pipe is not None
        pipe.write(f"{line}\n")
        pipe.flush()
        return self.line()


class RegistryProcess(Process):
    """A registry that waits `delay` seconds before each answer.

    Attributes:
        host: its `127.0.0.1:port`.
    """

    def __init__(self, delay: float) -> None:
        super().__init__([sys.executable, str(HERE / "registry.py"), str(delay)], cores()[0])
        self.host = self.line()
        self.delay = delay

    def requests(self) -> int:
        """How many came since the last time that somebody asked this."""
        return int(self.ask())

    def measured(self, run: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], int, float]:
        """Call `run`, and return what it returns with the number of requests and the processor seconds here."""
        self.requests()
        before = cpu_seconds(self.pid)
        found = run()
        used = cpu_seconds(self.pid) - before
        return found, self.requests(), used


class ClientProcess(Process):
    """A client script with its order as JSON; it runs a round for each line."""

    def __init__(self, python: str, script: str, order: dict[str, Any]) -> None:
        super().__init__([python, str(HERE / script), json.dumps(order)], cores()[1])

    def round(self) -> dict[str, Any]:
        """Run one round."""
        found: dict[str, Any] = json.loads(self.ask())
        return found


def checked(found: dict[str, Any], requests: int, registry_cpu: float) -> Round:
    """The numbers of a round whose answers are right.

    Raises:
        WrongAnswer: an image is missing, or something about one is not so.
    """
    right = _right()
    rows = {row["repository"]: row for row in found["rows"]}
    if len(found["rows"]) != COUNT or rows.keys() != right.keys():
        raise WrongAnswer(f"{len(found['rows'])} answers about {len(rows)} images, not one about each of {COUNT}")
    for name, row in rows.items():
        if row != asdict(right[name]):
            raise WrongAnswer(f"{row} instead of {right[name]}")
    return Round(found["wall"], found["cpu"], found["peak_mib"], requests, registry_cpu)


_known: dict[str, Row] = {}


def _right() -> dict[str, Row]:
    if not _known:
        _known.update(answers())
    return _known
