"""The bulkhead of one circuit: how many of its calls run at once and how many may wait."""

from __future__ import annotations

import asyncio
from collections import deque

from fuseboard.errors import Busy


class Bulkhead:
    """Places for calls of one plugin; used on the host's loop only.

    Args:
        plugin: whose places they are, for the message.
        places: calls that may run at once.
        queue: calls that may wait for a place.
    """

    def __init__(self, plugin: str, *, places: int, queue: int) -> None:
        self._plugin = plugin
        self._places = places
        self._queue = queue
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.taken = 0

    def try_enter(self) -> bool:
        """Take a place if one is free."""
        if self.taken < self._places:
            self.taken += 1
            return True
        return False

    async def enter(self) -> None:
        """Take a place, waiting for one in turn.

        Raises:
            Busy: as many calls wait already as may wait.
        """
        if self.try_enter():
            return
        if len(self._waiting) >= self._queue:
            raise Busy(
                f"{self._plugin} is busy: {self._places} calls run and {self._queue} wait; try again in a moment"
            )
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()  # the place was handed over in the moment of the cancel
            elif turn in self._waiting:  # else `leave` has met it already and gone on to the next
                self._waiting.remove(turn)
            raise

    def re_enter(self) -> None:
        """Take a place even if none is free: for a call that has begun and lent its place meanwhile."""
        self.taken += 1

    def leave(self) -> None:
        """Give a place back: the one who waits longest gets it."""
        while self._waiting and self.taken <= self._places:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.taken -= 1


class Place:
    """The place that one call holds. It is given back when nothing of the call runs any more.

    A call that was abandoned in a worker thread keeps its place until the thread returns, so a plugin whose threads
    hang cannot take more threads than it has places.
    """

    __slots__ = ("_bulkhead", "_holders", "_lent")

    def __init__(self, bulkhead: Bulkhead | None) -> None:
        self._bulkhead = bulkhead
        self._holders = 1
        self._lent = False

    def hold(self) -> None:
        """One more part of the call runs."""
        self._holders += 1

    def release(self) -> None:
        """A part of the call has ended."""
        self._holders -= 1
        if self._holders == 0 and self._bulkhead is not None and not self._lent:
            self._bulkhead.leave()

    def lend(self) -> None:
        """The call only waits for its client: let another one in."""
        if self._bulkhead is not None and not self._lent and self._holders > 0:
            self._lent = True
            self._bulkhead.leave()

    def reclaim(self) -> None:
        """Take a place again, at once: a call that has begun neither waits nor is refused."""
        if self._bulkhead is not None and self._lent:
            self._lent = False
            if self._holders > 0:
                self._bulkhead.re_enter()
