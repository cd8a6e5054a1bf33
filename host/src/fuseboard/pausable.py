"""The reach of a running call, which stops the call's clock and gives its place back while the client is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from fuseboard.bulkhead import Place
from fuseboard.reach import Reach


class PausableReach:
    """Wraps the surface's reach for one call. The time that a user takes to answer is not the plugin's.

    Args:
        reach: the surface's.
        clock: the call's deadline.
        place: the call's place in the bulkhead.
    """

    __slots__ = ("_asking", "_clock", "_left", "_place", "_reach", "asks_in_rounds", "wants_progress")

    def __init__(self, reach: Reach, clock: asyncio.Timeout, place: Place) -> None:
        self._reach = reach
        self._clock = clock
        self._place = place
        self._asking = 0
        self._left = 0.0
        self.asks_in_rounds = reach.asks_in_rounds
        self.wants_progress = reach.wants_progress

    def can(self, capability: str) -> bool:
        """Whether the client declared it."""
        return self._reach.can(capability)

    async def progress(self, done: float, total: float | None, message: str | None) -> None:
        """Report progress."""
        await self._reach.progress(done, total, message)

    async def log(self, level: str, data: Any, logger: str | None) -> None:
        """Send a log message."""
        await self._reach.log(level, data, logger)

    async def ask(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the client; meanwhile the clock stands and the place is free for another call."""
        self._pause()
        try:
            return await self._reach.ask(method, params)
        finally:
            self._resume()

    def _pause(self) -> None:
        self._asking += 1
        deadline = self._clock.when()
        if self._asking == 1 and deadline is not None:
            self._left = deadline - asyncio.get_running_loop().time()
            self._clock.reschedule(None)
            self._place.lend()

    def _resume(self) -> None:
        self._asking -= 1
        if self._asking == 0 and not self._clock.expired():
            with suppress(RuntimeError):  # the call has ended meanwhile, and its clock with it
                self._clock.reschedule(asyncio.get_running_loop().time() + self._left)
                self._place.reclaim()
