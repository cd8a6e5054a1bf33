"""Text of the service on its way to a model: one printable line, of bounded length."""

from __future__ import annotations

LONGEST = 300


def clean(text: str, limit: int = LONGEST) -> str:
    """Return `text` as one printable line of at most `limit` characters; a cut one ends in an ellipsis."""
    # Cutting first keeps a page of a megabyte cheap; four times the limit leaves room for what is dropped.
    head = "".join(map(_printable, text[: limit * 4])).strip()
    if len(head) <= limit and len(text) <= limit * 4:
        return head
    return head[: limit - 1] + "…"


def _printable(character: str) -> str:
    if character.isspace():
        return " "
    # Controls, formatting characters (bidi, zero width), lone halves, private use and what Unicode has not assigned.
    return character if character.isprintable() else ""
