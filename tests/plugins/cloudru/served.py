"""What the tests of the plugin's tools share: a host with the plugin and a client on it, asking a simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from mcp_types import CallToolResult, TextContent

import fuseboard_cloudru
from fuseboard.ledger import Row
from fuseboard.settings import FuseSettings
from fuseboard.testing import PluginHost
from fuseboard_cloudru.simulator import Simulator

ERAS = ["auto", "legacy"]
LONG = 60.0  # seconds; only what is broken takes so long
# A machine that stands still for a second must not make the host give the plugin up.
PATIENT = FuseSettings(import_timeout=60, start_timeout=60, stop_timeout=30)


def section(simulator: Simulator, **more: Any) -> dict[str, Any]:
    """The section `plugins.cloudru` that leads to a simulator."""
    keys = {"key_id": simulator.key_id, "secret": simulator.secret, "project_id": simulator.project_id}
    quick = {"retry_delay": 0, "settle_delay": 0, **more.pop("limits", {})}
    return {**keys, "iam_url": simulator.url, "api_url": simulator.url, "limits": quick, **more}


@asynccontextmanager
async def served(
    simulator: Simulator, mode: str = "auto", settings: dict[str, Any] | None = None, **client: Any
) -> AsyncIterator[PluginHost]:
    """A host with the plugin.

    Args:
        simulator: whom it asks.
        mode: the protocol era of the client.
        settings: more of its section.
        client: options of the client, such as `elicitation_callback`, and `fuse`.
    """
    with anyio.fail_after(LONG):
        more = {"fuse": PATIENT, "settings": section(simulator, **(settings or {})), **client}
        async with PluginHost(fuseboard_cloudru, name="cloudru", mode=mode, **more) as host:
            yield host


async def result_of(host: PluginHost, tool: str, /, **arguments: Any) -> dict[str, Any]:
    """The structured result of a tool that must succeed."""
    result = await host.call_tool(f"cloudru_{tool}", arguments)
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return result.structured_content


async def error_of(host: PluginHost, tool: str, /, **arguments: Any) -> str:
    """The text of the error of a tool that must fail."""
    result = await host.call_tool(f"cloudru_{tool}", arguments)
    assert result.is_error, text_of(result)
    return text_of(result)


async def row_of(host: PluginHost) -> Row:
    """The plugin's row, as soon as it is not about its loop, which may be slow on a machine that is very busy."""
    while (row := host.row()).blocking or "blocks its event loop" in row.reason:
        await anyio.sleep(0.01)
    return row


def text_of(result: CallToolResult) -> str:
    """The first text of a result."""
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


def asked(simulator: Simulator) -> list[str]:
    """What the registry service was asked, as "METHOD path"; without the tokens."""
    return [f"{entry.method} {entry.path}" for entry in simulator.log if entry.path.startswith("/v1/")]
