"""The whole way of a user: real clients, the real host in a process of its own, the stand-in docker behind it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import mcp
import pytest
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import CallToolResult, TextContent

from fuseboard_docker_mcp.testing import Behaviour, StandIn, container_entry
from tests.plugins.docker_mcp.hosted import ada
from tests.plugins.docker_mcp.processes import PATIENCE, UNHURRIED, marked

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

COMMAND = [sys.executable, "-m", "fuseboard"]
LONG = 4 * PATIENCE
"""Seconds for all that one client does."""
SECRET = "sk-this-is-shown-nowhere"
NOTES = container_entry(
    "notes",
    secrets=[{"name": "notes.key", "env": "KEY"}],
    env=[{"name": "URL", "value": "{{notes.url}}"}],
    config=[
        {
            "name": "notes",
            "description": "Where the notes are",
            "type": "object",
            "properties": {"url": {"type": "string"}, "retries": {"type": "integer"}},
            "required": ["url"],
        }
    ],
)
SERVERS = {
    "notes": Behaviour(NOTES),
    "calc": Behaviour(options=("--tools", "add,change_tools,die,pid")),
    "bad": Behaviour(options=("--fail-start", "no licence for this machine")),
    "shelf": Behaviour(installed=False),
}


@asynccontextmanager
async def _client(way: str, docker: StandIn, folder: Path, section: dict[str, Any]) -> AsyncIterator[mcp.Client]:
    """A client on one surface of a host that finds the docker, in one protocol era: for example "http legacy"."""
    surface, mode = way.split()
    chosen = {"secret_store": "file", "state_folder": str(folder / "state"), **section}
    (folder / "fuseboard.yaml").write_text(json.dumps({"plugins": {"docker_mcp": chosen}, "fuses": UNHURRIED}))
    environment = docker.environment(
        FUSEBOARD_CONFIG=str(folder / "fuseboard.yaml"),
        FUSEBOARD_LOAD_PLUGINS="docker_mcp",
        PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring",
    )
    with (folder / "log").open("w") as log:
        if surface == "stdio":
            program = StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], "stdio"], env=environment)
            with anyio.fail_after(LONG):
                target: Any = stdio_client(program, errlog=log)
                async with mcp.Client(target, mode=mode, cache=None, elicitation_callback=ada) as client:
                    yield client
        else:
            async with _http(environment, folder) as url:
                with anyio.fail_after(LONG):
                    async with mcp.Client(url, mode=mode, cache=None, elicitation_callback=ada) as client:
                        yield client


@asynccontextmanager
async def _http(environment: dict[str, str], folder: Path) -> AsyncIterator[str]:
    """`fuseboard http` on a free port; what it says on standard error names its address."""
    with (folder / "log").open("w") as log:
        command = [*COMMAND, "http", "--port", "0"]
        process = await anyio.open_process(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            with anyio.fail_after(PATIENCE):
                while not (
                    found := re.search(r"serving (http://\S+/mcp)", await anyio.Path(folder / "log").read_text())
                ):
                    await anyio.sleep(0.02)
            yield found[1]
        finally:
            process.send_signal(signal.SIGTERM)
        with anyio.fail_after(PATIENCE):
            assert await process.wait() == 0


def _text(result: CallToolResult) -> str:
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


async def _did(client: mcp.Client, tool: str, /, **arguments: Any) -> dict[str, Any]:
    """The structured result of a tool of the plugin that must succeed."""
    result = await client.call_tool(f"docker_mcp_{tool}", arguments)
    assert not result.is_error, _text(result)
    assert result.structured_content is not None
    return dict(result.structured_content)


async def _failed(client: mcp.Client, tool: str, /, **arguments: Any) -> str:
    """The text of the error of a tool that must fail."""
    result = await client.call_tool(f"docker_mcp_{tool}", arguments)
    assert result.is_error, _text(result)
    return _text(result)


async def _called(client: mcp.Client, server: str, tool: str, **arguments: Any) -> CallToolResult:
    wanted = {"server": server, "tool_name": tool, "arguments": arguments}
    return await client.call_tool("docker_mcp_call_tool", wanted)


async def _names(client: mcp.Client) -> set[str]:
    return {tool.name for tool in (await client.list_tools()).tools}


async def _until(reached: Any) -> None:
    with anyio.fail_after(PATIENCE):
        while not reached():
            await anyio.sleep(0.02)


@pytest.mark.parametrize(
    ("dialect", "way"),
    [
        *(("A", "stdio auto"), ("A", "http legacy")),
        *(("B", "stdio legacy"), ("B", "http auto")),
        *(("P", "stdio legacy"), ("P", "http auto")),
        *(("none", "stdio auto"), ("none", "http legacy")),
    ],
)
async def test_servers_are_found_configured_started_used_and_stopped(dialect: Any, way: str, tmp_path: Path) -> None:
    with StandIn(tmp_path / "docker", dialect=dialect, servers=SERVERS) as docker:
        async with _client(way, docker, tmp_path, {}) as client:
            await _look_around(client, "engine" if dialect == "none" else "toolkit")
            await _configure(client)
            if dialect != "none":
                assert docker.configuration("notes") == {"url": "http://one", "retries": 2}
            await _start_some(client, reason_known=dialect == "none")
            assert {one.labels["docker-mcp-name"] for one in docker.containers()} <= {"notes", "calc"}
            await _use(client)
            changed = await _did(client, "config_set", server="notes", config={"url": "http://two"})
            assert changed["restarted"] is True
            assert _text(await _called(client, "notes", "env", name="URL")) == "http://two"
            await _until(lambda: any("fuseboard.session" in one.labels for one in docker.containers()))
            stopped = await _did(client, "stop_servers", servers=["notes", "calc", "shelf"])
            assert sorted(stopped["stopped"]) == ["calc", "notes"]
            assert stopped["not_running"] == ["shelf"]
            assert not {name for name in await _names(client) if name.startswith(("notes_", "calc_"))}
            assert "NOT_ACTIVE" in await _failed(client, "call_tool", server="notes", tool_name="echo")
            await _until(lambda: not docker.containers())
            await _did(client, "start_servers", servers=["calc"])
            removed = await _did(client, "secret_remove", key="notes.key")
            assert removed["removed"] is True
        await _until(lambda: not docker.containers())
        await _until(lambda: not marked(str(docker.docker)))
        assert not list((docker.mcp_home / "catalogs" / "fuseboard").glob("*"))
        assert SECRET not in json.dumps([call.argv for call in docker.calls()])
        assert SECRET not in (tmp_path / "log").read_text()


async def _look_around(client: mcp.Client, way: str) -> None:
    installed = {one["name"]: one for one in (await _did(client, "list_installed_servers"))["servers"]}
    installed = {name: one for name, one in installed.items() if name in SERVERS}
    assert set(installed) == {"notes", "calc", "bad"}
    assert {(one["way"], one["state"]) for one in installed.values()} == {(way, "stopped")}
    assert installed["notes"]["missing_secrets"] == ["notes.key"]
    assert installed["notes"]["configurable"] is True
    found = await _did(client, "list_catalog_servers", query="stand-in shelf")
    assert [(one["name"], one["installed"]) for one in found["servers"]] == [("shelf", False)]
    info = await _did(client, "get_server_info", server="notes")
    assert info["secrets"] == [{"key": "notes.key", "env": "KEY", "stored": False}]
    tools = await _did(client, "get_server_tools", server="calc")
    assert (tools["source"], [one["name"] for one in tools["tools"]]) == ("catalogue", ["echo", "add"])
    assert "did you mean notes?" in await _failed(client, "get_server_info", server="nots")


async def _configure(client: mcp.Client) -> None:
    assert "retries" in await _failed(client, "config_set", server="notes", config={"retries": "many"})
    [refused] = (await _did(client, "start_servers", servers=["notes"]))["failed"]
    assert refused["code"] in ("WRONG_CONFIGURATION", "MISSING_SECRET")
    await _did(client, "config_set", server="notes", config={"url": "http://one", "retries": 2})
    read = await _did(client, "config_get", server="notes")
    assert read["config"] == {"url": "http://one", "retries": 2}
    [refused] = (await _did(client, "start_servers", servers=["notes"]))["failed"]
    assert refused["code"] == "MISSING_SECRET"
    stored = await client.call_tool("docker_mcp_secret_set", {"key": "notes.key", "value": SECRET})
    listed = await client.call_tool("docker_mcp_secret_list", {})
    assert SECRET not in stored.model_dump_json() + listed.model_dump_json()
    assert [one["key"] for one in (listed.structured_content or {})["secrets"]] == ["notes.key"]


async def _start_some(client: mcp.Client, *, reason_known: bool) -> None:
    """Two of four start; each of the others says why not. A gateway hides what a container says of itself."""
    result = await _did(client, "start_servers", servers=["bad", "notes", "calc", "shelf"])
    started = {one["server"]: one for one in result["started"]}
    assert set(started) == {"notes", "calc"}
    assert "echo" in {tool["name"] for tool in started["notes"]["tools"]}
    assert "greet" in {prompt["name"] for prompt in started["notes"]["prompts"]}
    failed = {one["server"]: one for one in result["failed"]}
    assert (failed["bad"]["code"], failed["shelf"]["code"]) == ("CANNOT_START", "NOT_INSTALLED")
    if reason_known:
        assert "no licence for this machine" in failed["bad"]["reason"]


async def _use(client: mcp.Client) -> None:
    active = (await _did(client, "list_active_tools"))["tools"]
    assert ("calc", "add") in {(one["server"], one["name"]) for one in active}
    assert {"notes_echo", "calc_add"} <= await _names(client)
    assert _text(await client.call_tool("notes_echo", {"text": "first class ä"})) == "first class ä"
    assert (await client.call_tool("calc_add", {"a": 2, "b": 3})).structured_content == {"sum": 5}
    assert (await _called(client, "calc", "add", a=2, b=4)).structured_content == {"sum": 6}
    assert "INVALID_ARGUMENTS" in _text(await _called(client, "calc", "add", a="two", b=4))
    assert _text(await _called(client, "notes", "env", name="KEY")) == SECRET
    assert (await _called(client, "notes", "fail", text="the server's own words")).is_error
    assert (await client.call_tool("notes_picture", {})).content[0].type == "image"
    assert _text(await client.call_tool("notes_ask", {"question": "Who are you?"})) == "Hello, Ada!"
    await _work_until_progress_was_seen(client)
    assert "Bo" in str((await client.get_prompt("notes_greet", {"name": "Bo"})).messages[0].content)
    servers = {one["server"]: one for one in (await _did(client, "get_active_servers"))["servers"]}
    assert servers["notes"]["state"] == servers["calc"]["state"] == "ready"


async def _work_until_progress_was_seen(client: mcp.Client) -> None:
    seen: list[float] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    wanted = {"server": "notes", "tool_name": "slow", "arguments": {"seconds": 600}}
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: client.call_tool("docker_mcp_call_tool", wanted, progress_callback=progress))
        await _until(lambda: len(seen) >= 2)
        group.cancel_scope.cancel()


@pytest.mark.parametrize(("dialect", "way"), [("A", "stdio auto"), ("P", "http legacy"), ("none", "stdio legacy")])
async def test_whatever_breaks_has_a_name_and_the_rest_goes_on(dialect: Any, way: str, tmp_path: Path) -> None:
    servers = {
        "calc": SERVERS["calc"],
        "slow": Behaviour(options=("--hang-start",)),
        "gone": Behaviour(image="missing"),
        "heals": Behaviour(options=("--fail-start", "not yet")),
    }
    section: dict[str, Any] = {
        "proxy": {"connection_timeout": 20, "reconnect_delay": 0.05},
        "cache": {"servers_ttl": 0},
    }
    section |= {"way": "engine" if dialect == "none" else "toolkit"}
    with StandIn(tmp_path / "docker", dialect=dialect, servers=servers) as docker:
        async with _client(way, docker, tmp_path, section) as client:
            async with anyio.create_task_group() as group:
                # Its limit is one that all others meet also on a slow machine, so they go on while it is waited for.
                group.start_soon(_hangs, client)
                await _use_the_rest(client, docker)
            docker.break_("no-engine")
            assert "NO_ENGINE" in json.dumps(await _did(client, "start_servers", servers=["slow"]))
            assert (await client.call_tool("calc_add", {"a": 1, "b": 2})).structured_content == {"sum": 3}
            docker.mend()
            await _did(client, "stop_servers", servers=["calc", "heals"])
        await _until(lambda: not docker.containers())
        await _until(lambda: not marked(str(docker.docker)))


async def _hangs(client: mcp.Client) -> None:
    result = await _did(client, "start_servers", servers=["slow"])
    assert [one["code"] for one in result["failed"]] == ["START_TIMEOUT"]


async def _use_the_rest(client: mcp.Client, docker: StandIn) -> None:
    result = await _did(client, "start_servers", servers=["calc", "gone", "heals"])
    assert [one["server"] for one in result["started"]] == ["calc"]
    codes = {one["server"]: one["code"] for one in result["failed"]}
    assert codes == {"gone": "IMAGE_MISSING", "heals": "CANNOT_START"}

    docker.behave("heals", "--tools", "echo")
    assert (await _did(client, "start_servers", servers=["heals"]))["failed"] == []
    assert _text(await client.call_tool("heals_echo", {"text": "better"})) == "better"

    died = await _called(client, "calc", "die")
    assert (died.is_error, "SERVER_DIED" in _text(died)) == (True, True)
    assert _text(await client.call_tool("heals_echo", {"text": "not my death"})) == "not my death"
    with anyio.fail_after(PATIENCE):
        while (await _called(client, "calc", "add", a=1, b=1)).structured_content != {"sum": 2}:
            await anyio.sleep(0.1)

    await client.call_tool("calc_change_tools", {})
    with anyio.fail_after(PATIENCE):
        while "calc_extra" not in await _names(client):
            await anyio.sleep(0.05)


@pytest.mark.parametrize("dialect", ["A", "B", "P"])
async def test_a_toolkit_that_talks_nonsense_is_a_named_problem(dialect: Any, tmp_path: Path) -> None:
    section = {"cache": {"servers_ttl": 0}, "docker_mcp": {"command_timeout": 5}, "embedded": "always"}
    command = "mcp profile" if dialect == "P" else "mcp server"
    with StandIn(tmp_path / "docker", dialect=dialect, servers={"calc": SERVERS["calc"]}) as docker:
        async with _client("stdio auto", docker, tmp_path, section) as client:
            for fault in ("help", "garbage", "huge", "hang", "fails"):
                docker.break_(fault, command)
                listed = await _did(client, "list_installed_servers")
                assert {one["way"] for one in listed["servers"]} == {"direct"}
                assert listed["problems"][0]["code"] in ("UNKNOWN_OUTPUT", "COMMAND_FAILED", "NO_TOOLKIT"), fault
                docker.mend()
            with anyio.fail_after(PATIENCE):
                while "calc" not in {one["name"] for one in (await _did(client, "list_installed_servers"))["servers"]}:
                    await anyio.sleep(0.2)
