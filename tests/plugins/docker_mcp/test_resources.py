"""The resources: servers, one server, metrics; completed, and announced when they change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mcp
import pytest
from mcp_types import ResourceTemplateReference, TextResourceContents

from fuseboard.testing import PluginHost
from tests.plugins.docker_mcp.hosted import ERAS, hosted, result_of, started, toy, until

pytestmark = pytest.mark.anyio


async def _read(host: PluginHost, uri: str) -> Any:
    [content] = (await host.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "application/json"
    return json.loads(content.text)


@pytest.mark.parametrize("mode", ERAS)
async def test_the_resources_say_the_same_as_the_tools(mode: str, tmp_path: Path) -> None:
    async with hosted(tmp_path, mode=mode) as host:
        await started(host, "toy")
        assert await _read(host, "docker-mcp://servers") == await result_of(host, "list_installed_servers")
        info = await result_of(host, "get_server_info", server="toy")
        assert await _read(host, "docker-mcp://servers/toy") == info
        assert (await _read(host, "docker-mcp://metrics"))["gauges"]["active_servers"] == 1


async def test_a_server_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        with pytest.raises(mcp.MCPError, match="UNKNOWN_SERVER"):
            await host.read_resource("docker-mcp://servers/nobody")


@pytest.mark.parametrize("mode", ERAS)
async def test_the_names_of_servers_are_completed(mode: str, tmp_path: Path) -> None:
    servers = {"alpha": toy(), "Alpine": toy(), "beta": toy()}
    async with hosted(tmp_path, servers, mode=mode) as host:
        reference = ResourceTemplateReference(uri="docker-mcp://servers/{name}")
        found = await host.client.complete(reference, {"name": "name", "value": "al"})
    assert found.completion.values == ["Alpine", "alpha"]


@pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
async def test_who_subscribed_hears_that_a_server_has_changed(tmp_path: Path) -> None:
    heard: list[str] = []

    async def listen(message: Any) -> None:
        if getattr(message, "method", "") == "notifications/resources/updated":
            heard.append(str(message.params.uri))

    async with hosted(tmp_path, mode="legacy", message_handler=listen) as host:
        await host.client.session.subscribe_resource("docker-mcp://servers/toy")
        await started(host, "toy")
        await until(lambda: "docker-mcp://servers/toy" in heard)
