"""What a server lists: all pages of its tools and prompts, without what cannot be served."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anyio.lowlevel
import mcp_types
from mcp.shared.exceptions import MCPError

from fuseboard_docker_mcp.sessions.arguments import schema_problem
from fuseboard_docker_mcp.sessions.connection import Connection
from fuseboard_docker_mcp.text import clean

MOST_PAGES = 100
MOST_ITEMS = 2000
LONGEST_NAME = 128


@dataclass(frozen=True, slots=True)
class Listing:
    """What a server has.

    Attributes:
        tools: that can be served and are allowed.
        prompts: all of them.
        left_out: a sentence about each tool that cannot be served.
        offered: how many tools the server listed, before any was left out.
    """

    tools: tuple[mcp_types.Tool, ...]
    prompts: tuple[mcp_types.Prompt, ...]
    left_out: tuple[str, ...]
    offered: int


async def listing(connection: Connection, allowed: frozenset[str] | None) -> Listing:
    """Ask a server for its tools and prompts.

    Args:
        connection: with the server.
        allowed: the tools that the operator left on, None for all.

    Raises:
        MCPError: it answered with an error, or not at all.
    """
    capabilities = connection.client.server_capabilities
    left_out: dict[str, str] = {}
    connection.dropped.clear()
    found: list[mcp_types.Tool] = []
    if capabilities.tools is not None:
        found = await _pages(lambda cursor: connection.client.list_tools(cursor=cursor), "tools", left_out)
    for name in connection.dropped:
        left_out[name] = f"the tool {name} was left out: its description does not fit the protocol"
    tools: dict[str, mcp_types.Tool] = {}
    for tool in found:
        name = clean(tool.name, 64)
        if allowed is not None and tool.name not in allowed:
            continue
        if not _is_plain(tool.name):
            left_out[name] = f"the tool {name} was left out: its name is too long or not printable"
        elif tool.name in tools:
            left_out[name] = f"the tool {name} was left out the second time: two have this name"
        elif (problem := await _problem(tool)) is not None:
            left_out[name] = f"the tool {name} was left out: {problem}"
        else:
            tools[tool.name] = tool
    prompts = await _prompts(connection, left_out) if capabilities.prompts is not None else {}
    offered = len(found) + len(connection.dropped)
    return Listing(tuple(tools.values()), tuple(prompts.values()), tuple(left_out.values()), offered)


async def _problem(tool: mcp_types.Tool) -> str | None:
    # Checking a schema takes a millisecond or more: others must have their turn between two of them.
    await anyio.lowlevel.checkpoint()
    if tool.execution is not None and tool.execution.task_support == "required":
        return "it can only be called as a task"
    for schema in (tool.input_schema, tool.output_schema):
        if schema is not None and (problem := schema_problem(schema)) is not None:
            return problem
    return None


async def _prompts(connection: Connection, left_out: dict[str, str]) -> dict[str, mcp_types.Prompt]:
    try:
        found = await _pages(lambda cursor: connection.client.list_prompts(cursor=cursor), "prompts", left_out)
    except (MCPError, ValueError) as error:
        if connection.gone:
            raise
        left_out["its prompts"] = f"its prompts were left out: {clean(str(error), 160)}"
        return {}
    for prompt in found:
        if not _is_plain(prompt.name):
            name = clean(prompt.name, 64)
            left_out[f"prompt {name}"] = f"the prompt {name} was left out: its name is too long or not printable"
    return {prompt.name: prompt for prompt in found if _is_plain(prompt.name)}


def _is_plain(name: str) -> bool:
    """Whether a name can be shown as it is, because it is what a call needs."""
    return bool(name) and clean(name, LONGEST_NAME) == name


async def _pages(fetch: Callable[[str | None], Awaitable[Any]], kind: str, left_out: dict[str, str]) -> list[Any]:
    items: list[Any] = []
    seen: set[str | None] = set()
    cursor: str | None = None
    while cursor not in seen and len(seen) < MOST_PAGES and len(items) < MOST_ITEMS:
        seen.add(cursor)
        page = await fetch(cursor)
        items += getattr(page, kind)
        cursor = page.next_cursor
        if cursor is None:
            return items[:MOST_ITEMS]
    left_out[kind] = f"only {len(items[:MOST_ITEMS])} of its {kind} were read: its list does not end"
    return items[:MOST_ITEMS]
