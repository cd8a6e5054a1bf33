"""Secrets: stored, listed by name and removed. A value goes in, and never comes out."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated

from pydantic import Field, SecretStr

from fuseboard_docker_mcp.errors import DockerMcpError
from fuseboard_docker_mcp.orchestrator import Orchestrator
from fuseboard_docker_mcp.tools.results import MissingSecretOf, Secret, SecretChange, Secrets
from fuseboard_docker_mcp.tools.views import Ctx, Name, failure_of

Key = Annotated[Name, Field(description="as get_server_info names it")]
Value = Annotated[SecretStr, Field(description="such as a token")]


async def secret_set(ctx: Ctx, key: Key, value: Value) -> SecretChange:
    """Store a secret. Running servers that want it are restarted. The value is never shown again."""
    stored_in = await ctx.state.secrets.set(key, value)
    mirrored = await ctx.state.mirror(key, value)
    restarted, failed = await ctx.state.restart(ctx.state.running_with(key))
    return SecretChange(
        key=key,
        stored_in=stored_in,
        mirrored=mirrored,
        restarted=restarted,
        failed=[failure_of(name, error) for name, error in failed.items()],
    )


async def secret_remove(ctx: Ctx, key: Key) -> SecretChange:
    """Remove a secret. Servers that run keep it until they are stopped."""
    removed = await ctx.state.secrets.remove(key)
    mirrored = await ctx.state.mirror(key, None)
    return SecretChange(key=key, removed=removed, mirrored=mirrored, still_used_by=ctx.state.running_with(key))


async def secret_list(ctx: Ctx) -> Secrets:
    """List the names of stored secrets, and those that installed servers want and that are missing."""
    stored = dict(await ctx.state.secrets.names())
    for name in await _in_docker(ctx.state):
        stored.setdefault(name, "docker")
    wanted: dict[str, list[str]] = defaultdict(list)
    for server in await ctx.state.catalogue.installed():
        for spec in server.secrets:
            wanted[spec.name].append(server.name)
    return Secrets(
        secrets=[
            Secret(key=name, stored_in=place, wanted_by=wanted.get(name, [])) for name, place in sorted(stored.items())
        ],
        missing=[
            MissingSecretOf(key=name, wanted_by=names) for name, names in sorted(wanted.items()) if name not in stored
        ],
    )


async def _in_docker(state: Orchestrator) -> list[str]:
    """The names in Docker's own store, where it can be asked."""
    try:
        if await state.door.way() == "toolkit":
            return await (await state.door.toolkit()).secret_names() or []
    except DockerMcpError:
        pass
    return []
