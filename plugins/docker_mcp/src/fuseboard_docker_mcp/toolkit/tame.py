"""JSON of somebody else, made harmless to keep and to send on: bounded in size and depth, every text valid Unicode."""

from __future__ import annotations

import math
from typing import Any

DEEPEST = 40
MOST_VALUES = 20_000
MOST_CHARACTERS = 500_000


class Untame(ValueError):
    """The value is too large, too deep or not JSON; the text says which."""


def tame(value: Any) -> Any:
    """A copy of a JSON value in which no text has half a surrogate pair, which no stream could carry.

    Raises:
        Untame: it has more than `MOST_VALUES` values or `MOST_CHARACTERS` characters, lies deeper than `DEEPEST`
            levels, or holds something that JSON has no form for.
    """
    return _Tamer().copy(value, DEEPEST)


class _Tamer:
    def __init__(self) -> None:
        self.values = MOST_VALUES
        self.characters = MOST_CHARACTERS

    def copy(self, value: Any, depth: int) -> Any:
        self.values -= 1
        if self.values < 0:
            raise Untame(f"has more than {MOST_VALUES} values")
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return self.number(value)
        if depth == 0:
            raise Untame(f"is deeper than {DEEPEST} levels")
        if isinstance(value, list):
            return [self.copy(item, depth - 1) for item in value]
        if isinstance(value, dict):
            return {self.key(key): self.copy(item, depth - 1) for key, item in value.items()}
        raise Untame(f"holds a {type(value).__name__}, which is not JSON")

    def text(self, value: str) -> str:
        self.characters -= len(value)
        if self.characters < 0:
            raise Untame(f"has more than {MOST_CHARACTERS} characters")
        return value.encode("utf-8", "replace").decode("utf-8")

    def number(self, value: float) -> float:
        # A larger integer could not even be shown: Python refuses to write thousands of digits.
        if math.isfinite(value) if isinstance(value, float) else abs(value) < 2**256:
            return value
        raise Untame("holds a number out of range")

    def key(self, value: Any) -> str:
        if not isinstance(value, str):
            raise Untame("has a key that is no text")
        return self.text(value)
