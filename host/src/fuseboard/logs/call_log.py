"""One line for each call: at INFO, or at WARNING for one that failed. All that is logged inside a call names it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from fuseboard.errors import (
    AmbiguousName,
    Busy,
    DeadlineExceeded,
    InvalidArguments,
    InvalidResult,
    PluginFault,
    ToolError,
    Unavailable,
    UnknownName,
)
from fuseboard.logs.call_record import CallRecord
from fuseboard.logs.keeping import keep
from fuseboard.logs.secrets import hidden
from fuseboard.strict_json import one_line

if TYPE_CHECKING:
    from fuseboard.caller import Caller
    from fuseboard.catalogue import Entry

T = TypeVar("T")

CALLS = "fuseboard.calls"
logger = logging.getLogger(CALLS)

LONGEST_REASON = 300
LONGEST_NAME = 500
LONGEST_SEARCHED = 16_384

SOON = 0.05
"""Seconds for which the line of a call that ended well may wait for others."""

MOST_WAITING = 256

REQUEST_ID = "fuseboard.request_id"
"""Where the scope of an HTTP request has its id."""

OUTCOMES: dict[type[BaseException], str] = {
    asyncio.CancelledError: "cancelled",
    AmbiguousName: "unknown",
    UnknownName: "unknown",
    InvalidArguments: "invalid_arguments",
    Unavailable: "unavailable",
    Busy: "busy",
    DeadlineExceeded: "timeout",
    InvalidResult: "invalid_result",
    PluginFault: "fault",
    ToolError: "error",
}
"""By kind of error; a kind that is not here has the outcome of the nearest one that it is derived from, or `error`."""


class RunningCall:
    """What the log knows of a call.

    Attributes:
        kind: "tool", "prompt" or "resource".
        name: its public name or URI, a stranger's text when nothing answers to it.
        plugin: whose it is, None when nothing answers to the name.
        caller: who calls.
        request_id: the caller's, or that of the call above.
        begun: in seconds of the monotonic clock.
        ended: whether it is over; a background task that it left behind still finds it here.
    """

    __slots__ = ("begun", "caller", "ended", "kind", "name", "plugin", "request_id")

    request_id: str | None

    def __init__(self, kind: str, name: str, plugin: str | None, caller: Caller, above: RunningCall | None) -> None:
        self.kind = kind
        self.name = name[:LONGEST_NAME]
        self.plugin = plugin
        self.caller = caller
        self.request_id = caller.request_id if caller.request_id is not None or above is None else above.request_id
        self.begun = time.perf_counter()
        self.ended = False

    def fields(self) -> dict[str, Any]:
        """What every line of the log that belongs to the call says of it."""
        found: dict[str, Any] = {"plugin": self.plugin, self.kind: self.name, "request_id": self.request_id}
        if not self.ended:
            found["ms"] = self.ms()
        return found

    def ms(self) -> float:
        """Milliseconds since it began."""
        return round((time.perf_counter() - self.begun) * 1000, 3)


current_call: ContextVar[RunningCall | None] = ContextVar("fuseboard_current_call", default=None)
"""The call in which code runs; it goes along into the plugin's loop and its threads."""


async def logged(
    work: Coroutine[Any, Any, dict[str, Any]], kind: str, entry: Entry[Any], caller: Caller
) -> dict[str, Any]:
    """Await a call, and log how it ended.

    Args:
        work: the call.
        kind: "tool", "prompt" or "resource".
        entry: what is called.
        caller: who calls.
    """
    call = RunningCall(kind, entry.public_name, entry.plugin, caller, current_call.get())
    token = current_call.set(call)
    try:
        result = await work
    except BaseException as error:
        _tell_failure(call, error)
        raise
    finally:
        call.ended = True
        current_call.reset(token)
    if result.get("isError"):
        _tell(logging.WARNING, call, "error", _words(result))
    else:
        _tell(logging.INFO, call, "input_required" if result.get("resultType") == "input_required" else "ok")
    return result


async def found(look: Coroutine[Any, Any, T], kind: str, name: str, caller: Caller) -> T:
    """Await the search for what is to be called, and log the call if nothing answers to the name.

    Raises:
        UnknownName: as the search did.
    """
    try:
        return await look
    except UnknownName as error:
        _tell_failure(RunningCall(kind, name, None, caller, current_call.get()), error)
        raise


def _tell_failure(call: RunningCall, error: BaseException) -> None:
    outcome = next((OUTCOMES[kind] for kind in type(error).__mro__ if kind in OUTCOMES), "error")
    # Whoever cancels knows why: it is no failure.
    level = logging.INFO if outcome == "cancelled" else logging.WARNING
    _tell(level, call, outcome, "" if outcome == "cancelled" else _text(error))


def _tell(level: int, call: RunningCall, outcome: str, reason: str = "") -> None:
    if logger.disabled or logger.manager.disable:
        keep()  # the plugin's work; whoever reads the log must hear of this call and of all that follow
    if not logger.isEnabledFor(level):
        return
    ended = Ended(level, call, outcome, reason, call.ms(), time.time())
    if level >= logging.WARNING:
        tell_waiting()
        logger.handle(_record(ended))
    else:
        _waiting.append(ended)
        _tell_soon()


class Ended(NamedTuple):
    """A call that is over; `ms` it took, `when` in seconds since 1970."""

    level: int
    call: RunningCall
    outcome: str
    reason: str
    ms: float
    when: float


_waiting: deque[Ended] = deque()
_alarm_of: asyncio.AbstractEventLoop | None = None


def _tell_soon() -> None:
    """Under load a line that is written for itself costs five times as much as one of many: a tenth of a call."""
    global _alarm_of
    loop = asyncio.get_running_loop()
    if len(_waiting) >= MOST_WAITING:
        tell_waiting()
    elif _alarm_of is not loop:
        _alarm_of = loop
        loop.call_later(SOON, _alarm)


def _alarm() -> None:
    global _alarm_of
    _alarm_of = None
    tell_waiting()


def tell_waiting() -> None:
    """Write the lines of the calls that ended well; before any other line, and at the end of the process."""
    ended = []
    while _waiting:
        with contextlib.suppress(IndexError):  # another thread was faster
            ended.append(_waiting.popleft())
    if not ended:
        return
    records = [_record(one) for one in ended]
    # One search through all that somebody else has chosen, instead of many: nearly always there is nothing to hide.
    texts = "\0".join([f"{one.call.name}\0{one.call.request_id}\0{one.call.caller.principal}" for one in ended])
    is_searched = hidden(texts) == texts
    for record in records:
        record.is_searched = is_searched
        record.has_followers = record is not records[-1]
        logger.handle(record)


def _record(ended: Ended) -> CallRecord:
    call, reason = ended.call, ended.reason
    facts = {
        "plugin": call.plugin,
        call.kind: call.name,
        "request_id": call.request_id,
        "ms": ended.ms,
        "surface": call.caller.surface,
        "principal": call.caller.principal,
        "outcome": ended.outcome,
    }
    if reason:
        # Hidden before it is cut: half a secret would not be known again.
        reason = hidden(reason[:LONGEST_SEARCHED])
        facts["error"] = reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}…"
    name = call.name if call.name.isprintable() else one_line(call.name, LONGEST_NAME)
    return CallRecord(logger.name, ended.level, f"{name}: {ended.outcome}", facts, ended.when)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return type(error).__name__  # a class of the plugin's own


def _words(result: dict[str, Any]) -> str:
    """The text of a result that reports an error."""
    for block in result.get("content") or ():
        if isinstance(block, dict) and isinstance(text := block.get("text"), str):
            return text
    return ""
