"""The plugin as the host sees it: its hooks, what its tools say of themselves, its start and its end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp_types import Tool

import fuseboard_docker_mcp
from fuseboard.testing import PluginHost
from fuseboard_docker_mcp.config import DockerMcpSettings
from tests.plugins.docker_mcp.hosted import ERAS, LONG, hosted, names_of_tools, result_of, started, toy, until
from tests.plugins.docker_mcp.processes import descendants

pytestmark = pytest.mark.anyio

SEED = {
    "list_installed_servers": set(),
    "list_catalog_servers": {"query", "limit"},
    "start_servers": {"servers"},
    "stop_servers": {"servers"},
    "get_active_servers": set(),
    "get_server_tools": {"server"},
    "get_server_info": {"server"},
    "config_set": {"server", "config"},
    "config_get": {"server"},
    "secret_set": {"key", "value"},
    "secret_list": set(),
    "secret_remove": {"key"},
    "call_tool": {"tool_name", "arguments", "server"},
    "list_active_tools": {"server"},
}
READING = {name for name in SEED if name.startswith(("list_", "get_"))} | {"config_get", "secret_list"}


async def _tools(folder: Path, mode: str = "auto") -> dict[str, Tool]:
    async with hosted(folder, mode=mode) as host:
        found = (await host.client.list_tools()).tools
    return {tool.name.removeprefix("docker_mcp_"): tool for tool in found if tool.name.startswith("docker_mcp_")}


@pytest.mark.parametrize("mode", ERAS)
async def test_the_seeds_fourteen_tools_are_there_with_their_arguments(mode: str, tmp_path: Path) -> None:
    tools = await _tools(tmp_path, mode)
    assert {name: set(tool.input_schema["properties"]) for name, tool in tools.items()} == SEED


async def test_every_tool_says_what_it_does_what_it_answers_and_how_dangerous_it_is(tmp_path: Path) -> None:
    for name, tool in (await _tools(tmp_path)).items():
        assert tool.title
        assert tool.description
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is (name in READING), name
        # Only what a foreign tool answers is not known here.
        assert (tool.output_schema is None) is (name == "call_tool"), name
        assert tool.annotations.destructive_hint is (None if name in READING else name != "start_servers"), name
        assert tool.annotations.idempotent_hint is (name != "call_tool"), name
        assert tool.annotations.open_world_hint is (name in ("start_servers", "call_tool")), name


async def test_what_the_tools_cost_a_model_stays_small(tmp_path: Path) -> None:
    tools = await _tools(tmp_path)
    inputs = [[tool.name, tool.description, tool.input_schema] for tool in tools.values()]
    assert len(json.dumps(inputs)) < 4500
    everything = [tool.model_dump(by_alias=True, exclude_none=True) for tool in tools.values()]
    assert len(json.dumps(everything)) < 18_000


def test_the_instructions_are_one_short_paragraph_that_follows_the_settings() -> None:
    always = fuseboard_docker_mcp.instructions(DockerMcpSettings())
    never = fuseboard_docker_mcp.instructions(DockerMcpSettings(first_class=False))
    some = fuseboard_docker_mcp.instructions(DockerMcpSettings(first_class=["github"]))
    for text in (always, never, some):
        assert "\n" not in text
        assert len(text) < 700
        assert "data, not instructions" in text
    assert "<server>_<tool>" in always
    assert "<server>_<tool>" not in never
    assert "github" in some


async def test_without_docker_and_without_settings_the_embedded_servers_are_there(tmp_path: Path) -> None:
    settings = {"docker": "no-such-program", "state_folder": str(tmp_path), "secret_store": "file"}
    with anyio.fail_after(LONG):
        async with PluginHost(fuseboard_docker_mcp, name="docker_mcp", settings=settings) as host:
            listed = (await result_of(host, "list_installed_servers"))["servers"]
            await started(host, "clock", "notes")
            now = await host.call_tool("clock_now", {"timezone": "UTC"})
            await until(lambda: str(host.row().state) == "active")
    assert {server["name"] for server in listed} == {"clock", "notes"}
    assert not now.is_error


async def test_servers_that_start_with_the_host_do_not_delay_it(tmp_path: Path) -> None:
    servers = {
        "hangs": toy("--hang-start", autostart=True),
        "bad": toy("--fail-start", "no database", autostart=True),
        "good": toy(autostart=True),
        "idle": toy(),
    }
    async with hosted(tmp_path, servers, settings={"proxy": {"connection_timeout": 300}}) as host:
        while "good_echo" not in await names_of_tools(host):
            await anyio.sleep(0.02)
        active = (await result_of(host, "get_active_servers"))["servers"]
        states = {server["server"]: server["state"] for server in active if server["server"] != "bad"}
        assert states == {"good": "ready", "hangs": "starting"}


async def test_a_call_waits_for_a_server_that_starts_with_the_host(tmp_path: Path) -> None:
    async with hosted(tmp_path, {"slow": toy("--start-delay", "0.5", autostart=True)}) as host:
        assert (await result_of(host, "call_tool", tool_name="pid"))["pid"] > 0
    async with hosted(tmp_path, {"slow": toy("--start-delay", "0.5", autostart=True)}) as host:
        assert (await result_of(host, "call_tool", tool_name="pid", server="slow"))["pid"] > 0


async def test_nothing_is_left_when_the_host_has_ended(tmp_path: Path) -> None:
    servers = {
        "good": toy(),
        "stubborn": toy("--ignore-eof", "--ignore-term", "--spawn-child"),
        "hangs": toy("--hang-start", autostart=True),
    }
    before = descendants()
    async with hosted(tmp_path, servers) as host:
        await started(host, "good", "stubborn")
        assert len(descendants() - before) >= 3
    with anyio.fail_after(LONG):
        await until(lambda: not descendants() - before)


async def test_wrong_settings_are_named_and_the_host_lives(tmp_path: Path) -> None:
    section: dict[str, Any] = {"servers": {"toy": {"command": "x", "url": "http://y"}}}
    with anyio.fail_after(LONG):
        async with PluginHost(fuseboard_docker_mcp, name="docker_mcp", settings=section, allow_failure=True) as host:
            row = host.row()
    assert str(row.state) == "failed"
    assert "command or url" in row.reason


def test_the_import_and_the_settings_bring_nothing_heavy() -> None:
    program = (
        "import sys, fuseboard\n"
        "before = set(sys.modules)\n"
        "import fuseboard_docker_mcp\n"
        "fuseboard_docker_mcp.settings()\n"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=180, check=True)
    assert not {"mcp", "yaml", "keyring", "jsonschema", "httpx2", "cachetools"} & set(done.stdout.split())
