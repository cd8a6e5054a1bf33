"""Asks all health checks in parallel, each under its deadline, and remembers the answers for a short time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from time import monotonic

from fuseboard.bulkhead import Place
from fuseboard.caller import Caller
from fuseboard.circuit import Circuit
from fuseboard.contributions.health_check import HealthCheck
from fuseboard.errors import InvalidResult
from fuseboard.health import CheckResult, HealthReport
from fuseboard.loop_thread import Visit
from fuseboard.reasons import place_of_thread, reason_of
from fuseboard.strict_json import encode, one_line

logger = logging.getLogger(__name__)

CALLER = Caller(surface="health")
MOST_DETAILS = 64 * 1024


class HealthMonitor:
    """Used on the host's loop.

    Args:
        circuits: the circuits that are up now.
        learned: called with each plugin's new results.
    """

    def __init__(
        self, circuits: Callable[[], Iterable[Circuit]], learned: Callable[[str, list[CheckResult]], None]
    ) -> None:
        self._circuits = circuits
        self._learned = learned
        self._asking: dict[str, asyncio.Task[list[CheckResult]]] = {}
        self._known: dict[str, tuple[float, list[CheckResult]]] = {}
        self._overdue: dict[tuple[str, str], Visit] = {}

    async def all(self, max_age: float) -> dict[str, list[CheckResult]]:
        """The results of every plugin that is up, none older than `max_age` seconds."""
        circuits = list(self._circuits())
        results = await asyncio.gather(*(self.one(circuit, max_age) for circuit in circuits))
        return {circuit.name: result for circuit, result in zip(circuits, results, strict=True)}

    async def one(self, circuit: Circuit, max_age: float) -> list[CheckResult]:
        """The results of one plugin. Those who ask at the same time share one round of checks."""
        at, known = self._known.get(circuit.name, (0.0, []))
        if at and monotonic() - at <= max_age:
            return known
        task = self._asking.get(circuit.name)
        if task is None:
            task = asyncio.create_task(self._ask(circuit))
            self._asking[circuit.name] = task
            task.add_done_callback(lambda _: self._asking.pop(circuit.name, None))
        return await asyncio.shield(task)

    def forget(self, plugin: str) -> None:
        """The plugin was started anew: what was known of it counts no more."""
        self._known.pop(plugin, None)

    def known(self, plugin: str) -> list[CheckResult]:
        """The last results, however old."""
        return self._known.get(plugin, (0.0, []))[1]

    async def _ask(self, circuit: Circuit) -> list[CheckResult]:
        checks = circuit.registration.contributions.health_checks
        results = list(await asyncio.gather(*(self._check(circuit, check) for check in checks)))
        self._known[circuit.name] = (monotonic(), results)
        self._learned(circuit.name, results)
        return results

    async def _check(self, circuit: Circuit, check: HealthCheck) -> CheckResult:
        begun = monotonic()
        report = await self._report(circuit, check)
        milliseconds = round((monotonic() - begun) * 1000, 1)
        message = one_line(str(report.message))
        return CheckResult(
            circuit.name, check.name, check.critical, bool(report.ok), message, _sendable(report.details), milliseconds
        )

    async def _report(self, circuit: Circuit, check: HealthCheck) -> HealthReport:
        overdue = self._overdue.get((circuit.name, check.name))
        if overdue is not None and overdue in circuit.running:
            return HealthReport(ok=False, message=f"the check still runs{place_of_thread(circuit.lane.thread)}")
        visit = circuit.call(
            partial(check.run, circuit.context(CALLER)), name=f"health {check.name}", place=Place(None)
        )
        try:
            async with asyncio.timeout(check.timeout) as clock:
                report: HealthReport = await visit.outcome
                return report
        except asyncio.CancelledError:
            visit.cancel()
            raise
        except Exception as error:
            if isinstance(error, TimeoutError) and clock.expired():
                visit.cancel()
                self._overdue[circuit.name, check.name] = visit
                return HealthReport(ok=False, message=f"no answer within {check.timeout:g} s")
            if visit.abandoned:  # by the circuit, which is being stopped
                return HealthReport(ok=False, message="the plugin is being stopped")
            reason = reason_of(error)
            if reason not in (result.message for result in self.known(circuit.name)):  # once, not at every round
                logger.warning("%s: health check %s failed", circuit.name, check.name, exc_info=error)
            return HealthReport(ok=False, message=reason)


def _sendable(details: object) -> Mapping[str, object]:
    """The check's details; what cannot be sent is left out, since it would take the whole ledger with it."""
    if not isinstance(details, Mapping):
        return {}
    try:
        encode(dict(details), "health details", MOST_DETAILS)
    except InvalidResult:
        return {}
    return details
