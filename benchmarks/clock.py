"""The processor time of another process. Linux only."""

from __future__ import annotations

import time


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process, ended ones included, to the microsecond.

    The kernel has a clock for each process (`clock_getcpuclockid` makes this number); /proc counts in steps of 10 ms.
    """
    return time.clock_gettime((~pid << 3) | 2)
