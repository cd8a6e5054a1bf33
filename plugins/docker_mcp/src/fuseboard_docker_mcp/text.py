"""Text of servers and commands on its way to a person or a model: one printable line, bounded, without secrets."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 300
SHORTEST_SECRET = 4


def clean(text: str, limit: int = LONGEST) -> str:
    """Return `text` as one printable line of at most `limit` characters; a cut one ends in an ellipsis."""
    # Cutting first keeps a page of a megabyte cheap; four times the limit leaves room for what is dropped.
    head = "".join(map(_printable, text[: limit * 4])).strip()
    if len(head) <= limit and len(text) <= limit * 4:
        return head
    return head[: limit - 1] + "…"


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with every secret value replaced by `***`.

    Values shorter than four characters stay: hiding each `1` would make the text unreadable and protect nothing.
    """
    # The longest first: of two secrets of which one begins the other, no end may be left.
    for secret in sorted((value for value in secrets if len(value) >= SHORTEST_SECRET), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _printable(character: str) -> str:
    if character.isspace():
        return " "
    # Controls, formatting characters (bidi, zero width), lone halves, private use and what Unicode has not assigned.
    return character if character.isprintable() else ""
