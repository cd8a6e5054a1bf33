"""The fuse of one circuit: a circuit breaker that blows after faults in a row and tries again after a cool-down."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from time import monotonic

from fuseboard.errors import Unavailable

LONGEST_COOL_DOWN = 60.0


class FuseState(Enum):
    """Closed lets calls through, blown refuses them, half-open lets one through to try."""

    CLOSED = "closed"
    BLOWN = "blown"
    HALF_OPEN = "half-open"


class Fuse:
    """Counts faults of one plugin; used on the host's loop only.

    Args:
        plugin: whose fuse it is, for the messages.
        threshold: faults in a row that blow it.
        cool_down: seconds until the first try; doubled each time a try fails, at most 60.
        changed: called after every change of `state`.
        clock: monotonic seconds, an argument for tests.
    """

    def __init__(
        self,
        plugin: str,
        *,
        threshold: int,
        cool_down: float,
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._plugin = plugin
        self._threshold = threshold
        self._first_cool_down = cool_down
        self._cool_down = cool_down
        self._changed = changed
        self._clock = clock
        self._faults = 0
        self._try_at = 0.0
        self._age = 0
        self.state = FuseState.CLOSED
        self.reason = ""

    def admit(self) -> int:
        """Let a call through, or raise.

        Returns:
            A ticket to tell the outcome with: that of a call which began before the fuse last changed says nothing
            of the plugin as it is now.

        Raises:
            Unavailable: the fuse is blown; the text says why and when it is tried again.
        """
        if self.state is FuseState.CLOSED:
            return self._age
        wait = self._try_at - self._clock()
        if self.state is FuseState.BLOWN and wait <= 0:
            self._become(FuseState.HALF_OPEN)
            return self._age
        when = f"tried again in {wait:.1f} s" if wait > 0 else "a call is trying it now"
        raise Unavailable(f"{self._plugin} does not work at the moment: {self.reason} ({when})")

    def succeeded(self, ticket: int | None = None) -> None:
        """The plugin answered: forget its faults and close."""
        if self._is_old(ticket):
            return
        self._faults = 0
        if self.state is not FuseState.CLOSED:
            self._cool_down = self._first_cool_down
            self.reason = ""
            self._become(FuseState.CLOSED)

    def failed(self, reason: str, ticket: int | None = None) -> None:
        """The plugin was at fault, for this reason (free of secrets)."""
        if self._is_old(ticket) or self.state is FuseState.BLOWN:
            return
        self._faults += 1
        if self.state is FuseState.HALF_OPEN:
            self._cool_down = min(self._cool_down * 2, LONGEST_COOL_DOWN)
            self.blow(reason)
        elif self._faults >= self._threshold:
            self.blow(reason)

    def neither(self, ticket: int | None = None) -> None:
        """The call ended without telling anything of the plugin, for example by a cancel: the next one tries."""
        if self.state is FuseState.HALF_OPEN and not self._is_old(ticket):
            self._become(FuseState.BLOWN)

    def blow(self, reason: str) -> None:
        """Refuse calls until the cool-down is over."""
        self.reason = reason
        self._try_at = self._clock() + self._cool_down
        self._become(FuseState.BLOWN)

    def _is_old(self, ticket: int | None) -> bool:
        return ticket is not None and ticket != self._age

    def _become(self, state: FuseState) -> None:
        self.state = state
        self._age += 1
        self._changed()
