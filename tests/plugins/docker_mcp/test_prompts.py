"""The prompt of the plugin, and those of started servers."""

from __future__ import annotations

import re
from pathlib import Path

import mcp
import pytest
from mcp_types import TextContent

import fuseboard_docker_mcp
from fuseboard.settings import FuseSettings
from fuseboard.testing import PluginHost
from tests.plugins.docker_mcp.hosted import ERAS, hosted, names_of_tools, result_of, started

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("prefix", ["docker_mcp_", "servers_"])
async def test_the_rules_name_the_tools_as_they_are_served(prefix: str, tmp_path: Path) -> None:
    settings = {"way": "direct", "embedded": "never", "state_folder": str(tmp_path)}
    fuse = FuseSettings(prefix=prefix)
    async with PluginHost(fuseboard_docker_mcp, name="docker_mcp", settings=settings, fuse=fuse) as host:
        [message] = (await host.get_prompt(f"{prefix}ai_rules")).messages
        served = await names_of_tools(host)
    assert isinstance(message.content, TextContent)
    text = message.content.text
    named = set(re.findall(r"`(\w+_\w+)`", text))
    assert {f"{prefix}list_installed_servers", f"{prefix}start_servers", f"{prefix}call_tool"} <= named <= set(served)
    assert text.index("list_installed_servers") < text.index("config_set") < text.index("start_servers")
    assert "{" not in text


@pytest.mark.parametrize("mode", ERAS)
async def test_the_prompts_of_a_started_server_are_served_under_its_name(mode: str, tmp_path: Path) -> None:
    async with hosted(tmp_path, mode=mode) as host:
        await started(host, "toy")
        prompts = {prompt.name: prompt for prompt in (await host.client.list_prompts()).prompts}
        greeting = await host.get_prompt("toy_greet", {"name": "Ada"})
        with pytest.raises(mcp.MCPError, match="name: is missing"):
            await host.get_prompt("toy_greet")
        await result_of(host, "stop_servers", servers=["toy"])
        left = [prompt.name for prompt in (await host.client.list_prompts()).prompts]
    assert set(prompts) == {"docker_mcp_ai_rules", "toy_greet"}
    arguments = prompts["toy_greet"].arguments or []
    assert [(argument.name, argument.required) for argument in arguments] == [("name", True)]
    assert isinstance(greeting.messages[0].content, TextContent)
    assert "Ada" in greeting.messages[0].content.text
    assert left == ["docker_mcp_ai_rules"]


async def test_prompts_of_a_server_that_is_not_first_class_are_named_at_its_start_only(tmp_path: Path) -> None:
    async with hosted(tmp_path, settings={"first_class": False}) as host:
        [one] = await started(host, "toy")
        served = [prompt.name for prompt in (await host.client.list_prompts()).prompts]
    assert [prompt["name"] for prompt in one["prompts"]] == ["greet"]
    assert served == ["docker_mcp_ai_rules"]
