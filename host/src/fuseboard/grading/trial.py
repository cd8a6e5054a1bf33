"""Trial calls: read-only tools whose arguments can be told from their schemas are called, and then cancelled."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from fuseboard.bulkhead import Place
from fuseboard.caller import Caller
from fuseboard.circuit import Circuit
from fuseboard.errors import CallError, InvalidArguments, InvalidResult
from fuseboard.grading.finding import Finding, error, warning
from fuseboard.grading.subject import Subject, properties_of
from fuseboard.loop_thread import Visit
from fuseboard.reasons import place_of_thread, reason_of

if TYPE_CHECKING:
    from fuseboard.contributions.tool import Tool

CALLER = Caller(surface="validate")
LONGEST_CALL = 10.0
"""Seconds that a trial call may take, if the plugin's own deadline is not shorter."""
CANCELLED_AFTER = 0.05
ENDS_WITHIN = 1.0
"""Seconds in which a cancelled call has to end."""
TICK = 0.05
"""Seconds. A wait is made of ticks: when the machine runs nobody for a moment, one tick is lost and not the wait."""


async def check_health(circuit: Circuit) -> list[Finding]:
    """Ask every health check once. That one is ill is no finding: the backend may be missing here."""
    found = []
    for check in circuit.registration.contributions.health_checks:
        place = f"health check {check.name}"
        visit = _begun(circuit, check.run, place)
        if not await ended(visit, check.timeout):
            visit.cancel()
            text = f"it gave no answer within {check.timeout:g} s{place_of_thread(circuit.lane.thread)}"
            found.append(warning("health-slow", place, text, "give what it asks a shorter deadline of its own"))
        elif (raised := visit.outcome.exception()) is not None:
            text = f"it raised: {_reason(raised)}"
            found.append(warning("health-raises", place, text, "catch what can happen and return the reason as a text"))
    return found


async def call_tools(circuit: Circuit, subject: Subject) -> list[Finding]:
    """Call what may be called; `subject.called` names it."""
    found = []
    for place, tool in subject.named_tools():
        arguments = _arguments(tool)
        if not tool.reads_only or arguments is None:
            continue
        public = place.removeprefix("tool ")
        subject.called.append(public)
        seconds = min(LONGEST_CALL, tool.timeout or circuit.options.call_timeout)
        work = partial(_invoked, tool, arguments, public)
        visit = _begun(circuit, work, public)
        if await ended(visit, seconds):
            found += _judged(place, visit.outcome.exception())
        else:
            visit.cancel()
            text = f"the trial call did not end within {seconds:g} s"
            found.append(warning("call-slow", place, text, "give what it waits for a deadline"))
        found += await _cancelled(circuit, place, work, visit)
    return found


async def _invoked(tool: Tool, arguments: Mapping[str, Any], public: str, ctx: Any) -> Any:
    return await tool.invoke(ctx, arguments, public)


def _begun(circuit: Circuit, work: Callable[[Any], Any], name: str) -> Visit:
    return circuit.call(partial(work, circuit.context(CALLER)), name=name, place=Place(None))


async def ended(visit: Visit, seconds: float) -> bool:
    """Whether it ends within these seconds, as far as this process is run in them."""
    for _ in range(math.ceil(seconds / TICK)):
        done, _ = await asyncio.wait({visit.outcome}, timeout=min(seconds, TICK))
        if done:
            return True
    return False


def _judged(place: str, raised: BaseException | None) -> list[Finding]:
    """What the outcome of a trial call says. An error that the tool means to give is fine."""
    if isinstance(raised, InvalidArguments):
        text = f"the examples or defaults of its own schema are refused: {raised}"
        return [error("example-refused", place, text, "correct them: models copy them")]
    if isinstance(raised, InvalidResult):
        return [error("result-invalid", place, str(raised), "return what the output schema promises")]
    if raised is None or isinstance(raised, CallError):
        return []
    text = f"the trial call raised: {_reason(raised)}"
    advice = "raise ToolError for what the caller can mend, BackendError when the backend is lost"
    return [error("call-raises", place, text, advice)]


async def _cancelled(circuit: Circuit, place: str, work: Callable[[Any], Any], first: Visit) -> list[Finding]:
    """Cancel a call: the one that did not end, or a second one."""
    visit = first if not first.outcome.done() else _begun(circuit, work, place)
    if visit is not first and not await ended(visit, CANCELLED_AFTER):
        visit.cancel()
    if await ended(visit, ENDS_WITHIN):
        return []
    text = f"it still ran {ENDS_WITHIN:g} s after it was cancelled{place_of_thread(circuit.lane.thread)}"
    advice = "let the cancel through (no bare except), and give blocking code in threads a deadline"
    return [error("cancel-ignored", place, text, advice)]


def _reason(raised: BaseException) -> str:
    return reason_of(raised).removesuffix(" (its text is in the log)")


def _arguments(tool: Tool) -> dict[str, Any] | None:
    """Arguments for a trial call: an example of each required one. None if one of them has none."""
    properties, given = properties_of(tool), {}
    for name in tool.input_schema.get("required", []):
        schema = properties.get(str(name), {})
        for word in ("examples", "enum"):
            if schema.get(word):
                given[name] = schema[word][0]
                break
        else:
            if "const" not in schema:
                return None
            given[name] = schema["const"]
    return given
