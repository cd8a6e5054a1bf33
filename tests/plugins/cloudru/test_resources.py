"""Registries and operations as resources, and the completions of their ids."""

from __future__ import annotations

import json
from typing import Any

import anyio
import mcp
import pytest
from mcp_types import ResourceTemplateReference, TextResourceContents

import fuseboard_cloudru
from fuseboard.testing import PluginHost
from fuseboard_cloudru.resources import OPERATION, REGISTRIES, REGISTRY
from fuseboard_cloudru.simulator import Fault, Simulator, Switches
from tests.plugins.cloudru.served import ERAS, LONG, PATIENT, asked, result_of, served

pytestmark = pytest.mark.anyio


async def _read(host: PluginHost, uri: str) -> dict[str, Any]:
    [content] = (await host.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "application/json"
    found: dict[str, Any] = json.loads(content.text)
    return found


async def _completed(host: PluginHost, template: str, value: str) -> list[str]:
    found = await host.client.complete(ResourceTemplateReference(uri=template), {"name": "id", "value": value})
    return list(found.completion.values)


@pytest.mark.parametrize("mode", ERAS)
async def test_all_registries_and_one_of_them_are_resources(mode: str) -> None:
    with Simulator(Switches(page_size_max=2)) as simulator:
        registries = [simulator.store.add(name) for name in ("a", "b", "c")]
        async with served(simulator, mode) as host:
            listed = [str(one.uri) for one in (await host.client.list_resources()).resources]
            templates = [one.uri_template for one in (await host.client.list_resource_templates()).resource_templates]
            everything = await _read(host, REGISTRIES)
            single = await _read(host, f"cloudru://registries/{registries[1].id}")
            by_tool = await result_of(host, "get_registry", registry_id=registries[1].id)
    assert REGISTRIES in listed
    assert {REGISTRY, OPERATION} <= set(templates)
    assert [one["name"] for one in everything["registries"]] == ["a", "b", "c"]
    assert single == everything["registries"][1] == by_tool


@pytest.mark.parametrize("opaque", [False, True])
async def test_an_operation_is_a_resource_whatever_its_id_looks_like(opaque: bool) -> None:
    with Simulator(Switches(opaque_ids=opaque)) as simulator:
        async with served(simulator) as host:
            operation = (await result_of(host, "create_registry", name="fresh"))["operation"]
            quoted = operation["id"].replace("?", "%3F")
            found = await _read(host, f"cloudru://operations/{quoted}")
    assert (found["id"], found["resource_name"], found["done"]) == (operation["id"], "fresh", True)


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("cloudru://registries/team", "INVALID_INPUT"),
        ("cloudru://registries/00000000-0000-4000-8000-000000000000", "NOT_FOUND"),
        ("cloudru://operations/nobody", "NOT_FOUND"),
        ("cloudru://operations/..", "INVALID_INPUT"),
    ],
)
async def test_what_is_not_there_is_an_error_with_a_code(mode: str, uri: str, code: str) -> None:
    with Simulator() as simulator:
        async with served(simulator, mode) as host:
            with pytest.raises(mcp.MCPError, match=code):
                await host.read_resource(uri)


@pytest.mark.parametrize("mode", ERAS)
async def test_ids_are_completed_by_what_they_begin_with_and_by_the_registrys_name(mode: str) -> None:
    with Simulator() as simulator:
        team, other = simulator.store.add("team"), simulator.store.add("other")
        async with served(simulator, mode) as host:
            assert await _completed(host, REGISTRY, "") == [team.id, other.id]
            assert team.id in await _completed(host, REGISTRY, team.id[:6].upper())
            assert await _completed(host, REGISTRY, "oth") == [other.id]
            operation = (await result_of(host, "create_registry", name="fresh"))["operation"]["id"]
            assert await _completed(host, OPERATION, operation[:8]) == [operation]
            assert await _completed(host, OPERATION, "no such") == []


async def test_a_service_that_cannot_be_asked_completes_to_nothing() -> None:
    with Simulator(Switches(faults=(Fault("GET /v1/*", 403, times=None),))) as simulator:
        async with served(simulator) as host:
            assert await _completed(host, REGISTRY, "") == []
            assert await _completed(host, OPERATION, "") == []
        assert "GET /v1/operations" in asked(simulator)


async def test_without_keys_nothing_is_completed_and_a_resource_says_what_is_missing() -> None:
    with anyio.fail_after(LONG):
        async with PluginHost(fuseboard_cloudru, name="cloudru", fuse=PATIENT) as host:
            assert await _completed(host, REGISTRY, "") == []
            with pytest.raises(mcp.MCPError, match="NOT_CONFIGURED: CLOUD_RU_KEY_ID"):
                await host.read_resource(REGISTRIES)
