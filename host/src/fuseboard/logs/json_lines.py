"""The log for machines: one JSON object for each line."""

from __future__ import annotations

import functools
import json
import logging
import re
import time
from typing import Any

from fuseboard.logs.records import LONGEST_MESSAGE, fields_of, message_of, safe, trace_of

ESCAPES = re.compile(r"\\(?:ud[89ab]..\\ud[c-f]..|(ud[89a-f]..)|.)")
"""Of JSON, in the order in which they stand; the group is half of a surrogate pair."""


class JsonFormatter(logging.Formatter):
    """`{"time", "level", "logger", "message"}`, what is known of the call, and `exception`, the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        line: dict[str, Any] = {
            "time": _time(record.created),
            "level": record.levelname.lower(),
            "logger": safe(record.name, 500),
            "message": message_of(record),
            **fields_of(record),
        }
        if (trace := trace_of(record)) != "":
            line["exception"] = trace
        # Only ASCII: no control character and no separator of lines reaches a reader.
        return _without_halves(json.dumps(line, default=str))

    def announcement(self, text: str, level: str = "info") -> str:
        """What is no record: a word of the command's own."""
        message = safe(text.removeprefix("fuseboard: "), LONGEST_MESSAGE)
        line = {"time": _time(time.time()), "level": level, "logger": "fuseboard", "message": message}
        return _without_halves(json.dumps(line))


def _without_halves(line: str) -> str:
    """A reader that keeps to RFC 8259 may refuse the whole line for half of a surrogate pair."""
    if "\\ud" not in line:
        return line
    return ESCAPES.sub(lambda found: r"\ufffd" if found[1] else found[0], line)


def _time(seconds: float) -> str:
    return f"{_second(int(seconds))}.{int(seconds % 1 * 1000):03d}Z"


@functools.lru_cache(maxsize=8)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
