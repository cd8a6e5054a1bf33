"""What a server is and can, before, while and after it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugins.docker_mcp.hosted import error_of, hosted, result_of, started, toy

pytestmark = pytest.mark.anyio

SCHEMA = {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]}


async def test_the_tools_of_a_server_are_known_while_it_runs_and_for_a_while_after(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        before = await result_of(host, "get_server_tools", server="toy")
        await started(host, "toy")
        running = await result_of(host, "get_server_tools", server="toy")
        await result_of(host, "stop_servers", servers=["toy"])
        after = await result_of(host, "get_server_tools", server="toy")
    assert (before["source"], before["tools"]) == ("unknown", [])
    assert "start_servers" in before["notes"][0]
    assert running["source"] == "running"
    [add] = [tool for tool in running["tools"] if tool["name"] == "add"]
    assert add["input_schema"]["required"] == ["a", "b"]
    assert add["output_schema"]["required"] == ["sum"]
    assert after["source"] == "cache"
    assert after["tools"] == running["tools"]


async def test_tools_are_not_remembered_where_the_operator_does_not_want_it(tmp_path: Path) -> None:
    async with hosted(tmp_path, settings={"cache": {"tools_ttl": 0}}) as host:
        await started(host, "toy")
        await result_of(host, "stop_servers", servers=["toy"])
        assert (await result_of(host, "get_server_tools", server="toy"))["source"] == "unknown"


async def test_the_embedded_servers_describe_their_tools_before_they_run(tmp_path: Path) -> None:
    async with hosted(tmp_path, {}, settings={"embedded": "always"}) as host:
        tools = await result_of(host, "get_server_tools", server="clock")
    assert tools["source"] == "catalogue"
    assert tools["tools"]


async def test_everything_about_a_server_is_in_one_answer(tmp_path: Path) -> None:
    servers = {"toy": toy(secrets={"TOKEN": "toy.token"}, config_schema=SCHEMA, title="Toy", description="Plays")}
    async with hosted(tmp_path, servers) as host:
        before = await result_of(host, "get_server_info", server="toy")
        await result_of(host, "secret_set", key="toy.token", value="hush-hush")
        await result_of(host, "config_set", server="toy", config={"url": "x"})
        await started(host, "toy")
        running = await result_of(host, "get_server_info", server="toy")
    assert (before["name"], before["title"], before["description"], before["state"]) == (
        "toy",
        "Toy",
        "Plays",
        "stopped",
    )
    assert before["secrets"] == [{"key": "toy.token", "env": "TOKEN", "stored": False}]
    assert before["config_schema"][0]["required"] == ["url"]
    assert "config" not in before
    assert "active" not in before
    assert before["first_class"]
    assert running["state"] == "ready"
    assert running["config"] == {"url": "x"}
    assert running["secrets"][0]["stored"]
    assert running["active"]["tools"] == len(running["tools"])
    assert "hush-hush" not in str(running)


async def test_an_address_is_shown_without_what_may_be_secret(tmp_path: Path) -> None:
    servers = {"far": {"url": "https://example.invalid:8443/mcp?key=hush-hush", "headers": {"X-Key": "hush-hush"}}}
    async with hosted(tmp_path, servers) as host:
        info = await result_of(host, "get_server_info", server="far")
    assert info["url"] == "https://example.invalid:8443/mcp"
    assert "hush-hush" not in str(info)


async def test_an_unknown_server_names_similar_ones(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        for tool in ("get_server_info", "get_server_tools", "config_get"):
            error = await error_of(host, tool, server="toyy")
            assert error.startswith("UNKNOWN_SERVER")
            assert "toy" in error.partition("toyy")[2]
