"""The log for people: one line for each record, and indented lines below it."""

from __future__ import annotations

import functools
import json
import logging
import re
import time
from typing import Any

from fuseboard.logs.records import fields_of, message_of, trace_of

INDENT = "    "
PLAIN = re.compile(r"[\w.:@/+-]+\Z")


class TextFormatter(logging.Formatter):
    """`2026-11-21 17:00:00,123 WARNING fuseboard.calls: tool oci_tags: timeout [plugin=oci request_id=4 ms=60003]`."""

    def format(self, record: logging.LogRecord) -> str:
        """One record. What a stranger put into it can neither begin a line nor rewrite the terminal."""
        when = _when(int(record.created))
        facts = fields_of(record)
        text = f"{when},{int(record.msecs):03d} {record.levelname} {record.name}: {message_of(record)}"
        if (trace := trace_of(record)) != "":
            text = f"{text}\n{trace}"
        head, *below = clean(text).split("\n")
        if facts:
            head = f"{head} [{' '.join(_shown(*fact) for fact in facts.items() if fact[1] is not None)}]"
        return "\n".join([head, *(INDENT + line for line in below)])

    def announcement(self, text: str, level: str = "info") -> str:
        """What is no record: a word of the command's own."""
        return f"fuseboard: {' '.join(clean(text).splitlines())}"


@functools.lru_cache(maxsize=8)
def _when(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))


def clean(text: str) -> str:
    """Without control characters; lines and tabs stay."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)


def _shown(name: str, value: Any) -> str:
    return f"{name}={value:.1f}" if isinstance(value, float) else f"{name}={_quoted(str(value))}"


@functools.lru_cache(maxsize=256)
def _quoted(text: str) -> str:
    """In quotes, unless it is one plain word; the same few words come with every call."""
    return text if PLAIN.match(text) is not None else clean(json.dumps(text, ensure_ascii=False))
