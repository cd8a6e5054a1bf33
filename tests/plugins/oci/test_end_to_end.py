"""The main job, end to end: a real client, the real host in a process of its own, a real registry behind it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import mcp
import pytest
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import CallToolResult, TextContent

from fuseboard_oci.testing import InMemoryRegistry, seed_data
from tests.plugins.oci.debian_registry import DebianRegistry
from tests.plugins.oci.helpers import PATIENCE, nobody

pytestmark = pytest.mark.anyio

COMMAND = [sys.executable, "-m", "fuseboard"]


def _environment(folder: Path, registries: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Settings as the README of the plugin shows them, and nothing else of fuseboard's."""
    file = folder / "fuseboard.yaml"
    file.write_text(json.dumps({"plugins": {"oci": {"registries": registries}}}))  # every JSON is YAML
    return {**os.environ, "FUSEBOARD_CONFIG": str(file), "FUSEBOARD_LOAD_PLUGINS": "oci"}


@asynccontextmanager
async def _http(environment: dict[str, str]) -> AsyncIterator[str]:
    """`fuseboard http` on a free port; what it says on standard error names its address."""
    command = [*COMMAND, "http", "--port", "0"]
    async with await anyio.open_process(command, env=environment, stdin=subprocess.DEVNULL) as process:
        assert process.stderr is not None
        said = ""
        try:
            with anyio.fail_after(PATIENCE):
                while (found := re.search(r"serving (http://\S+)/mcp", said)) is None:
                    said += (await process.stderr.receive()).decode("utf-8", "replace")
            yield found[1]
        finally:
            process.send_signal(signal.SIGTERM)
        with anyio.fail_after(PATIENCE):
            assert await process.wait() == 0


@asynccontextmanager
async def _client(way: str, environment: dict[str, str]) -> AsyncIterator[mcp.Client]:
    """A client on one surface, in one protocol era: for example "http legacy"."""
    surface, mode = way.split()
    if surface == "stdio":
        parameters = StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=environment)
        with open(os.devnull, "w", encoding="utf-8") as log:  # noqa: ASYNC230 - the null device does not block
            async with mcp.Client(stdio_client(parameters, errlog=log), mode=mode, cache=None) as client:
                yield client
    else:
        async with _http(environment) as url:
            target = sse_client(f"{url}/sse", timeout=PATIENCE) if surface == "sse" else f"{url}/mcp"
            async with mcp.Client(target, mode=mode, cache=None) as client:
                yield client


def _text(result: CallToolResult) -> str:
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


@pytest.mark.external
@pytest.mark.parametrize("way", ["stdio legacy", "stdio auto", "http legacy", "http auto", "sse legacy"])
async def test_real_tags_come_out_of_a_real_registry(way: str, open_registry: DebianRegistry, tmp_path: Path) -> None:
    environment = _environment(tmp_path, {open_registry.host: {"insecure": True}})
    async with _client(way, environment) as client:
        with anyio.fail_after(PATIENCE):
            listed = [tool.name for tool in (await client.list_tools()).tools]
            assert {"oci_ping", "oci_list_tags", "oci_get_details"} <= set(listed)
            asked = {"registry": open_registry.host, "repository": "demo/app"}
            tags = await client.call_tool("oci_list_tags", asked)
            assert tags.structured_content == {"result": ["2.0.0-rc.1", "1.1.0", "1.0.0"]}
            by_the_seeds_name = await client.call_tool("list_oci_tags", asked)
            assert by_the_seeds_name.structured_content == tags.structured_content


@pytest.mark.external
async def test_details_of_a_real_registry_have_digest_architectures_and_annotations(
    open_registry: DebianRegistry, tmp_path: Path
) -> None:
    """The server that this plugin replaces always answered `digest: null` and no architecture for a single image."""
    environment = _environment(tmp_path, {open_registry.host: {"insecure": True}})
    async with _client("stdio auto", environment) as client:
        with anyio.fail_after(PATIENCE):
            for repository, reference, architectures in (
                ("demo/single", "1.0", ["amd64"]),
                ("demo/multi", "1.0", ["amd64", "arm", "arm64", "s390x"]),
            ):
                asked = {"registry": open_registry.host, "repository": repository, "reference": reference}
                details = (await client.call_tool("get_oci_details", asked)).structured_content
                assert details is not None
                assert details["architectures"] == architectures
                assert re.fullmatch(r"sha256:[0-9a-f]{64}", details["digest"])
            single = {"registry": open_registry.host, "repository": "demo/single", "reference": "1.0"}
            details = (await client.call_tool("oci_get_details", single)).structured_content
            assert details is not None
            assert details["annotations"]


@pytest.mark.external
@pytest.mark.parametrize("password", ["secret", "wrong"])
async def test_a_login_from_the_settings_is_used_and_a_wrong_one_is_said_without_its_words(
    password: str, basic_registry: DebianRegistry, tmp_path: Path
) -> None:
    settings = {"insecure": True, "username": "alice", "password": password}
    async with _client("http auto", _environment(tmp_path, {basic_registry.host: settings})) as client:
        with anyio.fail_after(PATIENCE):
            result = await client.call_tool(
                "oci_list_tags", {"registry": basic_registry.host, "repository": "private/secret"}
            )
    assert result.is_error is (password == "wrong")
    assert "wrong" not in _text(result)


async def test_a_registry_that_is_gone_is_a_clear_error_and_the_rest_goes_on(tmp_path: Path) -> None:
    """The registry dies while the host runs: the call says which one, and the plugin answers on."""
    with ExitStack() as running:
        registry = running.enter_context(InMemoryRegistry())
        registry.seed(seed_data(many=0, parallel=0))
        host = registry.host
        async with _client("http legacy", _environment(tmp_path, {host: {"insecure": True}})) as client:
            with anyio.fail_after(PATIENCE):
                asked = {"registry": host, "repository": "demo/app"}
                assert not (await client.call_tool("oci_list_tags", asked)).is_error
                running.close()
                running.enter_context(nobody(host))
                gone = await client.call_tool("oci_list_tags", {**asked, "repository": "demo/single"})
                assert gone.is_error
                assert host in _text(gone)
                assert _text(await client.call_tool("oci_ping", {})) == "pong"


async def test_a_prompt_names_the_tool_and_its_arguments(tmp_path: Path) -> None:
    async with _client("stdio legacy", _environment(tmp_path, {})) as client:
        with anyio.fail_after(PATIENCE):
            prompt = await client.get_prompt("list_tags_prompt", {"registry": "ghcr.io", "repository": "owner/image"})
    message = prompt.messages[0].content
    assert isinstance(message, TextContent)
    assert "oci_list_tags" in message.text
    assert "owner/image" in message.text
