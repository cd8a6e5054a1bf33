"""How the caller of a running call can be reached: progress, questions, log messages.

A surface gives the dispatcher a `Reach`; its methods run on the host's loop. `Context` hands them to the plugin's
code and hops. What the SDK's session is, only the surface knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from fuseboard.errors import ToolError


class Reach(Protocol):
    """What a running call can do with its caller.

    Attributes:
        asks_in_rounds: whether a question ends the call and the answers come with a repeated call (2026-07-28).
        wants_progress: whether progress reaches anybody.
    """

    asks_in_rounds: bool
    wants_progress: bool

    def can(self, capability: str) -> bool:
        """Whether the client declared "elicitation.form", "elicitation.url", "sampling" or "roots"."""
        ...

    async def progress(self, done: float, total: float | None, message: str | None) -> None:
        """Report progress."""
        ...

    async def ask(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request to the client (wire form) and return its result; only where `asks_in_rounds` is false."""
        ...

    async def log(self, level: str, data: Any, logger: str | None) -> None:
        """Send a log message."""
        ...


class NoReach:
    """The reach of a caller that only waits for the result, such as another plugin."""

    asks_in_rounds = False
    wants_progress = False

    def can(self, capability: str) -> bool:
        """Nothing is declared."""
        return False

    async def progress(self, done: float, total: float | None, message: str | None) -> None:
        """Nobody sees it."""

    async def ask(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """There is nobody to ask.

        Raises:
            ToolError: always.
        """
        raise ToolError("the caller cannot be asked for input")

    async def log(self, level: str, data: Any, logger: str | None) -> None:
        """Nobody reads it."""


class AskClient(BaseException):
    """Ends one round of a call: the client has to answer these requests first.

    A `BaseException`, so `except Exception` in a plugin does not swallow it. It is neither a fault nor a miss.

    Args:
        requests: by key, each `{"method": ..., "params": {...}}` in wire form.
    """

    def __init__(self, requests: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(f"{len(requests)} questions to the client")
        self.requests = dict(requests)

    def as_result(self, request_state: str) -> dict[str, Any]:
        """The result of this round in wire form.

        Args:
            request_state: what the call needs again when it is repeated, see `Rounds.carried`.
        """
        return {"resultType": "input_required", "inputRequests": self.requests, "requestState": request_state}

    @classmethod
    def found_in(cls, error: BaseException) -> AskClient | None:
        """The question inside `error`, which may be a group of a task group; several become one."""
        if isinstance(error, cls):
            return error
        if not isinstance(error, BaseExceptionGroup):
            return None
        asked: Sequence[AskClient] = [ask for part in error.exceptions if (ask := cls.found_in(part)) is not None]
        if not asked:
            return None
        return cls({key: request for ask in asked for key, request in ask.requests.items()})
