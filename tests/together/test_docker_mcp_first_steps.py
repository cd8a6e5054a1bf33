"""The plugin with nothing behind it: it loads, says what of Docker is there, and its own two servers work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from fuseboard.testing import PluginHost

pytestmark = pytest.mark.anyio
# A distribution of its own: tox runs this folder also where it is not installed.
docker_mcp = pytest.importorskip("fuseboard_docker_mcp")


def section(folder: Path) -> dict[str, Any]:
    """No Docker, and nothing kept beyond the test."""
    return {"docker": "no-such-program", "secret_store": "file", "state_folder": str(folder)}


async def test_docker_mcp_without_docker_is_active_and_says_what_is_missing(tmp_path: Path) -> None:
    with anyio.fail_after(120):
        async with PluginHost(docker_mcp, name="docker_mcp", settings=section(tmp_path)) as host:
            checks = {check.name: check for check in (await host.host.health())["docker_mcp"]}
            state = str(host.row().state)
    assert state == "active"
    assert all(check.ok for check in checks.values())
    assert checks["docker"].message.startswith("NO_DOCKER")


async def test_docker_mcp_starts_calls_and_stops_a_server_that_comes_with_it(tmp_path: Path) -> None:
    with anyio.fail_after(120):
        async with PluginHost(docker_mcp, name="docker_mcp", settings=section(tmp_path)) as host:
            begun = await host.call_tool("docker_mcp_start_servers", {"servers": ["clock"]})
            now = await host.call_tool("clock_now", {"timezone": "UTC"})
            same = await host.call_tool("docker_mcp_call_tool", {"tool_name": "now", "arguments": {"timezone": "UTC"}})
            ended = await host.call_tool("docker_mcp_stop_servers", {"servers": ["clock"]})
    assert begun.structured_content is not None
    assert begun.structured_content["failed"] == []
    assert now.structured_content is not None
    assert same.structured_content is not None
    assert now.structured_content.keys() == same.structured_content.keys()
    assert ended.structured_content == {"stopped": ["clock"]}
