"""What the tests of this plugin are run against: a small MCP server, and a stand-in for `docker`."""

from __future__ import annotations

from pathlib import Path

from fuseboard_docker_mcp.testing.stand_in import Behaviour, Call, Container, StandIn, container_entry

__all__ = ["TOY_SERVER", "Behaviour", "Call", "Container", "StandIn", "container_entry"]

TOY_SERVER = Path(__file__).with_name("toy_server.py")
"""A small MCP server on standard streams: `python -I -S TOY_SERVER --help` names its options."""
