"""The tools that read: lists, one registry or operation, a name, and how docker signs in."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from fuseboard_cloudru.simulator import Fault, Simulator, Switches
from fuseboard_cloudru.simulator.records import QuarantineMode, RegistryType
from tests.plugins.cloudru.served import asked, error_of, result_of, served

pytestmark = pytest.mark.anyio

UNKNOWN = "00000000-0000-4000-8000-000000000000"


async def test_a_registry_is_shown_with_every_field_that_says_something_and_no_other() -> None:
    with Simulator() as simulator:
        registry = simulator.store.add("team", quarantine_mode=QuarantineMode.HIGH)
        async with served(simulator) as host:
            found = await result_of(host, "get_registry", registry_id=registry.id)
    times = {name: found.pop(name) for name in ("created_at", "updated_at")}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", time) for time in times.values())
    assert found == {
        "id": registry.id,
        "name": "team",
        "registry_type": "DOCKER",
        "registry_mode": "REGISTRY_MODE_LOCAL",
        "status": "ACTIVE",
        "is_public": False,
        "quarantine_mode": "HIGH",
        "retention_policy_is_enabled": False,
    }


async def test_an_id_may_be_written_in_capitals_or_without_hyphens() -> None:
    with Simulator() as simulator:
        registry = simulator.store.add("team")
        async with served(simulator) as host:
            for spelling in (registry.id.upper(), registry.id.replace("-", ""), f" {registry.id} "):
                assert (await result_of(host, "get_registry", registry_id=spelling))["name"] == "team"


async def test_registries_come_page_by_page_or_all_at_once() -> None:
    with Simulator(Switches(page_size_max=2)) as simulator:
        names = [simulator.store.add(f"r{number}").name for number in range(5)]
        async with served(simulator) as host:
            first = await result_of(host, "list_registries", page_size=2)
            second = await result_of(host, "list_registries", page_size=2, page_token=first["next_page_token"])
            everything = await result_of(host, "list_registries", all_pages=True)
    assert [one["name"] for page in (first, second) for one in page["registries"]] == names[:4]
    assert [one["name"] for one in everything["registries"]] == names
    assert "next_page_token" not in everything


async def test_a_filter_and_an_order_reach_the_service() -> None:
    with Simulator() as simulator:
        for name, public in (("a", True), ("b", False), ("c", True)):
            simulator.store.add(name, is_public=public)
        async with served(simulator) as host:
            page = await result_of(host, "list_registries", filter="is_public=true", order_by="name desc")
            everything = await result_of(
                host, "list_registries", filter="is_public=true", order_by="name desc", all_pages=True
            )
    assert [one["name"] for one in page["registries"]] == ["c", "a"]
    assert page == everything


async def test_a_name_is_found_or_not_and_neither_is_an_error() -> None:
    with Simulator() as simulator:
        registry = simulator.store.add("team")
        async with served(simulator) as host:
            found = await result_of(host, "find_registry", name="team")
            missing = await result_of(host, "find_registry", name="tea")
    assert (found["found"], found["registry"]["id"]) == (True, registry.id)
    assert missing == {"found": False}


async def test_operations_are_listed_of_all_of_one_name_and_of_one_registry() -> None:
    with Simulator() as simulator:
        async with served(simulator) as host:
            made = {name: await result_of(host, "create_registry", name=name) for name in ("one", "two")}
            two = made["two"]["operation"]
            everything = await result_of(host, "list_operations")
            by_name = await result_of(host, "list_operations", resource_name="two")
            by_id = await result_of(host, "list_operations", resource_id=two["resource_id"])
            of_registry = await result_of(host, "get_registry_operations", registry_id=two["resource_id"])
            single = await result_of(host, "get_operation", operation_id=two["id"])
            pages = await result_of(host, "list_operations", page_size=1)
    assert [one["resource_name"] for one in everything["operations"]] == ["two", "one"]
    assert by_name == by_id == of_registry == {"operations": [single]}
    assert (single["description"], single["done"]) == ("CreateRegistry", True)
    assert "next_page_token" in pages


async def test_the_id_of_an_operation_may_be_any_printable_text() -> None:
    with Simulator(Switches(opaque_ids=True)) as simulator:
        async with served(simulator) as host:
            operation = (await result_of(host, "create_registry", name="one"))["operation"]
            assert "/" in operation["id"]
            assert (await result_of(host, "get_operation", operation_id=operation["id"]))["done"] is True


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("get_registry", {"registry_id": "team"}, "registry_id is 'team', which is no UUID; the tool find_registry"),
    ("get_registry", {"registry_id": "../registries"}, "which is no UUID"),
    ("get_registry_operations", {"registry_id": f"{UNKNOWN}/x"}, "which is no UUID"),
    ("list_operations", {"resource_id": "1"}, "which is no UUID"),
    ("list_operations", {"resource_name": "Team"}, "the name 'Team' is not possible"),
    ("find_registry", {"name": "a_b"}, "the name 'a_b' is not possible"),
    ("find_registry", {"name": "-a"}, "is not possible"),
    ("find_registry", {"name": "a" * 64}, "is not possible"),
    ("find_registry", {"name": "team\n"}, "is not possible"),
    ("get_operation", {"operation_id": ".."}, "operation_id is '..'"),
    ("get_operation", {"operation_id": "a b"}, "operation_id is 'a b'"),
    ("wait_for_operation", {"operation_id": "ä"}, "operation_id is 'ä'"),
    ("wait_for_operation", {"operation_id": "a", "timeout": 301}, "timeout"),
    ("list_registries", {"page_size": 0}, "page_size"),
    ("list_registries", {"page_size": 101}, "page_size"),
    ("get_docker_login", {}, "give either registry_id or name"),
    ("get_docker_login", {"registry_id": UNKNOWN, "name": "team"}, "give either registry_id or name"),
    ("update_quarantine_mode", {"registry_id": UNKNOWN, "quarantine_mode": "SEVERE"}, "quarantine_mode"),
    ("update_quarantine_mode", {"registry_id": "x", "quarantine_mode": "LOW"}, "which is no UUID"),
    ("update_registry", {"registry_id": "x", "is_public": True}, "which is no UUID"),
    ("update_registry", {"registry_id": UNKNOWN}, "nothing to change"),
    ("update_registry", {"registry_id": UNKNOWN, "retention_days": 366}, "retention_days"),
    ("update_registry", {"registry_id": UNKNOWN, "retention_only_untagged": True}, "belongs to retention_days"),
    ("create_registry", {"name": "Team"}, "the name 'Team' is not possible"),
    ("create_registry", {"name": "team", "registry_type": "HELM"}, "registry_type"),
    ("create_registry", {"name": "team", "retention_days": 0}, "retention_days"),
    ("create_registry", {"name": "team", "upstream": {"url": "https://a.example.com"}}, "upstream is only for"),
    ("create_registry", {"name": "team", "mode": "REMOTE", "upstream": {"url": "ftp://a.example.com"}}, "upstream"),
    ("delete_registry", {"registry_id": "team", "confirm_name": "team"}, "which is no UUID"),
]


@pytest.mark.parametrize(("tool", "arguments", "words"), WRONG)
async def test_what_is_wrong_with_an_argument_is_said_and_nothing_is_sent(
    tool: str, arguments: dict[str, Any], words: str
) -> None:
    with Simulator(Switches(faults=(Fault("*", 500, times=None),))) as simulator:
        async with served(simulator) as host:
            await host.host.health()  # so that the check's own request is over
            before = len(asked(simulator))
            error = await error_of(host, tool, **arguments)
        assert len(asked(simulator)) == before
    assert words in error
    assert "goes on" not in error


@pytest.mark.parametrize("by", ["registry_id", "name"])
async def test_docker_gets_host_user_and_command_but_never_the_secret(by: str) -> None:
    with Simulator() as simulator:
        registry = simulator.store.add("team", is_public=True)
        async with served(simulator) as host:
            wanted = {"registry_id": registry.id, "name": "team"}[by]
            found = await result_of(host, "get_docker_login", **{by: wanted})
    assert found == {
        "host": "team.cr.cloud.ru",
        "username": simulator.key_id,
        "command": 'printf %s "$CLOUD_RU_SECRET" | docker login team.cr.cloud.ru '
        f"--username {simulator.key_id} --password-stdin",
        "image": "team.cr.cloud.ru/<repository>:<tag>",
        "is_public": True,
        "status": "ACTIVE",
    }
    assert simulator.secret not in str(found)


async def test_docker_needs_a_docker_registry_that_is_there() -> None:
    with Simulator() as simulator:
        simulator.store.add("packages", registry_type=RegistryType.RPM)
        async with served(simulator, settings={"registry_domain": "cr.example.com"}) as host:
            of_rpm = await error_of(host, "get_docker_login", name="packages")
            nobody = await error_of(host, "get_docker_login", name="nobody")
    assert of_rpm == "INVALID_INPUT: registry packages holds RPM; docker needs one of type DOCKER"
    assert nobody.startswith("NOT_FOUND: there is no registry nobody in this project")


async def test_the_docker_command_is_safe_to_paste_whatever_the_service_calls_a_registry() -> None:
    with Simulator() as simulator:
        registry = simulator.store.add("team; rm -rf ~")
        async with served(simulator) as host:
            found = await result_of(host, "get_docker_login", registry_id=registry.id)
    assert shlex.split(found["command"])[5:7] == ["login", "team; rm -rf ~.cr.cloud.ru"]
