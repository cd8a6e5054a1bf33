"""A plugin that calls tools through its board, deep and without end."""

from __future__ import annotations

from typing import Any

from fuseboard import Context
from fuseboard_faulty.journal import Tools, fine, note


async def relay(ctx: Context[None], tool: str, text: str) -> str:
    """Call another tool with the text and return its text."""
    return _text(await ctx.board.call(tool, {"text": text}))


async def dive(ctx: Context[None], levels: int) -> str:
    """Call itself so many times."""
    note(f"dive {levels}")
    if levels == 0:
        return "at the bottom"
    result = await ctx.board.call("calling_dive", {"levels": levels - 1})
    return _text(result)


async def wait_for(ctx: Context[None], tool: str, name: str) -> str:
    """Call a tool that takes a name, for example one that hangs."""
    return _text(await ctx.board.call(tool, {"name": name}))


def _text(result: dict[str, Any]) -> str:
    mark = "error: " if result.get("isError") else ""
    return mark + "".join(part["text"] for part in result["content"])


plugin = Tools(fine, relay, dive, wait_for)
