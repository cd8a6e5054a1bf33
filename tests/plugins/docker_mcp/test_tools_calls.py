"""`call_tool`: which tool a name means, and that the server's answer arrives as it is, in both eras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import mcp_types
import pytest

from tests.plugins.docker_mcp.hosted import (
    ERAS,
    ada,
    error_of,
    hosted,
    result_of,
    started,
    text_of,
    toy,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("mode", ERAS)
async def test_an_answer_is_passed_on_unchanged(mode: str, tmp_path: Path) -> None:
    async with hosted(tmp_path, mode=mode) as host:
        await started(host, "toy")

        async def call(tool: str, **arguments: Any) -> mcp_types.CallToolResult:
            return await host.call_tool("docker_mcp_call_tool", {"tool_name": tool, "arguments": arguments})

        added = await call("add", a=1, b=2)
        failed = await call("fail", text="out of paper")
        picture = await call("picture")
    assert added.structured_content == {"sum": 3}
    assert failed.is_error
    assert text_of(failed) == "out of paper"
    assert isinstance(picture.content[0], mcp_types.ImageContent)
    assert picture.content[0].mime_type == "image/png"


async def test_a_tool_is_found_by_its_own_name_and_by_that_of_its_server_before_it(tmp_path: Path) -> None:
    async with hosted(tmp_path, {"my.toy": toy()}) as host:
        await started(host, "my.toy")
        for way in ({"tool_name": "pid"}, {"tool_name": "my.toy_pid"}, {"tool_name": "my_toy_pid"}):
            assert (await result_of(host, "call_tool", **way))["pid"] > 0
        assert (await result_of(host, "call_tool", tool_name="pid", server="my.toy"))["pid"] > 0


async def test_a_name_that_two_servers_have_is_refused_with_both_ways(tmp_path: Path) -> None:
    async with hosted(tmp_path, {"one": toy(), "two": toy("--tools", "pid")}) as host:
        await started(host, "one", "two")
        error = await error_of(host, "call_tool", tool_name="pid")
        assert error.startswith("AMBIGUOUS_TOOL")
        assert 'server="one", tool_name="pid"' in error
        assert 'server="two", tool_name="pid"' in error
        one = await result_of(host, "call_tool", tool_name="pid", server="one")
        two = await result_of(host, "call_tool", tool_name="two_pid")
        assert one != two


async def test_an_unknown_tool_names_similar_ones_and_an_unstarted_server_is_named(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        nothing = await error_of(host, "call_tool", tool_name="echo")
        assert nothing.startswith("UNKNOWN_TOOL")
        assert "start_servers" in nothing
        assert (await error_of(host, "call_tool", tool_name="echo", server="toy")).startswith("NOT_ACTIVE")
        await started(host, "toy")
        assert "similar: echo" in await error_of(host, "call_tool", tool_name="ecko")
        assert "similar: echo" in await error_of(host, "call_tool", tool_name="toy_ecko")
        far = await error_of(host, "call_tool", tool_name="zzzzzzzzz", server="toy")
        assert "list_active_tools" in far


async def test_wrong_arguments_are_refused_before_they_are_sent(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        await started(host, "toy")
        error = await error_of(host, "call_tool", tool_name="add", arguments={"a": "one"})
        assert error.startswith("INVALID_ARGUMENTS")
        assert "one" not in error.partition(":")[2]
        assert "is missing" in error or "required" in error


async def test_a_json_rpc_error_of_the_server_is_named(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        await started(host, "toy")
        assert (await error_of(host, "call_tool", tool_name="error", arguments={"code": -32050})).startswith(
            "TOOL_FAILED"
        )


@pytest.mark.parametrize("mode", ERAS)
async def test_progress_of_the_server_reaches_the_client(mode: str, tmp_path: Path) -> None:
    told: list[float] = []
    patience = anyio.CancelScope()

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append(done)
        if len(told) == 3:
            patience.cancel()

    async with hosted(tmp_path, mode=mode) as host:
        await started(host, "toy")
        short = {"tool_name": "slow", "arguments": {"seconds": 0.05}}
        result = await host.call_tool("docker_mcp_call_tool", short, progress_callback=progress)
        told.clear()
        with patience:
            long = {"tool_name": "slow", "arguments": {"seconds": 300}}
            await host.call_tool("docker_mcp_call_tool", long, progress_callback=progress)
    assert text_of(result) == "worked 0.05 s"
    assert len(told) >= 3
    assert told == sorted(told)


@pytest.mark.parametrize("mode", ERAS)
async def test_a_cancelled_call_is_cancelled_at_the_server(mode: str, tmp_path: Path) -> None:
    patience = anyio.CancelScope()

    async def enough(done: float, total: float | None, message: str | None) -> None:
        patience.cancel()  # the server is at work now

    async with hosted(tmp_path, mode=mode) as host:
        await started(host, "toy")
        with patience:
            arguments = {"tool_name": "slow", "arguments": {"seconds": 300}}
            await host.call_tool("docker_mcp_call_tool", arguments, progress_callback=enough)
        assert patience.cancelled_caught
        while not (await result_of(host, "call_tool", tool_name="asked"))["cancelled"]:
            await anyio.sleep(0.02)


@pytest.mark.parametrize("mode", ERAS)
async def test_a_question_of_the_server_reaches_the_user_and_is_asked_once(mode: str, tmp_path: Path) -> None:
    async with hosted(tmp_path, mode=mode, elicitation_callback=ada) as host:
        await started(host, "toy")
        result = await host.call_tool("docker_mcp_call_tool", {"tool_name": "ask"})
        asked = await result_of(host, "call_tool", tool_name="asked")
    assert text_of(result) == "Hello, Ada!"
    assert asked["asked"] == 1


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_that_cannot_be_asked_leads_to_the_servers_own_refusal(mode: str, tmp_path: Path) -> None:
    async with hosted(tmp_path, mode=mode) as host:
        await started(host, "toy")
        result = await host.call_tool("docker_mcp_call_tool", {"tool_name": "ask"})
    assert result.is_error


async def test_the_active_tools_are_listed_by_server(tmp_path: Path) -> None:
    async with hosted(tmp_path, {"one": toy("--tools", "echo,pid"), "two": toy("--tools", "add")}) as host:
        assert (await result_of(host, "list_active_tools"))["tools"] == []
        await started(host, "one", "two")
        every = (await result_of(host, "list_active_tools"))["tools"]
        of_one = (await result_of(host, "list_active_tools", server="one"))["tools"]
        assert (await error_of(host, "list_active_tools", server="three")).startswith("NOT_ACTIVE")
    assert [(tool["server"], tool["name"]) for tool in every] == [("one", "echo"), ("one", "pid"), ("two", "add")]
    assert of_one == every[:2]


async def test_arguments_may_be_left_out_or_given_as_json_text(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        await started(host, "toy")
        assert (await result_of(host, "call_tool", tool_name="pid"))["pid"] > 0
        assert await result_of(host, "call_tool", tool_name="add", arguments='{"a": 1, "b": 1}') == {"sum": 2}
        refused = await error_of(host, "call_tool", tool_name="add", arguments=[1, 2])
        assert "arguments" in refused
