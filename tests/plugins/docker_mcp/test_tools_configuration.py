"""Configuration and secrets: checked before they are stored, used at once, and secrets never shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from fuseboard.testing import PluginHost
from tests.plugins.docker_mcp.hosted import error_of, hosted, result_of, started, text_of, toy

pytestmark = pytest.mark.anyio

SCHEMA = {
    "type": "object",
    "properties": {
        "place": {"type": "string"},
        "retries": {"type": "integer", "minimum": 0},
        "deep": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}},
    },
    "required": ["place"],
}


def configured(**more: Any) -> dict[str, Any]:
    return toy(env={"PLACE": "{{place}}", "RETRIES": "{{retries}}"}, config_schema=SCHEMA, **more)


async def variable(host: PluginHost, name: str) -> str:
    return text_of(await host.call_tool("docker_mcp_call_tool", {"tool_name": "env", "arguments": {"name": name}}))


async def test_values_reach_the_server_and_a_change_starts_it_again(tmp_path: Path) -> None:
    async with hosted(tmp_path, {"toy": configured()}) as host:
        missing = await result_of(host, "start_servers", servers=["toy"])
        assert missing["failed"][0]["code"] == "WRONG_CONFIGURATION"
        assert "place" in missing["failed"][0]["reason"]
        first = await result_of(host, "config_set", server="toy", config={"place": "home"})
        assert (first["config"], first["restarted"]) == ({"place": "home"}, False)
        await started(host, "toy")
        assert await variable(host, "PLACE") == "home"
        before = await result_of(host, "call_tool", tool_name="pid")
        second = await result_of(host, "config_set", server="toy", config={"place": "sea", "retries": 3})
        assert second["restarted"]
        assert await variable(host, "PLACE") == "sea"
        assert await variable(host, "RETRIES") == "3"
        assert await result_of(host, "call_tool", tool_name="pid") != before


async def test_null_takes_a_key_away_and_objects_are_merged(tmp_path: Path) -> None:
    async with hosted(tmp_path, {"toy": configured()}) as host:
        await result_of(host, "config_set", server="toy", config={"place": "home", "deep": {"a": 1, "b": 2}})
        await result_of(host, "config_set", server="toy", config={"deep": {"a": 5, "b": None}, "place": None})
        assert await result_of(host, "config_get", server="toy") == {"server": "toy", "config": {"deep": {"a": 5}}}


async def test_changes_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    values = {"place": "home", "retries": 3, "deep": {"a": 1}}
    async with hosted(tmp_path, {"toy": configured()}) as host:
        async with anyio.create_task_group() as together:
            for key, value in values.items():
                call = {"server": "toy", "config": {key: value}}
                together.start_soon(host.call_tool, "docker_mcp_config_set", call)
        assert (await result_of(host, "config_get", server="toy"))["config"] == values


@pytest.mark.parametrize(
    "wrong", [{"retries": "many"}, {"retries": -1}, {"plaec": "home"}, {"place": 5}, {"deep": {"a": "x"}}]
)
async def test_wrong_values_are_refused_by_key_and_nothing_is_stored(wrong: dict[str, Any], tmp_path: Path) -> None:
    async with hosted(tmp_path, {"toy": configured()}) as host:
        await result_of(host, "config_set", server="toy", config={"place": "home"})
        error = await error_of(host, "config_set", server="toy", config=wrong)
        assert error.startswith("WRONG_CONFIGURATION")
        assert next(iter(wrong)) in error
        assert (await result_of(host, "config_get", server="toy"))["config"] == {"place": "home"}


async def test_a_change_that_the_server_does_not_survive_is_told(tmp_path: Path) -> None:
    async with hosted(tmp_path, {"toy": configured()}) as host:
        await result_of(host, "config_set", server="toy", config={"place": "home"})
        await started(host, "toy")
        changed = await result_of(host, "config_set", server="toy", config={"place": None})
        assert not changed["restarted"]
        assert changed["failed"]["code"] == "WRONG_CONFIGURATION"
        await result_of(host, "config_set", server="toy", config={"place": "sea"})
        await started(host, "toy")
        assert await variable(host, "PLACE") == "sea"


async def test_configuration_and_secrets_outlive_the_host(tmp_path: Path) -> None:
    servers = {"toy": configured(secrets={"TOKEN": "toy.token"})}
    async with hosted(tmp_path, servers) as host:
        await result_of(host, "config_set", server="toy", config={"place": "home"})
        await result_of(host, "secret_set", key="toy.token", value="hush-hush")
    async with hosted(tmp_path, servers) as host:
        await started(host, "toy")
        assert await variable(host, "PLACE") == "home"
        assert await variable(host, "TOKEN") == "hush-hush"


async def test_a_secret_is_missing_stored_used_changed_and_removed(tmp_path: Path) -> None:
    async with hosted(tmp_path, {"toy": toy(secrets={"TOKEN": "toy.token"})}) as host:
        [listed] = (await result_of(host, "list_installed_servers"))["servers"]
        assert listed["missing_secrets"] == ["toy.token"]
        assert (await result_of(host, "secret_list"))["missing"] == [{"key": "toy.token", "wanted_by": ["toy"]}]
        failed = (await result_of(host, "start_servers", servers=["toy"]))["failed"]
        assert failed[0]["code"] == "MISSING_SECRET"
        assert "toy.token" in failed[0]["reason"]
        stored = await result_of(host, "secret_set", key="toy.token", value="hush-1")
        assert stored == {"key": "toy.token", "stored_in": "file", "mirrored": False}
        await started(host, "toy")
        assert await variable(host, "TOKEN") == "hush-1"
        changed = await result_of(host, "secret_set", key="toy.token", value="hush-2")
        assert changed["restarted"] == ["toy"]
        assert await variable(host, "TOKEN") == "hush-2"
        known = await result_of(host, "secret_list")
        assert known == {"secrets": [{"key": "toy.token", "stored_in": "file", "wanted_by": ["toy"]}]}
        removed = await result_of(host, "secret_remove", key="toy.token")
        assert removed == {"key": "toy.token", "removed": True, "mirrored": False, "still_used_by": ["toy"]}
        assert not (await result_of(host, "secret_remove", key="toy.token"))["removed"]
        assert await variable(host, "TOKEN") == "hush-2"


async def test_the_value_of_a_secret_is_in_nothing_that_a_client_can_see(tmp_path: Path) -> None:
    async with hosted(tmp_path, {"toy": toy(secrets={"TOKEN": "toy.token"})}) as host:
        seen = [await result_of(host, "secret_set", key="toy.token", value="hush-hush")]
        await started(host, "toy")
        for tool in ("secret_list", "list_installed_servers", "get_active_servers"):
            seen.append(await result_of(host, tool))
        seen.append(await result_of(host, "get_server_info", server="toy"))
        seen.append({"resource": (await host.read_resource("docker-mcp://servers/toy")).model_dump_json()})
        seen.append({"status": (await host.call_tool("fuseboard_status")).model_dump_json()})
        seen.append({"refused": await error_of(host, "secret_set", key="bad name", value="hush-hush")})
        seen.append({"refused": await error_of(host, "secret_set", key="toy.token", value=["hush-hush"])})
        seen.append({"refused": await error_of(host, "secret_set", key="toy.token", value="hush-hush\nx")})
    assert "hush-hush" not in json.dumps(seen)


@pytest.mark.parametrize("key", ["", "bad name", "-", "a/", "x" * 300, "a\nb"])
async def test_a_name_that_no_secret_can_have_is_refused(key: str, tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        if key == "-":  # odd, but what Docker's own store takes as well
            await result_of(host, "secret_set", key=key, value="x")
        else:
            assert "key" in (error := await error_of(host, "secret_set", key=key, value="x")) or "INVALID" in error
