"""What the tests of the plugin's tools share: a host with the plugin, a client on it, and real servers behind it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import mcp_types
from mcp_types import CallToolResult, TextContent

import fuseboard_docker_mcp
from fuseboard.settings import FuseSettings
from fuseboard.testing import PluginHost
from fuseboard_docker_mcp.testing import TOY_SERVER

ERAS = ["auto", "legacy"]
LONG = 300.0
"""Seconds after which a test that waits has failed."""


def toy(*options: str, **more: Any) -> dict[str, Any]:
    """A toy server, as the settings have it.

    Args:
        options: of its command line.
        more: of `ServerSettings`.
    """
    return {"command": sys.executable, "args": ["-I", "-S", str(TOY_SERVER), *options], "protocol": "legacy", **more}


@asynccontextmanager
async def hosted(
    folder: Path,
    servers: Mapping[str, Mapping[str, Any]] | None = None,
    mode: str = "auto",
    settings: Mapping[str, Any] | None = None,
    **client: Any,
) -> AsyncIterator[PluginHost]:
    """A host with the plugin, without Docker.

    Args:
        folder: of what the plugin keeps.
        servers: of the settings; one toy server by default.
        mode: the protocol era of the client.
        settings: more of the plugin's section.
        client: options of the client, such as `elicitation_callback`.
    """
    section = {
        "way": "direct",
        "embedded": "never",
        "secret_store": "file",
        "state_folder": str(folder),
        "servers": {"toy": toy()} if servers is None else servers,
        **(settings or {}),
    }
    options = {"fuse": FuseSettings(start_timeout=LONG), **client}
    with anyio.fail_after(LONG):
        host = PluginHost(fuseboard_docker_mcp, name="docker_mcp", mode=mode, settings=section, **options)
        async with host as entered:
            yield entered


async def result_of(host: PluginHost, tool: str, /, **arguments: Any) -> dict[str, Any]:
    """The structured result of a tool of the plugin that must succeed."""
    result = await host.call_tool(f"docker_mcp_{tool}", arguments)
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return dict(result.structured_content)


async def error_of(host: PluginHost, tool: str, /, **arguments: Any) -> str:
    """The text of the error of a tool that must fail."""
    result = await host.call_tool(f"docker_mcp_{tool}", arguments)
    assert result.is_error, text_of(result)
    return text_of(result)


async def started(host: PluginHost, *servers: str) -> list[dict[str, Any]]:
    """Start servers that must come up, and return what is said of each."""
    result = await result_of(host, "start_servers", servers=list(servers))
    assert result["failed"] == []
    found: list[dict[str, Any]] = result["started"]
    return found


def text_of(result: CallToolResult) -> str:
    """The first text of a result."""
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


async def names_of_tools(host: PluginHost) -> list[str]:
    """The public names of all tools."""
    return [tool.name for tool in (await host.client.list_tools()).tools]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that comes by itself; the test's own deadline bounds it."""
    while not condition():
        await anyio.sleep(0.01)


async def ada(context: Any, params: mcp_types.ElicitRequestParams) -> mcp_types.ElicitResult:
    """A user whose name is Ada."""
    return mcp_types.ElicitResult(action="accept", content={"name": "Ada"})
