"""The tools that every candidate serves: an echo and as many others as a scenario wants, in three sections.

`BENCH_TOOLS` in the environment is the number of all tools together.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from typing import Annotated, Any

from pydantic import Field

SECTIONS = ("bench_a", "bench_b", "bench_c")
Function = Callable[..., Awaitable[str]]


async def echo(text: Annotated[str, Field(description="The text to give back.")]) -> str:
    """Give the text back."""
    return text


def numbered(number: int) -> Function:
    """A tool of everyday size that is listed and never called."""

    async def find(
        query: Annotated[str, Field(description="Words to look for, separated by spaces.")],
        limit: Annotated[int, Field(description="How many rows to return at most.")] = 10,
    ) -> str:
        return f"{number}: {query} {limit}"

    find.__name__ = f"find_{number:04d}"
    find.__doc__ = f"Find rows of table {number} that hold all the given words, newest first, as one text."
    return find


def wanted() -> int:
    """How many tools all sections hold together."""
    return int(os.environ.get("BENCH_TOOLS", "30"))


def numbers_of(section: str) -> range:
    """The numbers of a section's tools; number 0 is the echo, in the first section."""
    return range(SECTIONS.index(section), wanted(), len(SECTIONS))


def functions_of(section: str) -> Iterator[Function]:
    """The tools of one section, without its prefix."""
    for number in numbers_of(section):
        yield numbered(number) if number else echo


def listed_by_hand() -> list[dict[str, Any]]:
    """What `functions_of` becomes on the wire, for a candidate that makes no schemas itself."""
    return [_listed(section, number) for section in SECTIONS for number in numbers_of(section)]


def _listed(section: str, number: int) -> dict[str, Any]:
    if number == 0:
        text = {"type": "string", "description": "The text to give back."}
        schema = {"type": "object", "properties": {"text": text}, "required": ["text"]}
        return {"name": f"{section}_echo", "description": "Give the text back.", "inputSchema": schema}
    query = {"type": "string", "description": "Words to look for, separated by spaces."}
    limit = {"type": "integer", "description": "How many rows to return at most.", "default": 10}
    return {
        "name": f"{section}_find_{number:04d}",
        "description": f"Find rows of table {number} that hold all the given words, newest first, as one text.",
        "inputSchema": {"type": "object", "properties": {"query": query, "limit": limit}, "required": ["query"]},
    }
