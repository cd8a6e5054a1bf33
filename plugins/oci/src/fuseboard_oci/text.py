"""Text and JSON from strangers: cleaned, cut, and parsed without surprises."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, NoReturn

MAX_TEXT = 512
MAX_ENTRIES = 64
MAX_MAP = 8192
MAX_PARTS = 100_000
MAX_LIST_PARTS = 500_000
"""For lists of tags and the like: a registry that ignores the page size may send a hundred thousand at once."""
_WEIGHT_OF_A_KEY = 4

_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b]{0,512}(?:\x07|\x1b\\)?|\x1b[@-_]?")
# Controls, formatting characters (bidi, zero width), private use; line and paragraph separators become a space.
_DROPPED = frozenset({"Cc", "Cf", "Co"})
_SPACES = frozenset({"Zl", "Zp"})


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """Return `text` as one printable line of at most `limit` characters; a cut one ends in an ellipsis.

    Terminal escapes, control, bidi, zero-width and tag characters go; a lone surrogate, which no UTF-8 output could
    carry, becomes U+FFFD.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text.strip()
    # Cutting first keeps a 20 KB label cheap; four times the limit leaves room for what is dropped.
    head = _ESCAPE_SEQUENCE.sub("", text[: limit * 4])
    kept = "".join(map(_printable, head)).strip()
    if len(kept) <= limit and len(text) <= limit * 4:
        return kept
    return kept[: limit - 1] + "…"


def _printable(character: str) -> str:
    if character in "\t\n\r":
        return " "
    category = unicodedata.category(character)
    if category == "Cs":
        return "\ufffd"
    if category in _SPACES:
        return " "
    if category in _DROPPED or "\U000e0000" <= character <= "\U000e0fff":
        return ""
    return character


def clean_map(values: Mapping[str, object], limit: int = MAX_ENTRIES) -> tuple[dict[str, str], int]:
    """Return the cleaned text entries of `values`, at most `limit`, and how many were left out.

    Entries whose value is no text (an untyped field of a stranger's document) are left out and counted. Where all that
    is kept would be longer than `MAX_MAP`, each value is cut to its share: a model pays for every character.
    """
    cleaned: dict[str, str] = {}
    for key, value in values.items():
        if len(cleaned) == limit:
            break
        if isinstance(value, str):
            cleaned[clean(key, 256)] = clean(value)
    if sum(map(len, cleaned.values())) > MAX_MAP:
        share = MAX_MAP // len(cleaned)
        cleaned = {key: clean(value, share) for key, value in cleaned.items()}
    return cleaned, len(values) - len(cleaned)


def parse_object(body: bytes, *, parts: int = MAX_PARTS) -> dict[str, Any]:
    """Parse `body` as one JSON object.

    Args:
        body: the bytes; their number is the caller's matter.
        parts: how many entries of lists and objects it may have, a key with its value counting as five: a megabyte of
            empty lists is forty of memory.

    Raises:
        ValueError: not JSON in UTF-8, no object, a key given twice, NaN or Infinity, an endless number, nested too
            deep, or of too many parts. The text says which, without quoting the body.
    """
    # Those inside of texts are counted too: that is cheap, and real documents are far below.
    weight = body.count(b",") + body.count(b"[") + body.count(b"{") + _WEIGHT_OF_A_KEY * body.count(b":")
    if weight > parts:
        raise ValueError("it has too many parts")
    try:
        parsed = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except _Refused as refused:
        raise ValueError(str(refused)) from None
    except ValueError:
        raise ValueError("it is not JSON") from None
    if not isinstance(parsed, dict):
        raise ValueError("it is no JSON object")
    return parsed


class _Refused(ValueError):
    """JSON that Python would accept and we do not."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused("it has a key twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise _Refused(f"it contains {name}")
