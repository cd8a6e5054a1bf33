"""Finding, starting and stopping servers, as a client sees it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from fuseboard_docker_mcp import ways
from fuseboard_docker_mcp.models import Server
from tests.plugins.docker_mcp.hosted import ERAS, error_of, hosted, result_of, started, toy

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("mode", ERAS)
async def test_the_way_of_the_seed_lists_starts_calls_and_stops(mode: str, tmp_path: Path) -> None:
    async with hosted(tmp_path, mode=mode) as host:
        [listed] = (await result_of(host, "list_installed_servers"))["servers"]
        assert (listed["name"], listed["state"], listed["way"], listed["source"]) == (
            "toy",
            "stopped",
            "direct",
            "settings",
        )
        [one] = await started(host, "toy")
        assert one["state"] == "ready"
        assert {"name": "echo", "about": "Say the text again."} in one["tools"]
        [prompt] = one["prompts"]
        assert prompt["name"] == "greet"
        assert [argument["name"] for argument in prompt["arguments"]] == ["name"]
        [active] = (await result_of(host, "get_active_servers"))["servers"]
        assert (active["server"], active["state"], active["restarts"]) == ("toy", "ready", 0)
        called = await result_of(host, "call_tool", tool_name="add", arguments={"a": 2, "b": 3})
        assert called == {"sum": 5}
        assert await result_of(host, "stop_servers", servers=["toy"]) == {"stopped": ["toy"]}
        assert (await result_of(host, "get_active_servers"))["servers"] == []
        assert (await error_of(host, "call_tool", tool_name="add")).startswith("UNKNOWN_TOOL")


async def test_servers_start_together_and_each_failure_has_its_reason(tmp_path: Path) -> None:
    servers = {
        "good": toy(),
        "bad": toy("--fail-start", "no database"),
        "gone": {"command": "/no/such/program"},
    }
    async with hosted(tmp_path, servers) as host:
        result = await result_of(host, "start_servers", servers=["bad", "good", "gone", "unknown", "good"])
    assert [one["server"] for one in result["started"]] == ["good"]
    reasons = {one["server"]: one for one in result["failed"]}
    assert set(reasons) == {"bad", "gone", "unknown"}
    assert reasons["bad"]["code"] == "CANNOT_START"
    assert "no database" in reasons["bad"]["reason"]
    assert reasons["gone"]["code"] == "CANNOT_START"
    assert reasons["unknown"]["code"] == "UNKNOWN_SERVER"


async def test_a_server_that_runs_is_left_as_it_is_by_a_second_start(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        await started(host, "toy")
        first = await result_of(host, "call_tool", tool_name="pid")
        await started(host, "toy")
        assert await result_of(host, "call_tool", tool_name="pid") == first


async def test_a_server_that_hangs_at_start_does_not_hold_up_the_others(tmp_path: Path) -> None:
    good_is_ready = anyio.Event()
    results = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        if message == "good: ready":
            good_is_ready.set()

    servers = {"good": toy(), "hangs": toy("--hang-start")}
    async with hosted(tmp_path, servers, settings={"proxy": {"connection_timeout": 300}}) as host:

        async def start() -> None:
            both = {"servers": ["hangs", "good"]}
            results.append(await host.call_tool("docker_mcp_start_servers", both, progress_callback=progress))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(start)
            await good_is_ready.wait()
            await result_of(host, "stop_servers", servers=["hangs"])
    result = results[0].structured_content
    assert result is not None
    assert [one["server"] for one in result["started"]] == ["good"]
    assert [one["server"] for one in result["failed"]] == ["hangs"]


async def test_a_server_that_is_not_ready_in_time_is_given_up(tmp_path: Path) -> None:
    settings = {"proxy": {"connection_timeout": 0.5}}
    async with hosted(tmp_path, {"hangs": toy("--hang-start")}, settings=settings) as host:
        result = await result_of(host, "start_servers", servers=["hangs"])
        assert (await result_of(host, "get_active_servers"))["servers"] == []
    assert [one["code"] for one in result["failed"]] == ["START_TIMEOUT"]


async def test_more_servers_than_the_pool_holds_are_refused_by_name(tmp_path: Path) -> None:
    servers = {name: toy() for name in ("a", "b", "c")}
    async with hosted(tmp_path, servers, settings={"proxy": {"connection_pool_size": 2}}) as host:
        result = await result_of(host, "start_servers", servers=["a", "b", "c"])
        assert len(result["started"]) == 2
        [refused] = result["failed"]
        assert refused["code"] == "POOL_FULL"
        assert (await result_of(host, "get_active_servers"))["most"] == 2
        other = result["started"][0]["server"]
        await result_of(host, "stop_servers", servers=[other])
        await started(host, refused["server"])


async def test_stopping_what_does_not_run_is_told_and_no_error(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        stopped = await result_of(host, "stop_servers", servers=["toy", "nobody"])
    assert stopped["stopped"] == []
    assert sorted(stopped["not_running"]) == ["nobody", "toy"]


@pytest.mark.parametrize("mode", ERAS)
async def test_a_start_tells_how_far_it_is(mode: str, tmp_path: Path) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append((done, total, message))

    async with hosted(tmp_path, {"a": toy(), "b": toy("--fail-start", "no")}, mode=mode) as host:
        await host.call_tool("docker_mcp_start_servers", {"servers": ["a", "b"]}, progress_callback=progress)
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert {total for _, total, _ in told} == {2}
    assert told[-1][0] == 2
    assert {"a: ready", "b: CANNOT_START"} <= {str(message) for _, _, message in told}


async def test_the_catalogue_is_searched_by_words_and_cut(tmp_path: Path) -> None:
    servers = {f"s{number}": toy(description=f"Number {number}\nof the servers") for number in range(12)}
    async with hosted(tmp_path, servers) as host:
        every = await result_of(host, "list_catalog_servers", limit=5)
        found = await result_of(host, "list_catalog_servers", query="NUMBER 11")
    assert (len(every["servers"]), every["total"]) == (5, 12)
    assert found["servers"] == [{"name": "s11", "about": "Number 11", "installed": True}]


@pytest.mark.parametrize("servers", [[], [""], ["x" * 257], "toy"])
async def test_a_question_that_names_no_server_is_refused(servers: Any, tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        assert "servers" in await error_of(host, "start_servers", servers=servers)


async def test_a_server_that_died_is_reconnecting_or_back_and_says_how_often(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        await started(host, "toy")
        error = await error_of(host, "call_tool", tool_name="die")
        assert error.startswith("SERVER_DIED")
        while True:
            [active] = (await result_of(host, "get_active_servers"))["servers"]
            if active["restarts"] and active["state"] == "ready":
                break
        assert "die: failed" in active["last_call"]


async def test_what_a_server_says_of_itself_is_cleaned(tmp_path: Path) -> None:
    spiteful = tmp_path / "spiteful.py"
    spiteful.write_text(
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    asked = json.loads(line)\n"
        "    if 'id' not in asked:\n"
        "        continue\n"
        "    info = {'name': 'evil\\u202e\\u001b[31m', 'version': '1' * 5000}\n"
        "    words = 'one\\u0007\\u202etwo\\nthree'\n"
        "    tools = [{'name': 't', 'description': words, 'inputSchema': {'type': 'object'}}]\n"
        "    answers = {'initialize': {'protocolVersion': '2025-06-18', 'capabilities': {'tools': {}},\n"
        "               'serverInfo': info, 'instructions': 'Do\\u001b this'}, 'tools/list': {'tools': tools}}\n"
        "    method = asked['method']\n"
        "    no = {'error': {'code': -32601, 'message': 'no'}}\n"
        "    body = {'result': answers[method]} if method in answers else no\n"
        "    print(json.dumps({'jsonrpc': '2.0', 'id': asked['id'], **body}), flush=True)\n",
        encoding="utf-8",
    )
    servers = {"spiteful": {"command": sys.executable, "args": ["-I", "-S", str(spiteful)], "protocol": "legacy"}}
    async with hosted(tmp_path, servers) as host:
        [one] = await started(host, "spiteful")
        seen = [
            one,
            await result_of(host, "get_active_servers"),
            await result_of(host, "get_server_info", server="spiteful"),
        ]
        listed = (await host.client.list_tools()).tools
    assert one["tools"] == [{"name": "t", "about": "onetwo"}]
    [tool] = [tool for tool in listed if tool.name == "spiteful_t"]
    assert tool.description == "onetwo\nthree"
    text = json.dumps(seen, ensure_ascii=False)
    assert not any(letter in text for letter in "\u202e\x1b\x07")
    assert "1" * 200 not in text


async def test_a_fault_of_ours_with_one_server_does_not_take_the_others_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = ways.prepared

    def sometimes(server: Server, **more: Any) -> Any:
        if server.name == "unlucky":
            raise ValueError("a fault with hush-hush in it")
        return real(server, **more)

    monkeypatch.setattr(ways, "prepared", sometimes)
    async with hosted(tmp_path, {"lucky": toy(), "unlucky": toy(), "early": toy(autostart=True)}) as host:
        result = await result_of(host, "start_servers", servers=["unlucky", "lucky"])
    assert [one["server"] for one in result["started"]] == ["lucky"]
    assert [one["code"] for one in result["failed"]] == ["CANNOT_START"]
    assert "hush-hush" not in str(result)
    assert "unlucky: its start failed unexpectedly" in caplog.text


async def test_a_store_of_secrets_that_cannot_be_read_is_a_problem_and_hides_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("no json")
    async with hosted(tmp_path, {"toy": toy(secrets={"TOKEN": "toy.token"}), "plain": toy()}) as host:
        listed = await result_of(host, "list_installed_servers")
        assert len(listed["servers"]) == 2
        assert [problem["code"] for problem in listed["problems"]] == ["SECRET_STORE_FAILED"]
        info = await result_of(host, "get_server_info", server="toy")
        assert "SECRET_STORE_FAILED" in info["notes"][0]
        assert (await error_of(host, "secret_list")).startswith("SECRET_STORE_FAILED")
        await started(host, "plain")
        [failed] = (await result_of(host, "start_servers", servers=["toy"]))["failed"]
        assert failed["code"] == "SECRET_STORE_FAILED"
