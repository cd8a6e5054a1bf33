"""Docker's MCP Toolkit (`docker mcp`): which dialect is there, what it lists, what it keeps, what its gateway says."""

from __future__ import annotations

from fuseboard_docker_mcp.toolkit.base import Toolkit
from fuseboard_docker_mcp.toolkit.door import DockerDoor
from fuseboard_docker_mcp.toolkit.gateway_words import explain_docker_run, explain_gateway

__all__ = ["DockerDoor", "Toolkit", "explain_docker_run", "explain_gateway"]
