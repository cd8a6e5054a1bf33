"""Lists of the service: a filter, an order, and pages by opaque tokens."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import TypeVar

from fuseboard_cloudru.simulator.records import Registry
from fuseboard_cloudru.simulator.refusal import invalid

T = TypeVar("T")
_FILTERS = ("id", "name", "registry_type", "registry_mode", "status", "is_public", "quarantine_mode", "tariff")
_ORDERS = {"name": "name", "created_at": "created", "updated_at": "updated"}
_TERM = rf'(?:{"|".join(_FILTERS)})=(?:[A-Za-z0-9_-]*|"[^"]*")'
_KEY = rf"(?:{'|'.join(_ORDERS)})(?: asc| desc)?"

FILTER = rf"(?:{_TERM}(?: AND {_TERM})*)?"
"""What `filter` may be, as a regular expression."""

ORDER_BY = rf"(?:{_KEY}(?:, ?{_KEY})*)?"
"""What `orderBy` may be, as a regular expression."""

_INT32_MAX = 2**31 - 1


def chosen(registries: Sequence[Registry], query: Mapping[str, str]) -> list[Registry]:
    """The registries that `filter` keeps, in the order of `orderBy`.

    Raises:
        Refused: one of them is not understood.
    """
    kept = list(registries)
    for name, wanted in _terms(query.get("filter", "")):
        kept = [registry for registry in kept if _written(getattr(registry, name)) == wanted]
    # The last key is sorted by first: sorting is stable.
    for key, backwards in reversed(_order(query.get("orderBy", ""))):
        kept.sort(key=lambda registry: getattr(registry, key), reverse=backwards)
    return kept


def page(items: Sequence[T], query: Mapping[str, str], longest: int) -> tuple[list[T], str]:
    """One page of a list and the token of the next one, which is empty on the last page.

    Raises:
        Refused: `pageSize` or `pageToken` is wrong.
    """
    size = _page_size(query.get("pageSize", "0"), longest)
    begin = _position(query.get("pageToken", ""), query)
    end = begin + size
    return list(items[begin:end]), _token(end, query) if end < len(items) else ""


def _terms(text: str) -> list[tuple[str, str]]:
    if not re.fullmatch(FILTER, text):
        raise invalid("filter", f"must be FIELD=VALUE, with AND between several, of the fields {', '.join(_FILTERS)}")
    return [(name, value.strip('"')) for name, value in re.findall(r'(\w+)=("[^"]*"|[^" ]*)', text)]


def _written(value: str | bool | IntEnum) -> str:
    """A value as a filter writes it."""
    if isinstance(value, IntEnum):
        return value.name
    return str(value).lower() if isinstance(value, bool) else value


def _order(text: str) -> list[tuple[str, bool]]:
    if not re.fullmatch(ORDER_BY, text):
        raise invalid("orderBy", f"must be FIELD or FIELD desc, of the fields {', '.join(_ORDERS)}")
    keys = (part.split() for part in text.split(",") if part)
    return [(_ORDERS[key[0]], key[-1] == "desc") for key in keys]


def _page_size(text: str, longest: int) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) > _INT32_MAX:
        raise invalid("pageSize", "must be an integer of 32 bits that is not negative")
    return min(int(text) or longest, longest)


def _token(position: int, query: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(f"{position}:{_question(query)}".encode()).decode()


def _position(token: str, query: Mapping[str, str]) -> int:
    """Where a page begins."""
    if not token:
        return 0
    try:
        position, _, question = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        # A token belongs to the list that it came with.
        if question == _question(query) and re.fullmatch("[0-9]{1,9}", position):
            return int(position)
    except ValueError:
        pass
    raise invalid("pageToken", "is not a token of this list")


def _question(query: Mapping[str, str]) -> str:
    """What is listed, as a short hash; the size of a page may change on the way."""
    names = ("projectId", "filter", "orderBy", "resourceId", "resourceName")
    return hashlib.sha256(repr([query.get(name, "") for name in names]).encode()).hexdigest()[:12]
