"""The configuration of servers."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from fuseboard_docker_mcp.tools.results import Config, ConfigChange
from fuseboard_docker_mcp.tools.views import Ctx, ServerName, failure_of

Values = Annotated[dict[str, Any], Field(description="null takes a key away; others stay")]


async def config_set(ctx: Ctx, server: ServerName, config: Values) -> ConfigChange:
    """Change configuration values of a server, by the schema of get_server_info. It is restarted if it runs.

    Secrets belong to secret_set. Example: config_set("notes", {"url": "https://x"})
    """
    stored = await ctx.state.change_config(server, config)
    restarted, failed = await ctx.state.restart([server])
    return ConfigChange(
        server=server,
        config=stored,
        restarted=bool(restarted),
        failed=failure_of(server, failed[server]) if server in failed else None,
    )


async def config_get(ctx: Ctx, server: ServerName) -> Config:
    """Read the configuration of a server."""
    found = await ctx.state.catalogue.find(server)
    return Config(server=server, config=await ctx.state.read_config(found))
