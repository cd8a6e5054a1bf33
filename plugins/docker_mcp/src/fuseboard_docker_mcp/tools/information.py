"""What a server is and can, whether it runs or not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fuseboard_docker_mcp.errors import DockerMcpError
from fuseboard_docker_mcp.models import Server
from fuseboard_docker_mcp.proxy import SERVED, callable_by
from fuseboard_docker_mcp.text import clean
from fuseboard_docker_mcp.tools.results import SecretWanted, ServerInfo, ServerTools, ToolDetails
from fuseboard_docker_mcp.tools.views import (
    LONGEST_DESCRIPTION,
    Ctx,
    ServerName,
    active_server,
    config_schemas_of,
    described_tool,
    state_of,
    tool_details,
)
from fuseboard_docker_mcp.words import bare_url, paragraphs

if TYPE_CHECKING:
    import mcp_types

MOST_LAST_WORDS = 10


async def get_server_tools(ctx: Ctx, server: ServerName) -> ServerTools:
    """Read the tools of a server with their schemas, also before it runs where its catalogue describes them."""
    state = ctx.state

    def shown(tools: Iterable[mcp_types.Tool]) -> list[ToolDetails]:
        return [tool_details(tool) for tool in callable_by(ctx, server, tools)]

    session = state.session(server)
    if session is not None and session.state in SERVED:
        return ServerTools(server=server, source="running", tools=shown(session.tools))
    found = await state.catalogue.find(server)
    if (known := state.remembered_tools(server)) is not None:
        return ServerTools(server=server, source="cache", tools=shown(known))
    if found.tools is None:
        note = "nothing describes its tools before it runs; start_servers starts it"
        return ServerTools(server=server, source="unknown", tools=[], notes=[note])
    allowed = found.allowed_tools
    named = [tool for tool in found.tools if allowed is None or tool.name in allowed]
    described = [described_tool(tool) for tool in callable_by(ctx, server, named)]
    return ServerTools(server=server, source="catalogue", tools=described)


async def get_server_info(ctx: Ctx, server: ServerName) -> ServerInfo:
    """Read everything about a server: description, secrets and configuration that it wants, state, last errors."""
    return await info_of(ctx, server)


async def info_of(ctx: Ctx, name: str) -> ServerInfo:
    """What `get_server_info` and the resource of a server show.

    Raises:
        UnknownServer: there is none of this name.
    """
    state = ctx.state
    found = await state.catalogue.find(name)
    info = _described(ctx, found)
    stored: set[str] = set()
    try:
        stored = set(await state.secrets.names())
    except DockerMcpError as error:
        info.notes.append(f"the stored secrets cannot be read: {error}")
    info.secrets = [SecretWanted(key=spec.name, env=spec.env, stored=spec.name in stored) for spec in found.secrets]
    try:
        info.config = await state.read_config(found) or None
    except DockerMcpError as error:
        info.notes.append(f"its configuration cannot be read: {error}")
    session = state.session(name)
    if session is not None:
        info.active = active_server(state, session)
        info.instructions = paragraphs(session.instructions or "", LONGEST_DESCRIPTION)
        info.tools = [tool.name for tool in callable_by(ctx, name, session.tools)]
        if session.state not in ("ready", "starting"):
            info.last_words = [clean(line) for line in session.last_words()[-MOST_LAST_WORDS:]]
    return info


def _described(ctx: Ctx, server: Server) -> ServerInfo:
    state = ctx.state
    described = [tool.name for tool in callable_by(ctx, server.name, server.tools or ())]
    return ServerInfo(
        name=server.name,
        title=clean(server.title, 120),
        description=paragraphs(server.description, LONGEST_DESCRIPTION),
        source=server.source,
        way=server.way,
        installed=server.installed,
        kind=server.kind,
        image=clean(server.image),
        url=bare_url(server.url),
        first_class=state.is_first_class(server),
        config_schema=config_schemas_of(server),
        tools=[clean(name, 128) for name in described],
        state=state_of(state, server.name),
    )
