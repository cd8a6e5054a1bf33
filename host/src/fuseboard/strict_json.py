"""Strict JSON in UTF-8: what cannot be encoded must not reach the SDK, whose connection it would end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

from fuseboard.errors import InvalidResult


def encode(value: Any, label: str, limit: int | None = None) -> bytes:
    """Encode as the surface will.

    Args:
        value: what a plugin wants to send.
        label: whose it is, for the message.
        limit: most bytes.

    Raises:
        InvalidResult: it holds a lone surrogate, NaN or something that is not JSON, or is too large.
    """
    try:
        data = json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidResult(f"{label} returned text that is not valid Unicode (a lone surrogate)") from None
    except (TypeError, ValueError, RecursionError) as error:
        kind = "a number that JSON does not have" if isinstance(error, ValueError) else "something that is not JSON"
        raise InvalidResult(f"{label} returned {kind}") from None
    if limit is not None and len(data) > limit:
        raise InvalidResult(f"{label} returned {_mib(len(data))}, more than the {_mib(limit)} allowed; ask for less")
    return data


def _mib(size: int) -> str:
    return f"{size / 1048576:.1f} MiB"


def sendable(text: str) -> str:
    """The text with lone surrogates replaced."""
    return text.encode("utf-8", "replace").decode()


def one_line(text: str, most: int = 400) -> str:
    """The text of a stranger for people and machines: without control characters, on one line, cut."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:most]


def is_finite(value: Any) -> bool:
    """Whether no number in it is NaN or infinite: pydantic would send null in its place without a word."""
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, str | bytes | int | None):
        return True
    if isinstance(value, Mapping):
        return all(map(is_finite, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(is_finite, value))
    return all(map(is_finite, getattr(value, "__dict__", {}).values()))


def are_objects(value: object) -> bool:
    """Whether it is a list of nothing but JSON objects, as it should be in an answer of somebody else."""
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)
