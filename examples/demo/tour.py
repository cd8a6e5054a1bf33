"""The guided tour: a client that makes every call of `steps.py` and tells what came of it."""

from __future__ import annotations

import time
from typing import Any

import anyio
import click
import mcp
import mcp_types
from mcp.client.session import ClientRequestContext

from embedded import Embedded
from steps import CHAPTERS, Step

WIDTH = 35
LONGEST_LINE = 110
"""Characters of an answer that are shown."""


async def tour(parts: Embedded, url: str, longest: float) -> list[str]:
    """Make every step.

    Args:
        parts: what the plugins were led to.
        url: the host's endpoint.
        longest: seconds for all of it.

    Returns:
        What failed; nothing when all is well.
    """
    began = time.perf_counter()
    known = {"registry": parts.registry, "folder": str(parts.folder)}
    failed: list[str] = []
    called: list[str] = []
    listed: set[str] = set()
    try:
        with anyio.fail_after(longest):
            async with mcp.Client(url, elicitation_callback=_agree) as client:
                click.echo(f"A client at {url} speaks revision {client.protocol_version}")
                for chapter in CHAPTERS:
                    click.echo(f"\n{chapter.title}")
                    # Servers that were started have brought tools of their own.
                    listed |= {tool.name for tool in (await client.list_tools()).tools}
                    for step in chapter.steps:
                        called.append(step.tool)
                        failed += await _make(client, step, known)
    except TimeoutError:
        failed.append(f"the tour took more than {longest:g} s")
    if missed := sorted(listed - set(called)):
        failed.append(f"no step calls {', '.join(missed)}")
    click.echo(f"\n{len(called)} calls, {len(failed)} failed, {time.perf_counter() - began:.1f} s")
    for reason in failed:
        click.echo(f"  {reason}")
    return failed


async def _make(client: mcp.Client, step: Step, known: dict[str, str]) -> list[str]:
    """Make one step, tell of it, and return why it failed."""
    began = time.perf_counter()
    try:
        result = await client.call_tool(step.tool, _filled(step.arguments, known))
        answer = result.structured_content if result.structured_content is not None else _text(result)
        if result.is_error:
            raise ValueError(_text(result))
        said = step.says(answer)
        known.update({name: find(answer) for name, find in step.keeps.items()})
    except (LookupError, TypeError, ValueError, mcp.MCPError) as error:
        missing = "the answer, or one before it, lacks " if isinstance(error, LookupError) else ""
        reason = f"{step.tool}: {missing}{error}"
        click.echo(f"  FAILED {reason}")
        return [reason]
    milliseconds = (time.perf_counter() - began) * 1000
    click.echo(f"  {step.tool:{WIDTH}} {milliseconds:5.0f} ms  {said[:LONGEST_LINE]}")
    return []


def _filled(value: Any, known: dict[str, str]) -> Any:
    """The arguments with what is known put in."""
    if isinstance(value, str):
        return value.format(**known)
    if isinstance(value, dict):
        return {name: _filled(item, known) for name, item in value.items()}
    return value


def _text(result: mcp_types.CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, mcp_types.TextContent))


async def _agree(
    context: ClientRequestContext, params: mcp_types.ElicitRequestParams
) -> mcp_types.ElicitResult | mcp_types.ErrorData:
    """Play the user, who reads the question and agrees."""
    click.echo(f"  the user is asked: {params.message[:LONGEST_LINE]}")
    return mcp_types.ElicitResult(action="accept", content={"delete": True})
