"""Which servers there are, and starting and stopping them."""

from __future__ import annotations

from typing import Annotated

import anyio
from pydantic import Field

from fuseboard_docker_mcp.errors import DockerMcpError
from fuseboard_docker_mcp.models import Server
from fuseboard_docker_mcp.orchestrator import Orchestrator
from fuseboard_docker_mcp.proxy import callable_by
from fuseboard_docker_mcp.tools.results import (
    ActiveServers,
    CatalogServer,
    CatalogServers,
    InstalledServer,
    InstalledServers,
    StartedServer,
    StartResult,
    StopResult,
)
from fuseboard_docker_mcp.tools.views import (
    Ctx,
    Name,
    active_server,
    failure_of,
    is_configurable,
    notes_of,
    problems_of,
    prompt_lines,
    state_of,
    tool_lines,
)
from fuseboard_docker_mcp.words import first_line

Names = Annotated[list[Name], Field(min_length=1, max_length=100, description="names, such as github")]


async def list_installed_servers(ctx: Ctx) -> InstalledServers:
    """List the servers that may be started, with their state. Begin here."""
    state = ctx.state
    servers = await state.catalogue.installed()
    problems = list(await state.catalogue.problems())
    stored: set[str] = set()
    try:
        stored = set(await state.secrets.names())
    except DockerMcpError as error:
        problems.append(error)
    return InstalledServers(
        servers=[_installed(state, server, stored) for server in servers], problems=problems_of(problems)
    )


def _installed(state: Orchestrator, server: Server, stored: set[str]) -> InstalledServer:
    return InstalledServer(
        name=server.name,
        title=first_line(server.title),
        description=first_line(server.description, 200),
        source=server.source,
        way=server.way,
        state=state_of(state, server.name),
        missing_secrets=[spec.name for spec in server.secrets if spec.name not in stored],
        configurable=is_configurable(server),
    )


async def list_catalog_servers(
    ctx: Ctx,
    query: Annotated[str, Field(max_length=200, description="words to find")] = "",
    limit: Annotated[int, Field(ge=1, le=1000, description="at most so many")] = 50,
) -> CatalogServers:
    """List the servers of all catalogues, installed or not, one line each."""
    words = query.casefold().split()
    servers = [server for server in await ctx.state.catalogue.all() if _fits(server, words)]
    problems = await ctx.state.catalogue.problems()
    shown = [
        CatalogServer(
            name=server.name, about=first_line(server.description or server.title), installed=server.installed
        )
        for server in servers[:limit]
    ]
    return CatalogServers(servers=shown, total=len(servers), problems=problems_of(problems))


def _fits(server: Server, words: list[str]) -> bool:
    if not words:
        return True
    text = f"{server.name} {server.title} {server.description}".casefold()
    return all(word in text for word in words)


async def start_servers(ctx: Ctx, servers: Names) -> StartResult:
    """Start servers, all at once. Answers with the tools and prompts of each, and why the others failed.

    Example: start_servers(["github"]), then call_tool.
    """
    names = list(dict.fromkeys(servers))
    result = StartResult(started=[], failed=[])
    steps = Steps(ctx, len(names))

    async def one(name: str) -> None:
        try:
            await ctx.state.start(name, steps.of(name))
            result.started.append(_started(ctx, name))
            await steps.ended(name, "ready")
        except DockerMcpError as error:
            result.failed.append(failure_of(name, error))
            await steps.ended(name, error.code)

    async with anyio.create_task_group() as together:
        for name in names:
            together.start_soon(one, name)
    result.started.sort(key=lambda started: names.index(started.server))
    result.failed.sort(key=lambda failed: failed.server)
    return result


def _started(ctx: Ctx, name: str) -> StartedServer:
    state = ctx.state
    session = state.pool.get(name)
    return StartedServer(
        server=name,
        state=session.state,
        prefix=state.proxy.prefix(name),
        tools=tool_lines(callable_by(ctx, name, session.tools)),
        prompts=prompt_lines(session.prompts),
        notes=notes_of(state, session),
    )


class Steps:
    """The progress of several starts in one growing number: whole servers, and ever smaller steps between them."""

    def __init__(self, ctx: Ctx, total: int) -> None:
        self._ctx = ctx
        self._total = total
        self._ended = 0
        self._sentences = 0

    def of(self, name: str) -> Sentences:
        """What takes the sentences of one server."""
        return Sentences(self, name)

    async def say(self, name: str, sentence: str) -> None:
        """Tell the client what is being done."""
        self._sentences += 1
        between = 0.9 * (1 - 0.9**self._sentences)
        await self._ctx.report_progress(self._ended + between, self._total, f"{name}: {sentence}")

    async def ended(self, name: str, outcome: str) -> None:
        """One server is ready, or has failed."""
        self._ended += 1
        between = 0.9 * (1 - 0.9**self._sentences) if self._ended < self._total else 0
        await self._ctx.report_progress(self._ended + between, self._total, f"{name}: {outcome}")


class Sentences:
    """Takes the sentences of one server's start."""

    def __init__(self, steps: Steps, name: str) -> None:
        self._steps = steps
        self._name = name

    async def __call__(self, sentence: str) -> None:
        await self._steps.say(self._name, sentence)


async def stop_servers(ctx: Ctx, servers: Names) -> StopResult:
    """Stop servers. Their tools go; configuration and secrets stay."""
    result = StopResult(stopped=[])

    async def one(name: str) -> None:
        (result.stopped if await ctx.state.stop(name) else result.not_running).append(name)

    async with anyio.create_task_group() as together:
        for name in dict.fromkeys(servers):
            together.start_soon(one, name)
    return result


async def get_active_servers(ctx: Ctx) -> ActiveServers:
    """List the servers that were started, with state, age, tools and last call."""
    sessions = sorted(ctx.state.pool.sessions(), key=lambda session: session.name)
    return ActiveServers(
        servers=[active_server(ctx.state, session) for session in sessions if session.state != "stopped"],
        most=ctx.state.settings.proxy.connection_pool_size,
    )
