"""First-class tools and prompts: they come, change and go with their servers, and every client hears of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anyio
import mcp
import mcp_types
import pytest

from fuseboard_docker_mcp.proxy import MOST_TOOLS
from tests.plugins.docker_mcp.hosted import (
    ERAS,
    ada,
    error_of,
    hosted,
    names_of_tools,
    result_of,
    started,
    text_of,
    toy,
    until,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("mode", ERAS)
async def test_tools_and_prompts_of_a_started_server_join_the_hosts_and_go_with_it(mode: str, tmp_path: Path) -> None:
    async with hosted(tmp_path, mode=mode) as host:
        before = await names_of_tools(host)
        [one] = await started(host, "toy")
        assert one["prefix"] == "toy_"
        tools = {tool.name: tool for tool in (await host.client.list_tools()).tools}
        prompts = [prompt.name for prompt in (await host.client.list_prompts()).prompts]
        added = await host.call_tool("toy_add", {"a": 20, "b": 22})
        greeting = await host.get_prompt("toy_greet", {"name": "Ada"})
        await result_of(host, "stop_servers", servers=["toy"])
        assert await names_of_tools(host) == before
        assert (await host.client.list_prompts()).prompts[0].name == "docker_mcp_ai_rules"
        with pytest.raises(mcp.MCPError):
            await host.client.call_tool("toy_add", {"a": 1, "b": 2})
    assert {"toy_add", "toy_echo"} <= set(tools)
    assert tools["toy_add"].output_schema is not None
    assert tools["toy_add"].input_schema["required"] == ["a", "b"]
    assert "toy_greet" in prompts
    assert added.structured_content == {"sum": 42}
    assert "Ada" in greeting.model_dump_json()


async def test_a_client_of_a_handshake_revision_hears_of_start_change_and_stop(tmp_path: Path) -> None:
    heard: list[str] = []

    async def listen(message: Any) -> None:
        heard.append(str(getattr(message, "method", "")))

    async with hosted(tmp_path, mode="legacy", message_handler=listen) as host:
        await host.client.list_tools()
        await started(host, "toy")
        # They are two messages, and come in any order.
        await until(lambda: {"notifications/tools/list_changed", "notifications/prompts/list_changed"} <= set(heard))
        heard.clear()
        await host.call_tool("toy_change_tools")
        await until(lambda: "notifications/tools/list_changed" in heard)
        # What was heard may still have been of the start.
        while "toy_extra" not in await names_of_tools(host):
            await anyio.sleep(0.01)
        heard.clear()
        await result_of(host, "stop_servers", servers=["toy"])
        await until(lambda: "notifications/tools/list_changed" in heard)
        assert "toy_extra" not in await names_of_tools(host)


async def test_a_modern_client_hears_of_start_change_and_stop(tmp_path: Path) -> None:
    async with hosted(tmp_path, mode="2026-07-28") as host, host.client.listen(tools_list_changed=True) as events:
        arriving = aiter(events)
        await started(host, "toy")
        await anext(arriving)
        await host.call_tool("toy_change_tools")
        while "toy_extra" not in await names_of_tools(host):
            await anext(arriving)
        await result_of(host, "stop_servers", servers=["toy"])
        while "toy_echo" in await names_of_tools(host):
            await anext(arriving)


@pytest.mark.parametrize("mode", ERAS)
async def test_a_question_of_a_server_reaches_the_user_through_a_first_class_tool(mode: str, tmp_path: Path) -> None:
    async with hosted(tmp_path, mode=mode, elicitation_callback=ada) as host:
        await started(host, "toy")
        answer = await host.call_tool("toy_ask", {"question": "Who?"})
        asked = await host.call_tool("toy_asked")
    assert text_of(answer) == "Hello, Ada!"
    assert asked.structured_content is not None
    assert asked.structured_content["asked"] == 1


@pytest.mark.parametrize(
    ("chosen", "of_one", "expected"),
    [
        (True, None, {"one", "two"}),
        (False, None, set()),
        (["two"], None, {"two"}),
        (False, True, {"one"}),
        (True, False, {"two"}),
    ],
)
async def test_the_operator_chooses_which_servers_are_first_class(
    chosen: Any, of_one: bool | None, expected: set[str], tmp_path: Path
) -> None:
    servers = {"one": toy("--tools", "echo", first_class=of_one), "two": toy("--tools", "echo")}
    async with hosted(tmp_path, servers, settings={"first_class": chosen}) as host:
        answer = await started(host, "one", "two")
        names = await names_of_tools(host)
        called = await host.call_tool(
            "docker_mcp_call_tool", {"tool_name": "echo", "arguments": {"text": "a"}, "server": "one"}
        )
    assert {name.removesuffix("_echo") for name in names if name.endswith("_echo")} == expected
    assert {one["server"] for one in answer if "prefix" in one} == expected
    assert text_of(called) == "a"


async def test_two_servers_that_would_have_one_prefix_are_told_apart_by_call_tool(tmp_path: Path) -> None:
    async with hosted(tmp_path, {"my.toy": toy(), "my_toy": toy()}) as host:
        [first] = await started(host, "my.toy")
        [second] = await started(host, "my_toy")
        assert first["prefix"] == "my_toy_"
        assert "prefix" not in second
        [note] = second["notes"]
        assert note.startswith("NAME_COLLISION")
        assert "my.toy" in note
        direct = await host.call_tool("my_toy_pid")
        of_first = await result_of(host, "call_tool", tool_name="pid", server="my.toy")
        of_second = await result_of(host, "call_tool", tool_name="pid", server="my_toy")
        assert direct.structured_content == of_first != of_second
        await result_of(host, "stop_servers", servers=["my.toy", "my_toy"])
        [again] = await started(host, "my_toy")
        assert again["prefix"] == "my_toy_"


@pytest.mark.parametrize("name", ["docker_mcp", "fuseboard"])
async def test_a_server_with_the_name_of_a_plugin_gets_no_prefix(name: str, tmp_path: Path) -> None:
    async with hosted(tmp_path, {name: toy()}) as host:
        before = await names_of_tools(host)
        [one] = await started(host, name)
        assert one["notes"][0].startswith("NAME_COLLISION")
        assert await names_of_tools(host) == before
        assert (await result_of(host, "call_tool", tool_name="pid", server=name))["pid"] > 0


async def test_one_name_that_is_taken_costs_that_tool_only(tmp_path: Path) -> None:
    async with hosted(tmp_path, {"a": toy("--tools", "change_tools,echo"), "a_change": toy("--tools", "echo")}) as host:
        await started(host, "a")
        [second] = await started(host, "a_change")
        names = await names_of_tools(host)
    assert "notes" not in second
    assert {"a_change_tools", "a_echo", "a_change_echo"} <= set(names)


async def test_a_tool_with_a_broken_schema_is_left_out_alone_and_named(tmp_path: Path) -> None:
    async with hosted(tmp_path, {"toy": toy("--broken-schema")}) as host:
        [one] = await started(host, "toy")
        names = await names_of_tools(host)
    assert "toy_echo" in names
    assert "toy_broken" not in names
    assert any("broken" in note for note in one["notes"])


async def test_tools_stay_listed_while_the_server_comes_back(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        await started(host, "toy")
        assert (await host.call_tool("toy_die")).is_error
        assert "toy_echo" in await names_of_tools(host)
        while (await host.call_tool("toy_echo", {"text": "again"})).is_error:
            pass
        assert "toy_echo" in await names_of_tools(host)


async def test_tools_go_when_the_server_has_failed_for_good(tmp_path: Path) -> None:
    async with hosted(tmp_path, settings={"proxy": {"reconnect_attempts": 0}}) as host:
        await started(host, "toy")
        assert (await host.call_tool("toy_die")).is_error
        while "toy_echo" in await names_of_tools(host):
            pass
        [active] = (await result_of(host, "get_active_servers"))["servers"]
        assert active["state"] == "failed"
        assert active["reason"]
        assert (await error_of(host, "call_tool", tool_name="echo")).startswith("UNKNOWN_TOOL")
        assert (await error_of(host, "list_active_tools", server="toy")).startswith("NOT_ACTIVE: toy is failed (")
        await started(host, "toy")
        assert "toy_echo" in await names_of_tools(host)


@pytest.mark.parametrize("mode", ERAS)
async def test_progress_and_content_pass_through_a_first_class_tool(mode: str, tmp_path: Path) -> None:
    told: list[float] = []
    patience = anyio.CancelScope()

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append(done)
        if len(told) == 2:
            patience.cancel()

    async with hosted(tmp_path, mode=mode) as host:
        await started(host, "toy")
        with patience:
            await host.call_tool("toy_slow", {"seconds": 300}, progress_callback=progress)
        picture = await host.call_tool("toy_picture")
        wrong = await host.call_tool("toy_add", {"a": "x"})
    assert len(told) >= 2
    assert told == sorted(told)
    assert isinstance(picture.content[0], mcp_types.ImageContent)
    assert wrong.is_error


async def test_a_server_with_very_many_or_very_large_tools_does_not_drown_the_clients(tmp_path: Path) -> None:
    endless = tmp_path / "endless.py"
    endless.write_text(
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    asked = json.loads(line)\n"
        "    if 'id' not in asked:\n"
        "        continue\n"
        "    large = {'type': 'object', 'description': 'x' * 60_000}\n"
        "    tools = [{'name': f'large.{n}', 'inputSchema': large} for n in range(20)]\n"
        "    tools += [{'name': f'small/{n}', 'inputSchema': {'type': 'object'}} for n in range(300)]\n"
        "    answers = {'initialize': {'protocolVersion': '2025-06-18', 'capabilities': {'tools': {}},\n"
        "               'serverInfo': {'name': 'e', 'version': '1'}}, 'tools/list': {'tools': tools}}\n"
        "    answer = {'jsonrpc': '2.0', 'id': asked['id'], 'result': answers[asked['method']]}\n"
        "    print(json.dumps(answer), flush=True)\n",
        encoding="utf-8",
    )
    servers = {"endless": {"command": sys.executable, "args": ["-I", "-S", str(endless)], "protocol": "legacy"}}
    async with hosted(tmp_path, servers) as host:
        [one] = await started(host, "endless")
        names = [name for name in await names_of_tools(host) if name.startswith("endless_")]
    assert len(one["tools"]) == 320
    assert len(names) == MOST_TOOLS - 3
    assert names[16:18] == ["endless_large_16", "endless_small_0"]
    assert one["notes"][0] == f"only the first {MOST_TOOLS} of 320 tools have names of their own"
    assert "large.17 is reached by call_tool only" in one["notes"][1]
