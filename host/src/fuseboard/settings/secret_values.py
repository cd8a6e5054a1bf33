"""The secrets that this process has been given in settings, so that the log can cut them out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

SHORTEST_SECRET = 4
"""Characters; to cut out a shorter one would shred the log, and its gaps would tell the secret."""

SHORTEST_GUESS = 8
"""Characters of a value that only its name makes a secret: `token: none` is no secret."""

DEEPEST = 8

NAME_OF_SECRET = re.compile(
    r"(secret|passw(or)?d|passphrase|token|credential|api_?key|(^|[_.-])(key|pat|pin)|cookie|authorization)s?$",
    re.IGNORECASE,
)
"""Stricter than what `config show` masks: `token_url` and `key_file` are needed to understand a line of the log."""

_known: set[str] = set()


def remember(values: Any) -> None:
    """Note the secrets in settings: values of pydantic's secret types, and texts under names that say so.

    Args:
        values: a settings model, or a mapping of raw settings or variables.
    """
    _known.update(_found(values, "", DEEPEST))


def known_secrets() -> set[str]:
    """All that were noted; grows while plugins start."""
    return _known


def _found(value: Any, name: str, depth: int) -> Iterator[str]:
    if hasattr(value, "get_secret_value"):
        yield from _texts(value.get_secret_value(), SHORTEST_SECRET, depth)
    elif isinstance(value, str | bytes):
        if NAME_OF_SECRET.search(name):
            yield from _texts(value, SHORTEST_GUESS, depth)
    elif depth:
        for key, part in _parts(value, name):
            yield from _found(part, key, depth - 1)


def _parts(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, BaseModel):
        yield from {**value.__dict__, **(value.__pydantic_private__ or {})}.items()
    elif isinstance(value, Mapping):
        yield from ((str(key), part) for key, part in list(value.items()))
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((name, part) for part in value)


def _texts(value: Any, shortest: int, depth: int) -> Iterator[str]:
    """The texts in a secret, which may be of any type."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        for part in value.values() if isinstance(value, Mapping) else value:
            if depth:
                yield from _texts(part, shortest, depth - 1)
    elif value is not None and not isinstance(value, bool) and len(text := str(value).strip()) >= shortest:
        yield text
