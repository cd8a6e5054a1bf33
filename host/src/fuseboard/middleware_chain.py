"""Runs a call through the middleware of all plugins, each behind a deadline and an exception boundary."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from secrets import token_hex
from typing import Any

from fuseboard.errors import CallError, DeadlineExceeded, PluginFault
from fuseboard.middleware import Call, CallMiddleware, CallNext


def chained(middleware: Sequence[tuple[str, CallMiddleware]], innermost: CallNext, seconds: float) -> CallNext:
    """The whole chain as one function, the first middleware outermost.

    Args:
        middleware: with the plugins that bring it.
        innermost: the call itself.
        seconds: that each middleware may take for itself, not counting the rest of the chain.
    """
    call_next = innermost
    for plugin, layer in reversed(middleware):
        call_next = _Link(plugin, layer, call_next, seconds)
    return call_next


class _Link:
    """One middleware of a plugin in the chain, behind a deadline and an exception boundary.

    It runs on the host's loop, so nothing may leave it but a result or a `CallError`. The deadline does not count the
    time of the rest of the chain.
    """

    __slots__ = ("_call_next", "_middleware", "_plugin", "_seconds")

    def __init__(self, plugin: str, middleware: CallMiddleware, call_next: CallNext, seconds: float) -> None:
        self._plugin = plugin
        self._middleware = middleware
        self._call_next = call_next
        self._seconds = seconds

    async def __call__(self, call: Call) -> dict[str, Any]:
        """Run it."""
        try:
            async with asyncio.timeout(self._seconds) as clock:
                result = await self._middleware(call, _Uncounted(clock, self._call_next))
        except CallError:
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise self._fault(error) from error
        except BaseException as error:
            if isinstance(error, TimeoutError) and clock.expired():
                raise DeadlineExceeded(
                    f"the call middleware of {self._plugin} did not end within {self._seconds:g} s"
                ) from None
            raise self._fault(error) from error
        if not isinstance(result, dict):
            raise self._fault(TypeError(f"returned {type(result).__name__}"))
        return result

    def _fault(self, error: BaseException) -> PluginFault:
        reference = token_hex(4)
        logging.getLogger(f"fuseboard.plugin.{self._plugin}").error(
            "call middleware failed (reference %s)", reference, exc_info=error
        )
        return PluginFault(f"the call middleware of {self._plugin} failed; the log has the cause under {reference}")


class _Uncounted:
    """The rest of the chain; while it runs, the clock of the middleware stands."""

    __slots__ = ("_call_next", "_clock")

    def __init__(self, clock: asyncio.Timeout, call_next: CallNext) -> None:
        self._clock = clock
        self._call_next = call_next

    async def __call__(self, call: Call) -> dict[str, Any]:
        now = asyncio.get_running_loop().time
        left = (self._clock.when() or now()) - now()
        self._clock.reschedule(None)
        try:
            return await self._call_next(call)
        finally:
            self._clock.reschedule(now() + left)
