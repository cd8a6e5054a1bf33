"""A tool that a caller may not call as a first-class tool cannot be called through `call_tool` either."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp_types import CallToolResult, TextContent

import fuseboard_docker_mcp
from fuseboard.host import Host
from fuseboard.mcp_server import build_server
from fuseboard.settings import HostSettings
from tests.plugins.docker_mcp.hosted import toy

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def opened(folder: Path, access: dict[str, Any]) -> AsyncIterator[Client]:
    """A client of a host whose operator has these rules, with the server `toy` started."""
    section = {
        "way": "direct",
        "embedded": "never",
        "secret_store": "file",
        "state_folder": str(folder),
        "servers": {"toy": toy()},
    }
    settings = HostSettings.model_validate({"plugins": {"docker_mcp": section}, "access": access})
    with anyio.fail_after(60):
        async with Host(settings, plugins={"docker_mcp": fuseboard_docker_mcp}) as host:
            await host.settled()
            async with Client(build_server(host, in_memory=True).server) as client:
                started = await client.call_tool("docker_mcp_start_servers", {"servers": ["toy"]})
                assert not started.is_error, started
                yield client


async def said(client: Client, tool: str, /, **arguments: Any) -> str:
    result: CallToolResult = await client.call_tool(tool, arguments)
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


@pytest.mark.parametrize(
    "access",
    [
        {"deny": ["toy_echo"]},
        {"roles": {"user": {"allow": ["docker_mcp_*", "toy_*"], "deny": ["toy_echo"]}}, "local_roles": ["user"]},
    ],
    ids=["for everybody", "for a role"],
)
async def test_what_is_denied_by_its_name_is_not_reached_by_a_detour(tmp_path: Path, access: dict[str, Any]) -> None:
    async with opened(tmp_path, access) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert "toy_echo" not in names
        for name, more in (("echo", {}), ("toy_echo", {}), ("echo", {"server": "toy"})):
            answer = await said(client, "docker_mcp_call_tool", tool_name=name, arguments={"text": "hi"}, **more)
            assert answer.startswith("UNKNOWN_TOOL"), answer
            assert "similar: echo" not in answer
        assert await said(client, "docker_mcp_call_tool", tool_name="fail", arguments={"text": "no"}) == "no"
        for listing, arguments in (
            ("list_active_tools", {}),
            ("get_server_tools", {"server": "toy"}),
            ("get_server_info", {"server": "toy"}),
        ):
            text = await said(client, f"docker_mcp_{listing}", **arguments)
            assert '"fail"' in text, listing
            assert '"echo"' not in text, listing


async def test_a_role_that_names_only_this_plugin_reaches_no_tool_of_a_server(tmp_path: Path) -> None:
    roles = {"user": {"allow": ["docker_mcp_*"]}}
    async with opened(tmp_path, {"roles": roles, "local_roles": ["user"]}) as client:
        answer = await said(client, "docker_mcp_call_tool", tool_name="echo", arguments={"text": "hi"})
        assert answer.startswith("UNKNOWN_TOOL")
