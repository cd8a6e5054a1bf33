"""What a record of `logging` says, as texts that may be shown: without secrets, not too long, whatever is in it."""

from __future__ import annotations

import logging
import traceback
from typing import Any

from fuseboard import attribution
from fuseboard.logs.call_log import current_call
from fuseboard.logs.call_record import CallRecord
from fuseboard.logs.secrets import hidden

OF_HOST = "fuseboard."
OF_PLUGIN = "fuseboard.plugin."

LONGEST_MESSAGE = 16_384
"""Characters of a message or a field."""

LONGEST_TRACE = 65_536
"""Characters of a traceback; what is cut is in its middle."""

LONGEST_SEARCHED = 98_304
"""Characters in which secrets are looked for; the rest of such a text is never shown."""

LONGEST_SECRET = 8_192
"""Characters; so many are left out before a cut, which may have gone through a secret."""


def message_of(record: logging.LogRecord) -> str:
    """The message, even where its arguments do not fit it or cannot be turned into a text."""
    if isinstance(record, CallRecord) and record.is_searched:
        return str(record.msg)
    try:
        text = record.getMessage()
    except BaseException as error:  # a stranger's `__str__` may raise anything, and the log ends no process
        text = f"{str(record.msg)[:500]!r} (its arguments cannot be shown: {type(error).__name__})"
    return safe(text, LONGEST_MESSAGE)


def trace_of(record: logging.LogRecord) -> str:
    """The traceback, "" without one."""
    parts = []
    if record.exc_info and record.exc_info[1] is not None:
        try:
            parts.append("".join(traceback.format_exception(record.exc_info[1])))
        except BaseException as error:
            parts.append(f"{type(record.exc_info[1]).__name__} (it cannot be shown: {type(error).__name__})")
    elif record.exc_text:
        parts.append(record.exc_text)
    if record.stack_info:
        parts.append(str(record.stack_info))
    return safe("\n".join(parts).rstrip(), LONGEST_TRACE) if parts else ""


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What is known of the call that the record belongs to, or at least of the plugin."""
    given: dict[str, Any] | None = getattr(record, "fuseboard", None)
    if given is not None and isinstance(record, CallRecord) and record.is_searched:
        return given
    # A plugin's record may have anything there, and could pass for another line.
    if not isinstance(given, dict) or not record.name.startswith(OF_HOST) or record.name.startswith(OF_PLUGIN):
        given = _surroundings(record)
    texts = "\0".join([value for value in given.values() if isinstance(value, str)])
    if len(texts) <= LONGEST_MESSAGE and hidden(texts) == texts:
        return given  # one look for all of them: it is the dearest part of a line
    return {name: safe(value, LONGEST_MESSAGE) if isinstance(value, str) else value for name, value in given.items()}


def _surroundings(record: logging.LogRecord) -> dict[str, Any]:
    named = record.name.removeprefix(OF_PLUGIN) if record.name.startswith(OF_PLUGIN) else None
    plugin = named or attribution.current_plugin.get()
    call = current_call.get()
    if call is not None and plugin in (None, call.plugin):
        return call.fields()
    return {"plugin": plugin} if plugin is not None else {}


def safe(text: str, most: int) -> str:
    """A text without secrets, at most so long."""
    if len(text) > LONGEST_SEARCHED:
        text = hidden(text[:LONGEST_SEARCHED])[:-LONGEST_SECRET]
    else:
        text = hidden(text)
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]} [{len(text) - 2 * half} characters were cut] {text[-half:]}"
