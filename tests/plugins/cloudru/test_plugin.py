"""The plugin as the host sees it: its hooks, what its tools say of themselves, and what is there without keys."""

from __future__ import annotations

from typing import Any

import anyio
import click
import mcp
import pytest
from mcp_types import Tool

import fuseboard_cloudru
from fuseboard.testing import PluginHost
from fuseboard_cloudru.config import CloudruSettings
from fuseboard_cloudru.simulator import Fault, Simulator, Switches
from fuseboard_cloudru.tools.arguments import MOST_SECONDS
from tests.plugins.cloudru.served import ERAS, LONG, PATIENT, asked, error_of, row_of, section, served, text_of

pytestmark = pytest.mark.anyio

SEED = {
    "list_registries": {"page_size", "page_token"},
    "get_registry": {"registry_id"},
    "create_registry": {"name", "registry_type", "is_public"},
    "delete_registry": {"registry_id"},
    "list_operations": {"resource_id", "resource_name", "page_size", "page_token"},
    "get_operation": {"operation_id"},
    "update_quarantine_mode": {"registry_id", "quarantine_mode"},
    "get_registry_operations": {"registry_id", "page_size", "page_token"},
}
BEYOND = {"find_registry", "get_docker_login", "update_registry", "wait_for_operation"}
WRITING = {"create_registry", "delete_registry", "update_registry", "update_quarantine_mode"}
UNKNOWN = "00000000-0000-4000-8000-000000000000"
ARGUMENTS: dict[str, dict[str, Any]] = {
    "list_registries": {},
    "get_registry": {"registry_id": UNKNOWN},
    "find_registry": {"name": "team"},
    "create_registry": {"name": "team"},
    "update_registry": {"registry_id": UNKNOWN, "is_public": True},
    "update_quarantine_mode": {"registry_id": UNKNOWN, "quarantine_mode": "LOW"},
    "delete_registry": {"registry_id": UNKNOWN, "confirm_name": "team"},
    "list_operations": {},
    "get_registry_operations": {"registry_id": UNKNOWN},
    "get_operation": {"operation_id": "a"},
    "wait_for_operation": {"operation_id": "a"},
    "get_docker_login": {"name": "team"},
}


async def _tools(mode: str = "auto", **settings: Any) -> dict[str, Tool]:
    with anyio.fail_after(LONG):
        async with PluginHost(fuseboard_cloudru, name="cloudru", mode=mode, settings=settings, fuse=PATIENT) as host:
            found = (await host.client.list_tools()).tools
    return {tool.name.removeprefix("cloudru_"): tool for tool in found if tool.name.startswith("cloudru_")}


@pytest.mark.parametrize("mode", ERAS)
async def test_the_seeds_eight_tools_are_there_with_their_arguments_and_four_more(mode: str) -> None:
    tools = await _tools(mode)
    assert set(tools) == set(SEED) | BEYOND == set(ARGUMENTS)
    for name, arguments in SEED.items():
        assert arguments <= set(tools[name].input_schema["properties"]), name


async def test_only_what_cannot_be_left_out_is_required() -> None:
    required = {name: tool.input_schema.get("required", []) for name, tool in (await _tools()).items()}
    assert required == {
        "list_registries": [],
        "get_registry": ["registry_id"],
        "find_registry": ["name"],
        "create_registry": ["name"],
        "update_registry": ["registry_id"],
        "update_quarantine_mode": ["registry_id", "quarantine_mode"],
        "delete_registry": ["registry_id"],
        "list_operations": [],
        "get_registry_operations": ["registry_id"],
        "get_operation": ["operation_id"],
        "wait_for_operation": ["operation_id"],
        "get_docker_login": [],
    }


async def test_every_tool_describes_itself_its_arguments_and_its_result() -> None:
    for name, tool in (await _tools()).items():
        assert tool.description, name
        assert len(tool.description) < 300, f"a model reads it with every request: {name}"
        assert tool.output_schema is not None, name
        for argument, schema in tool.input_schema["properties"].items():
            assert schema.get("description"), f"{name} {argument}"


async def test_every_tool_says_whether_it_reads_changes_or_destroys() -> None:
    hints = {
        name: (tool.annotations.read_only_hint, tool.annotations.destructive_hint, tool.annotations.idempotent_hint)
        for name, tool in (await _tools()).items()
        if tool.annotations is not None and tool.annotations.open_world_hint
    }
    assert hints == {
        **dict.fromkeys(set(ARGUMENTS) - WRITING, (True, None, True)),
        "create_registry": (False, False, False),
        "update_registry": (False, True, True),
        "update_quarantine_mode": (False, False, True),
        "delete_registry": (False, True, False),
    }


async def test_the_schemas_list_the_values_of_every_enumeration() -> None:
    tools = await _tools()
    create = tools["create_registry"].input_schema["properties"]
    assert create["registry_type"]["enum"] == ["DOCKER", "DEBIAN", "RPM", "GENERIC", "PYPI", "NPM"]
    assert create["registry_type"]["default"] == "DOCKER"
    assert create["is_public"]["default"] is False
    assert create["mode"]["enum"] == ["LOCAL", "REMOTE"]
    assert create["tariff"]["enum"] == ["BASIC", "PREMIUM"]
    levels = ["DISABLED", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
    assert create["quarantine_mode"]["enum"] == levels
    assert tools["update_quarantine_mode"].input_schema["properties"]["quarantine_mode"]["enum"] == levels


@pytest.mark.parametrize("mode", ERAS)
async def test_read_only_takes_the_writing_tools_and_their_prompts_away(mode: str) -> None:
    with Simulator() as simulator:
        async with served(simulator, mode, {"read_only": True}) as host:
            tools = {tool.name for tool in (await host.client.list_tools()).tools}
            prompts = {prompt.name for prompt in (await host.client.list_prompts()).prompts}
            for tool in WRITING:
                for name in (f"cloudru_{tool}", tool):
                    with pytest.raises(mcp.MCPError, match="no tool"):
                        await host.call_tool(name, ARGUMENTS[tool])
            assert not (await host.call_tool("cloudru_list_registries")).is_error
        assert {entry.method for entry in simulator.log if entry.path.startswith("/v1/")} == {"GET"}
    assert tools & {f"cloudru_{tool}" for tool in ARGUMENTS} == {f"cloudru_{tool}" for tool in set(ARGUMENTS) - WRITING}
    assert {name for name in prompts if name.startswith("cloudru_")} == {"cloudru_review_quarantine"}


@pytest.mark.parametrize("mode", ERAS)
async def test_without_keys_all_tools_are_listed_and_each_says_what_is_missing(mode: str) -> None:
    with anyio.fail_after(LONG):
        given = {"key_id": "k"}
        async with PluginHost(fuseboard_cloudru, name="cloudru", mode=mode, settings=given, fuse=PATIENT) as host:
            await host.host.health()
            row = await row_of(host)
            assert str(row.state) == "degraded"
            assert "CLOUD_RU_SECRET and CLOUD_RU_PROJECT_ID are not set" in row.reason
            for tool, arguments in ARGUMENTS.items():
                error = await error_of(host, tool, **arguments)
                assert error.startswith("NOT_CONFIGURED: CLOUD_RU_SECRET and CLOUD_RU_PROJECT_ID are not set"), tool


async def test_a_lost_service_blows_the_fuse_and_a_wrong_question_does_not() -> None:
    with Simulator() as simulator:
        fuse = PATIENT.model_copy(update={"fault_threshold": 2, "cool_down": 10})
        async with served(simulator, settings={"limits": {"retries": 0}}, fuse=fuse) as host:
            await host.host.health()
            simulator.fail(Fault("GET /v1/*", 404, times=4))
            for _ in range(4):
                assert (await error_of(host, "get_registry", registry_id=UNKNOWN)).startswith("NOT_FOUND")
            simulator.heal()
            simulator.fail(Fault("GET /v1/*", 503, times=None))
            errors = [await error_of(host, "get_registry", registry_id=UNKNOWN) for _ in range(3)]
    assert [error.partition(":")[0] for error in errors[:2]] == ["UNREACHABLE", "UNREACHABLE"]
    assert "UNREACHABLE" not in errors[2].partition(":")[0]


async def test_the_secret_is_in_nothing_that_a_client_can_see() -> None:
    with Simulator(Switches(faults=(Fault("GET /v1/operations*", 403, times=None),))) as simulator:
        simulator.store.add("team")
        async with served(simulator) as host:
            seen = [text_of(await host.call_tool(f"cloudru_{tool}", given)) for tool, given in ARGUMENTS.items()]
            seen.append((await host.call_tool("fuseboard_status")).model_dump_json())
            seen.append((await host.client.list_tools()).model_dump_json())
    assert simulator.secret not in "".join(seen)
    assert "DENIED" in "".join(seen)


def test_a_call_may_take_longer_than_it_follows_an_operation() -> None:
    timeouts: dict[str, float | None] = {}

    def register(function: Any, **options: Any) -> None:
        timeouts[function.__name__] = options.get("timeout")

    fuseboard_cloudru.register_tools(register, CloudruSettings())  # type: ignore[arg-type]
    assert {name for name, timeout in timeouts.items() if timeout} == WRITING | {"wait_for_operation"}
    assert all(timeout > MOST_SECONDS for timeout in timeouts.values() if timeout)


def test_the_instructions_are_one_short_paragraph_and_say_when_nothing_can_be_changed() -> None:
    both = fuseboard_cloudru.instructions(CloudruSettings())
    reading = fuseboard_cloudru.instructions(CloudruSettings(read_only=True))
    for text in (both, reading):
        assert "\n" not in text
        assert len(text) < 500
    assert "wait=true" in both
    assert "change nothing" in reading


def test_the_simulator_is_a_command_of_the_plugin() -> None:
    group = click.Group()
    fuseboard_cloudru.register_commands(group)
    assert list(group.commands) == ["simulate"]


async def test_the_client_is_open_for_the_life_of_the_plugin_and_closed_after_it() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        settings = CloudruSettings.model_validate(section(simulator))
        async with fuseboard_cloudru.lifespan(settings) as account:
            await account.check()
            api = account.api
        with pytest.raises(RuntimeError, match="closed"):
            await api.check()
        assert asked(simulator) == ["GET /v1/registries"]
