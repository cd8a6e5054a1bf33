"""Tasks that a shutdown cancels, and that find out that it was the shutdown, so that each can still answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Work = TypeVar("Work")


class RunningTasks(Generic[Work]):
    """The tasks that run, each with what is known of its work."""

    def __init__(self) -> None:
        self._works: dict[asyncio.Task[Any], Work] = {}
        self._cancelled: set[asyncio.Task[Any]] = set()

    def add(self, task: asyncio.Task[Any], work: Work) -> None:
        """A task has begun its work."""
        self._works[task] = work

    def discard(self, task: asyncio.Task[Any]) -> None:
        """It is done."""
        self._works.pop(task, None)
        self._cancelled.discard(task)

    def cancel(self, which: Callable[[Work], bool] = lambda work: True) -> None:
        """Cancel the tasks whose work is meant, by default all."""
        for task, work in list(self._works.items()):
            if which(work):
                self._cancelled.add(task)
                task.cancel()

    def was_cancelled(self, task: asyncio.Task[Any]) -> bool:
        """Whether the task was cancelled by `cancel`, and by nobody else."""
        return task in self._cancelled
