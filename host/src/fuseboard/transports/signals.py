"""SIGTERM and SIGINT as an event of the loop instead of the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from types import TracebackType
from typing import Any


class StopSignals:
    """While the block lasts, SIGTERM and SIGINT set an event. The handlers before it come back afterwards.

    A surface opens one itself. Who wants the time before and after the surface covered too (plugins that start, plugins
    that are stopped) opens one around everything and passes it on.
    """

    def __init__(self) -> None:
        self._arrived = asyncio.Event()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(number)
            try:
                loop.add_signal_handler(number, self._arrived.set)
            except NotImplementedError:  # Windows
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._arrived.set))
            except (RuntimeError, ValueError):
                continue  # not the main thread: signals never come here
            self._before[number] = before
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop = asyncio.get_running_loop()
        for number, before in self._before.items():
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL if before is None else before)
        self._before.clear()

    async def wait(self) -> None:
        """Return when a signal has arrived, at once if one had."""
        await self._arrived.wait()
