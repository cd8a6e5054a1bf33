"""Runs one plugin from its import to its stop and observes it. What it says while it runs becomes its findings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fuseboard.bulkhead import Place
from fuseboard.discovery import Found
from fuseboard.errors import Unavailable
from fuseboard.grading.finding import Finding, error, warning
from fuseboard.grading.standing_still import LoopWatch, stood_still
from fuseboard.grading.subject import Subject
from fuseboard.grading.trial import call_tools, check_health, ended
from fuseboard.host import Host
from fuseboard.ledger import UP, Row, State
from fuseboard.naming import HOUSE, prefix_of
from fuseboard.plugin_hooks import PluginHooks
from fuseboard.reasons import reason_of

if TYPE_CHECKING:
    from fuseboard.circuit import Circuit


async def observe(host: Host, found: Found, *, call: bool, drain: Callable[[], None]) -> Subject:
    """Start a host that has only this plugin, ask it everything, and stop it.

    Args:
        host: not entered yet; it loads no other plugin.
        found: the plugin; the host's own under the name `fuseboard`.
        call: whether read-only tools are called.
        drain: brings to the ledger what was written to standard output so far.
    """
    options = host.settings.fuse(found.name)
    prefix = prefix_of(found.name, options.prefix)
    row = Row(found.name, found.distribution, found.version, found.summary, State.ACTIVE)
    subject = Subject(found, options, prefix, row)
    circuit = None
    async with host:
        await host.settled()
        if found.name in host.ledger:
            subject.row = host.ledger[found.name]
        try:
            circuit = host.circuit(found.name)
        except (Unavailable, KeyError):
            pass  # it did not come up, or was never tried: the row says why
        else:
            await _ask(host, circuit, subject, call)
        stopping = host.home.time()
    subject.stop_seconds = host.home.time() - stopping
    if circuit is not None:
        subject.observed += _of_stop(circuit, subject)
    drain()
    await asyncio.sleep(0)
    return subject


async def _ask(host: Host, circuit: Circuit, subject: Subject, call: bool) -> None:
    own, joined = circuit.registration.contributions, circuit.joined
    subject.came_up = subject.found.name == HOUSE or subject.row.state in UP
    subject.tools = [*own.tools, *joined.tools]
    subject.prompts = [*own.prompts, *joined.prompts]
    subject.resources = [*own.resources, *joined.resources]
    subject.health_checks = own.health_checks
    subject.instructions = circuit.registration.instructions
    if subject.found.name != HOUSE:
        subject.settings_class = await _settings_class(circuit, subject.found)
    subject.observed += _refused(host)
    subject.observed += await _tried(circuit, subject, call)


async def _tried(circuit: Circuit, subject: Subject, call: bool) -> list[Finding]:
    """Ask the health checks, call the tools, and watch the loop meanwhile.

    Where it stood still is tried a second time: on a machine that is busy anything may take long once.
    """
    with LoopWatch(circuit.lane) as first:
        found = await check_health(circuit)
        found += await call_tools(circuit, subject) if call else []
    if circuit.lane.shared or not first.longest:  # on a shared loop the host itself would be found
        return found
    subject.called.clear()
    with LoopWatch(circuit.lane) as second:
        await check_health(circuit)
        if call:
            await call_tools(circuit, subject)
    both = [place for place in sorted(first.longest) if place in second.longest]
    return found + [stood_still(*min(first.longest[place], second.longest[place])) for place in both]


async def _settings_class(circuit: Circuit, found: Found) -> Any:
    """Ask the plugin again, on its own thread; it is imported, so this costs nothing. None if its loop is held up."""

    async def ask() -> Any:
        return PluginHooks(found.name, found.entry_point.load()).settings_class()

    visit = circuit.call(ask, name="settings", place=Place(None))
    # What holds the loop up is found by the watch that follows.
    return visit.outcome.result() if await ended(visit, circuit.options.import_timeout) else None


def _refused(host: Host) -> list[Finding]:
    advice = "correct what the revision does not know"
    return [
        error(
            "era-refuses",
            kind,
            f"{kind} cannot be listed in protocol revision {revision}: {type(why).__name__}",
            advice,
        )
        for kind, revision, why in host.catalogue.refused_lists()
    ]


def _of_stop(circuit: Circuit, subject: Subject) -> list[Finding]:
    """How the plugin ended when it was told to."""
    allowed = subject.options.stop_timeout
    if circuit.abandoned:
        text = f"it did not stop within {allowed:g} s and was abandoned; the process had to be ended by force"
        return [error("stop-abandoned", "stage stop", text, "end threads and tasks when lifespan is left")]
    found = []
    if subject.stop_seconds > allowed:
        text = f"its stop took {subject.stop_seconds:.1f} s of {allowed:g} s and was cancelled"
        found.append(warning("stop-slow", "stage stop", text, "close what lifespan opened without waiting for others"))
    raised = circuit.ended.exception() if circuit.ended.done() and not circuit.ended.cancelled() else None
    if raised is not None:
        text = f"leaving its lifespan raised: {reason_of(raised).removesuffix(' (its text is in the log)')}"
        found.append(warning("stop-raises", "stage stop", text, "close each thing although another one fails to"))
    return found
