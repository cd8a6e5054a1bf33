"""A health check: an async function that says whether a part of the plugin works."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fuseboard.context import Context
from fuseboard.contributions import functions
from fuseboard.errors import RegistrationError
from fuseboard.health import HealthReport

LONGEST_NAME = 64

Check = Callable[[Context[Any]], Awaitable[str | HealthReport | None]]


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A registered health check.

    Attributes:
        name: unique within the plugin.
        function: `async (ctx) -> None | str | HealthReport`.
        timeout: seconds after which it counts as ill.
        critical: whether the plugin is `degraded` while it is ill.
    """

    name: str
    function: Check
    timeout: float
    critical: bool

    @classmethod
    def of(
        cls, function: Check, *, name: str | None = None, timeout: float = 2.0, critical: bool = True
    ) -> HealthCheck:
        """Make a health check of an async function.

        Raises:
            RegistrationError: the function is not async, or the timeout is not positive.
        """
        name = name or functions.name_of(function)
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise RegistrationError(f"health check: its name must be a text of at most {LONGEST_NAME} letters")
        if not functions.is_async(function):
            raise RegistrationError(f"health check {name}: must be an async function of one argument, the context")
        functions.check_timeout(f"health check {name}", timeout)
        return cls(name, function, timeout, critical)

    async def run(self, ctx: Context[Any]) -> HealthReport:
        """Ask it once. Runs on the plugin's circuit."""
        return HealthReport.from_answer(await self.function(ctx))
