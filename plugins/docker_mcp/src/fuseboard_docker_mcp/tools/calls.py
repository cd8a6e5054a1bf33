"""Calling the tools of started servers."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

from mcp_types import CallToolResult, InputRequiredResult
from pydantic import Field

from fuseboard_docker_mcp.errors import AmbiguousTool, NotActive, UnknownTool
from fuseboard_docker_mcp.proxy import callable_by, namespace_of
from fuseboard_docker_mcp.text import clean
from fuseboard_docker_mcp.tools.results import ActiveTool, ActiveTools
from fuseboard_docker_mcp.tools.views import Ctx, Name
from fuseboard_docker_mcp.words import first_line

if TYPE_CHECKING:
    from fuseboard_docker_mcp.sessions import Session

MOST_NAMED = 8

Arguments = Annotated[dict[str, Any], Field(description="by the schema of get_server_tools")]


async def call_tool(
    ctx: Ctx,
    tool_name: Annotated[Name, Field(description="<tool> or <server>_<tool>")],
    arguments: Arguments = {},  # noqa: B006 - it is never changed
    server: Annotated[Name | None, Field(description="where several have the tool")] = None,
) -> CallToolResult | InputRequiredResult:
    """Call a tool of a started server. Returns what that tool returns.

    Example: call_tool("create_issue", {"title": "..."}, server="github")
    """
    session, name = await _arrived(ctx, tool_name, server)
    return await ctx.state.call_tool(ctx, arguments, server=session.name, name=name)


async def list_active_tools(
    ctx: Ctx, server: Annotated[Name | None, Field(description="only of this one")] = None
) -> ActiveTools:
    """List the tools that call_tool can call now; get_server_tools shows their schemas."""
    sessions = ctx.state.active()
    if server is not None and server not in (session.name for session in sessions):
        found = ctx.state.pool.get(server)
        raise NotActive(f"{server} is {found.state}{f' ({found.reason})' if found.reason else ''}")
    return ActiveTools(
        tools=[
            ActiveTool(server=session.name, name=tool.name, about=first_line(tool.description or tool.title))
            for session in sorted(sessions, key=lambda session: session.name)
            if server in (None, session.name)
            for tool in callable_by(ctx, session.name, session.tools)
        ]
    )


async def _arrived(ctx: Ctx, name: str, server: str | None) -> tuple[Session, str]:
    """The tool; a server that is just being started, or should come up with the host, is waited for."""
    state = ctx.state
    session = state.session(server) if server is not None else None
    if session is not None and session.state == "starting":
        await session.settled()
    try:
        return found_tool(ctx, name, server)
    except (NotActive, UnknownTool):
        if state.arrived.is_set():
            raise
        await state.arrived.wait()
        return found_tool(ctx, name, server)


def found_tool(ctx: Ctx, name: str, server: str | None) -> tuple[Session, str]:
    """The one tool that a name means: its own name, or with its server's name in front.

    Raises:
        NotActive: the server is not started.
        UnknownTool: no server has it, or the caller may not call it; AmbiguousTool: more than one has.
    """
    sessions = ctx.state.active() if server is None else [ctx.state.pool.get(server)]
    meant = [(one, [tool for tool in one.tools if _means(one, tool.name, name)]) for one in sessions]
    found = [(one, tool.name) for one, tools in meant for tool in callable_by(ctx, one.name, tools)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UnknownTool(_unknown(ctx, name, sessions, server))
    if len({session.name for session, _ in found}) == 1:  # `a_b` of server a, whose other tool is called `a_a_b`
        return next((pair for pair in found if pair[1] == name), found[0])
    ways = [f'server="{session.name}", tool_name="{tool}"' for session, tool in found]
    raise AmbiguousTool(f"several active servers have the tool {clean(name, 128)}: use {'; or '.join(ways)}")


def _means(session: Session, tool: str, name: str) -> bool:
    return name in (tool, f"{session.name}_{tool}", f"{namespace_of(session.name)}_{tool}")


def _unknown(ctx: Ctx, name: str, sessions: list[Session], server: str | None) -> str:
    shown = clean(name, 128)
    if not sessions:
        return f"there is no tool {shown}: no server is active; start_servers starts one"
    names = {tool.name: one.name for one in sessions for tool in callable_by(ctx, one.name, one.tools)}
    whole = {f"{session}_{tool}": tool for tool, session in names.items()}
    near = get_close_matches(name, [*names, *whole], n=MOST_NAMED, cutoff=0.5)
    similar = list(dict.fromkeys(whole.get(found, found) for found in near))
    where = f"server {server}" if server is not None else f"servers {', '.join(session.name for session in sessions)}"
    hint = f"similar: {', '.join(similar)}" if similar else "list_active_tools lists all"
    return f"there is no tool {shown} in the active {where}; {hint}"
