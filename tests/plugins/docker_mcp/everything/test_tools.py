"""A server that others wrote: every tool of it, by both doors of the plugin, for clients of both eras."""

from __future__ import annotations

import base64
import json
import os
import time
from pathlib import Path
from typing import Any

import anyio
import mcp_types
import pytest
from mcp import MCPError

from fuseboard.testing import PluginHost
from tests.plugins.docker_mcp.everything.served import (
    CALLS,
    DOORS,
    ERAS,
    ONLY_AS_A_TASK,
    PATIENCE,
    PREFIX,
    SERVER,
    call,
    directly,
    text_of,
    through_the_plugin,
    wire,
)

pytestmark = [pytest.mark.anyio, pytest.mark.external]

PNG = b"\x89PNG\r\n\x1a\n"


async def test_the_server_offers_exactly_the_tools_that_these_tests_call() -> None:
    with anyio.fail_after(PATIENCE):
        async with directly() as session:
            listed = {tool.name for tool in (await session.list_tools()).tools}
    assert listed == {tool for tool, _ in CALLS} | {ONLY_AS_A_TASK}


async def test_the_host_lists_them_as_its_own_with_schemas_and_annotations(host: PluginHost) -> None:
    with anyio.fail_after(PATIENCE):
        async with directly() as session:
            theirs = {tool.name: tool for tool in (await session.list_tools()).tools}
        listed = {tool.name: tool for tool in (await host.client.list_tools()).tools}
    ours = {name.removeprefix(PREFIX): tool for name, tool in listed.items() if name.startswith(PREFIX)}
    assert ours.keys() == theirs.keys() - {ONLY_AS_A_TASK}
    for name, tool in ours.items():
        assert tool.title == theirs[name].title
        assert tool.description == theirs[name].description
        assert tool.annotations == theirs[name].annotations
        assert tool.input_schema == theirs[name].input_schema
        assert tool.output_schema == theirs[name].output_schema


async def test_the_tool_that_only_runs_as_a_task_is_left_out_and_a_call_of_it_says_why(host: PluginHost) -> None:
    with anyio.fail_after(PATIENCE):
        refused = await call(host.client, "call_tool", ONLY_AS_A_TASK, {"topic": "fuses"})
    assert refused.is_error
    assert ONLY_AS_A_TASK in text_of(refused)


@pytest.mark.parametrize("door", DOORS)
async def test_every_tool_answers_as_in_a_direct_session(
    door: str, host: PluginHost, direct_answers: list[dict[str, Any]]
) -> None:
    for (tool, arguments), expected in zip(CALLS, direct_answers, strict=True):
        with anyio.fail_after(PATIENCE):
            answer = wire(await call(host.client, door, tool, arguments))
        if tool == "get-env":
            environments = [json.loads(said["content"][0]["text"]) for said in (answer, expected)]
            assert [environment["GREETING"] for environment in environments] == ["ahoy", "ahoy"]
            continue
        assert answer == expected, f"{tool} by {door}"


async def test_the_answers_are_what_was_asked_for(direct_answers: list[dict[str, Any]]) -> None:
    said = {tool: answer for (tool, _), answer in zip(CALLS, direct_answers, strict=True)}
    assert not any(answer.get("isError") for answer in said.values())
    assert said["get-structured-content"]["structuredContent"] == {
        "temperature": 36,
        "conditions": "Light rain / drizzle",
        "humidity": 82,
    }
    assert base64.b64decode(said["get-tiny-image"]["content"][1]["data"]).startswith(PNG)
    kinds = {block["type"] for answer in said.values() for block in answer["content"]}
    assert kinds == {"text", "image", "resource", "resource_link"}
    assert "file:///srv/garden" in json.dumps(said["get-roots-list"])
    assert "7 tokens on: Resource trigger-sampling-request context: a poem" in json.dumps(
        said["trigger-sampling-request"]
    )
    assert "- Name: Ada" in json.dumps(said["trigger-elicitation-request"])
    assert "User completed the URL elicitation flow" in json.dumps(said["trigger-url-elicitation"])


@pytest.mark.parametrize("door", DOORS)
async def test_the_server_gets_nothing_of_the_hosts_own_environment(
    door: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_PASSWORD_OF_THE_HOST", "hunter2")
    with anyio.fail_after(PATIENCE):
        async with through_the_plugin("legacy", tmp_path) as fresh:
            environment = json.loads(text_of(await call(fresh.client, door, "get-env", {})))
    assert environment["GREETING"] == "ahoy"
    assert environment["PATH"] == os.environ["PATH"]
    assert "hunter2" not in environment.values()


@pytest.mark.parametrize("door", DOORS)
async def test_wrong_arguments_are_refused_before_anything_is_sent(door: str, host: PluginHost) -> None:
    with anyio.fail_after(PATIENCE):
        refused = await call(host.client, door, "get-sum", {"a": "two", "b": 3})
    assert refused.is_error
    # The server's own words begin with "MCP error -32602".
    assert "MCP error" not in text_of(refused)
    assert "a" in text_of(refused)


@pytest.mark.parametrize("door", DOORS)
async def test_progress_reaches_the_client(door: str, host: PluginHost) -> None:
    reports: list[tuple[float, float | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        reports.append((done, total))

    with anyio.fail_after(PATIENCE):
        long = ("trigger-long-running-operation", {"duration": 0.4, "steps": 4})
        result = await call(host.client, door, *long, progress_callback=progress)
        while len(reports) < 4:
            await anyio.sleep(0.01)
    assert text_of(result) == "Long running operation completed. Duration: 0.4 seconds, Steps: 4."
    assert reports == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("door", DOORS)
async def test_a_cancelled_call_ends_at_once_and_the_server_answers_on(door: str, host: PluginHost) -> None:
    begun = anyio.Event()

    async def progress(done: float, total: float | None, message: str | None) -> None:
        begun.set()

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:

            async def never_ending() -> None:
                long = ("trigger-long-running-operation", {"duration": 600, "steps": 6000})
                await call(host.client, door, *long, progress_callback=progress)

            group.start_soon(never_ending)
            await begun.wait()
            start = time.monotonic()
            group.cancel_scope.cancel()
        assert time.monotonic() - start < 60
        assert text_of(await call(host.client, door, "echo", {"message": "still there"})) == "Echo: still there"


@pytest.mark.parametrize("door", DOORS)
async def test_calls_run_side_by_side(door: str, host: PluginHost) -> None:
    """None of them ends, so all report progress only if none waits for another."""
    begun = [anyio.Event() for _ in range(8)]

    async def never_ending(event: anyio.Event) -> None:
        async def progress(done: float, total: float | None, message: str | None) -> None:
            event.set()

        long = ("trigger-long-running-operation", {"duration": 600, "steps": 600})
        await call(host.client, door, *long, progress_callback=progress)

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            for event in begun:
                group.start_soon(never_ending, event)
            for event in begun:
                await event.wait()
            group.cancel_scope.cancel()
        assert text_of(await call(host.client, door, "echo", {"message": "on"})) == "Echo: on"


@pytest.mark.parametrize(("action", "said"), [("decline", "❌ User declined"), ("cancel", "⚠️ User cancelled")])
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("mode", ERAS)
async def test_a_user_may_decline_or_cancel(mode: str, door: str, action: Any, said: str, tmp_path: Path) -> None:
    asked: list[mcp_types.ElicitRequestParams] = []

    async def refuse(context: Any, params: mcp_types.ElicitRequestParams) -> mcp_types.ElicitResult:
        asked.append(params)
        return mcp_types.ElicitResult(action=action)

    with anyio.fail_after(PATIENCE):
        async with through_the_plugin(mode, tmp_path, elicitation_callback=refuse) as fresh:
            form = await call(fresh.client, door, "trigger-elicitation-request", {})
            page = await call(fresh.client, door, "trigger-url-elicitation", {"url": "https://example.com/"})
    assert text_of(form).startswith(said)
    assert text_of(page).startswith(said)
    first, second = asked
    assert isinstance(first, mcp_types.ElicitRequestFormParams)
    assert "birthdate" in json.dumps(first.requested_schema)
    assert isinstance(second, mcp_types.ElicitRequestURLParams)
    assert second.url == "https://example.com/"


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_that_cannot_be_asked_is_told_so_and_the_rest_works(mode: str, tmp_path: Path) -> None:
    asking = {"trigger-elicitation-request": {}, "trigger-sampling-request": {"prompt": "a poem"}}

    async def hear(*args: object) -> None:
        """An option that answers nothing."""

    with anyio.fail_after(PATIENCE):
        async with through_the_plugin(mode, tmp_path, message_handler=hear) as fresh:
            for tool, arguments in asking.items():
                for door in DOORS:
                    refused = await call(fresh.client, door, tool, arguments)
                    assert refused.is_error, f"{tool}: {refused}"
                    assert "client" in text_of(refused).lower()
            assert text_of(await call(fresh.client, "call_tool", "echo", {"message": "on"})) == "Echo: on"


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("mode", ERAS)
async def test_a_page_that_must_be_visited_first_is_named(mode: str, door: str, tmp_path: Path) -> None:
    """The server answers with the protocol's own error -32042, which carries the address."""
    wanted = {"url": "https://example.com/sign-in", "errorPath": True}
    with anyio.fail_after(PATIENCE):
        async with through_the_plugin(mode, tmp_path) as fresh:
            try:
                refused = await call(fresh.client, door, "trigger-url-elicitation", wanted)
            except MCPError as error:
                said = json.dumps(error.error.data)
            else:
                assert refused.is_error
                said = text_of(refused)
            assert "https://modelcontextprotocol.io" in said
            again = await call(fresh.client, door, "trigger-url-elicitation", wanted)
    assert "User completed the URL elicitation flow" in text_of(again)


async def test_start_and_list_say_what_came(host: PluginHost) -> None:
    with anyio.fail_after(PATIENCE):
        active = await host.call_tool("docker_mcp_list_active_tools", {})
        servers = await host.call_tool("docker_mcp_get_active_servers", {})
    said = json.dumps(active.structured_content)
    assert all(json.dumps(tool) in said for tool, _ in CALLS)
    assert SERVER in json.dumps(servers.structured_content)
