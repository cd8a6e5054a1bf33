"""The time, here and elsewhere: what `stdio_server.py` serves under the name clock. The standard library alone."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

Object = dict[str, Any]

NAME = "clock"
TITLE = "Clock"
DESCRIPTION = "The current time in any time zone, and times of one zone in another."
INSTRUCTIONS = "Ask `now` for the current time instead of guessing it; `convert` tells a time of one zone in another."
PROMPTS: list[Object] = []

_ZONE = {"type": "string", "minLength": 1, "maxLength": 64}
_MOMENT: Object = {
    "type": "object",
    "properties": {
        "time": {"type": "string", "description": "ISO 8601 with the offset from UTC"},
        "timezone": {"type": "string"},
        "weekday": {"type": "string"},
        "unix": {"type": "integer", "description": "seconds since 1970-01-01 UTC"},
    },
    "required": ["time", "timezone", "weekday", "unix"],
}
_READS = {"readOnlyHint": True, "destructiveHint": False, "idempotentHint": True, "openWorldHint": False}
_ZONES = "a name as Europe/Berlin, an offset as +03:00, UTC, or local for the zone of this machine"

TOOLS: list[Object] = [
    {
        "name": "now",
        "title": "Current time",
        "description": "Tell the current time.",
        "inputSchema": {
            "type": "object",
            "properties": {"timezone": {**_ZONE, "default": "local", "description": _ZONES}},
            "additionalProperties": False,
        },
        "outputSchema": _MOMENT,
        "annotations": {**_READS, "idempotentHint": False},
    },
    {
        "name": "convert",
        "title": "Convert a time",
        "description": "Tell a time of one zone in another.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "time": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 64,
                    "description": "ISO 8601 without an offset, as 2026-11-21T15:30, or 15:30 for today",
                },
                "from": {**_ZONE, "description": _ZONES},
                "to": {**_ZONE, "description": _ZONES},
            },
            "required": ["time", "from", "to"],
            "additionalProperties": False,
        },
        "outputSchema": {
            "type": "object",
            "properties": {
                "from": _MOMENT,
                "to": _MOMENT,
                "note": {"type": "string", "description": "what to know about this time, when there is something"},
            },
            "required": ["from", "to"],
        },
        "annotations": _READS,
    },
]


def call(name: str, arguments: Object, ask: Callable[[str, Object], Object | None]) -> Object:
    """Call a tool.

    Raises:
        ValueError: a time or zone that does not exist; the text is for the model.
    """
    if name == "now":
        label = arguments.get("timezone", "local")
        return _moment(datetime.now(UTC), label, _zone(label))
    return _convert(arguments["time"], arguments["from"], arguments["to"])


def prompt(name: str, arguments: Object) -> str:
    """There is none.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"unknown prompt {name!r}")


def _convert(time: str, source: str, target: str) -> Object:
    origin, wanted = _zone(source), _zone(target)
    naive = _parsed(time, origin)
    try:
        meant = naive.astimezone() if origin is None else naive.replace(tzinfo=origin)
        answer: Object = {"from": _moment(meant, source, origin), "to": _moment(meant, target, wanted)}
        there = meant.astimezone(UTC).astimezone(origin).replace(tzinfo=None)
        again = naive.replace(fold=1).astimezone() if origin is None else meant.replace(fold=1)
    except (OverflowError, OSError):
        raise ValueError(f"{time} is too far away for a calendar") from None
    if there != naive:
        raise ValueError(f"{time} does not exist in {source}: the clocks are put forward over it")
    if again.utcoffset() != meant.utcoffset():
        answer["note"] = f"This time comes twice in {source}, as the clocks are put back; the first is meant."
    return answer


def _parsed(time: str, zone: tzinfo | None) -> datetime:
    text = time.strip()
    if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text):
        today = datetime.now(UTC).astimezone(zone).date().isoformat()
        text = f"{today}T{text if text[2] == ':' else '0' + text}"
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{time!r} is no time; write it as 2026-11-21T15:30 or 15:30") from None
    if parsed.tzinfo is not None:
        raise ValueError(f"{time!r} has an offset already; leave it out and say it in `from`")
    return parsed


def _moment(moment: datetime, label: str, zone: tzinfo | None) -> Object:
    there = moment.astimezone(zone)
    return {
        "time": there.isoformat(timespec="seconds"),
        "timezone": label,
        "weekday": there.strftime("%A"),
        "unix": int(there.timestamp()),
    }


def _zone(label: str) -> tzinfo | None:
    """The zone of a name; None stands for the machine's own."""
    if label.lower() == "local":
        return None
    if label.upper() in ("UTC", "Z", "GMT"):
        return UTC
    if offset := re.fullmatch(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?", label.upper()):
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        if minutes >= 24 * 60 or int(offset[3] or 0) >= 60:
            raise ValueError(f"{label!r} is no offset from UTC")
        return timezone(timedelta(minutes=minutes if offset[1] == "+" else -minutes))
    return _named_zone(label)


def _named_zone(label: str) -> tzinfo:
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(label)
    # A path that leads out of the database, a folder, a file that is no zone: each fails in a way of its own.
    except (KeyError, ValueError, OSError):
        known = zoneinfo.available_timezones()
    if not known:
        raise ValueError("this machine has no time zone database: use UTC, local or an offset as +03:00")
    similar = difflib.get_close_matches(label, known, n=3)
    hint = f"did you mean {', '.join(similar)}?" if similar else "use a name as Europe/Berlin"
    raise ValueError(f"unknown time zone {label!r}; {hint}")
