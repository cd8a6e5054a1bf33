"""Which call runs here: what a nested call inherits of it, and in whose name it runs."""

from __future__ import annotations

import asyncio
import contextvars
from dataclasses import dataclass, replace

from fuseboard.caller import Caller, asking


@dataclass(slots=True)
class Running:
    """The call that is running here: what a nested call inherits of it.

    Attributes:
        plugin: whose call it is.
        caller: in whose name it runs.
        depth: 1 for a call from outside.
        clock: its deadline.
        borrowed: whether the deadline is that of the call above, so missing it is not this plugin's fault.
        above: the call that it is part of.
        ticket: the fuse's, to tell the outcome with.
        begun: whether it has got a place and runs.
        ended: whether it is over; a background task that it left behind still finds it here.
    """

    plugin: str
    caller: Caller
    depth: int
    clock: asyncio.Timeout
    borrowed: bool
    above: Running | None
    ticket: int
    begun: bool = False
    ended: bool = False

    def holds_place_of(self, plugin: str) -> bool:
        """Whether this call, or one that led to it, holds a place of the plugin's bulkhead."""
        return self.plugin == plugin or (self.above is not None and self.above.holds_place_of(plugin))


running: contextvars.ContextVar[Running | None] = contextvars.ContextVar("fuseboard_running", default=None)


def in_whose_name(plugin: str, caller: Caller | None) -> Caller:
    """The caller of a call that a plugin makes.

    What somebody may not call they may not make a plugin call for them: without roles of its own, the call has those
    of the call, or of the request to a plugin's route, that it is part of.

    Args:
        plugin: who calls.
        caller: whom the plugin names; itself if absent.
    """
    named = caller or Caller("board", principal=plugin)
    call = running.get()
    above = call.caller if call is not None else asking.get()
    if named.roles is not None or above is None or above.roles is None:
        return named
    return replace(named, principal=above.principal, roles=above.roles)
