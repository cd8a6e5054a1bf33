"""Reading the log of a real process as JSON lines."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

from tests.host.transports.http_process import HttpProcess
from tests.host.transports.stdio_peer import StdioPeer
from tests.host.transports.toys import PATIENCE


class JsonHttpProcess(HttpProcess):
    """`fuseboard http` that announces its address in either form."""

    def _address(self) -> tuple[str, int]:
        end = time.monotonic() + PATIENCE
        while not (found := re.search(r'serving (http://[^"\s]*:(\d+))/mcp', self.errors())):
            assert self.process.poll() is None, self.errors()
            assert time.monotonic() < end, self.errors()
            time.sleep(0.02)
        return found[1], int(found[2])


def wait_until(condition: Callable[[], object]) -> None:
    """Ask again until a condition of another process holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def lines_of(served: HttpProcess | StdioPeer) -> list[dict[str, Any]]:
    """Every whole line of the log so far; one that is no JSON object fails the test."""
    lines = []
    log = served.errors()
    for line in log[: log.rfind("\n") + 1].splitlines():
        found = json.loads(line)
        assert {"time", "level", "logger", "message"} <= found.keys(), line
        assert line.isascii(), line
        assert line.isprintable(), line
        lines.append(found)
    return lines


def wait_for_call(served: HttpProcess | StdioPeer, outcome: str) -> dict[str, Any]:
    """The line of the first call with this outcome; it is written a moment after the answer."""
    end = time.monotonic() + PATIENCE
    while not (found := [line for line in lines_of(served) if line.get("outcome") == outcome]):
        assert time.monotonic() < end, served.errors()
        time.sleep(0.02)
    return found[0]
