"""The servers of Docker's MCP Toolkit. This release finds the command line; the tools come with a later one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fuseboard import hookimpl
from fuseboard_docker_mcp.config import DockerMcpSettings
from fuseboard_docker_mcp.health import command_line

if TYPE_CHECKING:
    from fuseboard import HealthRegistrar


@hookimpl
def settings() -> type[DockerMcpSettings]:
    """Read `FUSEBOARD_DOCKER_MCP_DOCKER`."""
    return DockerMcpSettings


@hookimpl
def register_health_checks(register: HealthRegistrar) -> None:
    """Say whether the Docker command line is there."""
    register(command_line)


@hookimpl
@asynccontextmanager
async def lifespan(settings: DockerMcpSettings) -> AsyncIterator[DockerMcpSettings]:
    """Give the settings to the health check."""
    yield settings
