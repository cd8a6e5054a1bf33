"""How much is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How often everything runs.

    Attributes:
        rounds: of calls, by each way.
        calls: of each way in a round.
        few_calls: of a way that starts a process for each.
        starts: how often each set of servers is started in each manner.
        idle: seconds that idle servers are watched.
    """

    rounds: int
    calls: int
    few_calls: int
    starts: int
    idle: float


FULL = Plan(rounds=8, calls=100, few_calls=3, starts=3, idle=10)
QUICK = Plan(rounds=3, calls=50, few_calls=2, starts=2, idle=3)
