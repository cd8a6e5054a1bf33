"""What all clients share: a round when a line comes in, measured from inside, its numbers and answers as a line out.

Standard library only, because oras-py's environment has nothing of fuseboard.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Clock:
    """The time of one round.

    Attributes:
        wall: when it began.
        cpu: the processor time that the process had used by then.
    """

    wall: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=time.process_time)

    def stop(self, rows: list[dict[str, Any]]) -> None:
        """Print seconds, peak memory so far, and what was found out."""
        cpu, wall = time.process_time() - self.cpu, time.perf_counter() - self.wall
        print(json.dumps({"wall": wall, "cpu": cpu, "peak_mib": peak_mib(), "rows": rows}), flush=True)
        # Garbage of this round is not the next one's business.
        gc.collect()


def peak_mib(process: int | str = "self") -> float:
    """The most memory that a process has had in RAM. Its `ru_maxrss` would begin with that of its parent."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def order() -> dict[str, Any]:
    """What the command line asks for."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    return given
