"""The health of the plugin."""

from __future__ import annotations

import shutil

from fuseboard import Context, HealthReport
from fuseboard_docker_mcp.config import DockerMcpSettings

NO_TOOLS_YET = "the tools of this plugin come with a later release"


async def command_line(ctx: Context[DockerMcpSettings]) -> HealthReport:
    """Tell whether the Docker command line is there. As nothing needs it yet, its absence is no fault."""
    found = shutil.which(ctx.state.docker)
    seen = f"{ctx.state.docker} is at {found}" if found else f"{ctx.state.docker} is not on the path"
    return HealthReport(ok=True, message=f"{seen}; {NO_TOOLS_YET}", details={"docker": found})
