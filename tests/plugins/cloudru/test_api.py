"""What the API can do, against the simulator in its many forms."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from fuseboard_cloudru.api import ArtifactRegistry
from fuseboard_cloudru.errors import (
    BadAnswer,
    InvalidInput,
    NotFound,
    RejectedByService,
    Unreachable,
)
from fuseboard_cloudru.models import CreateRegistry, Registry, UpdateRegistry
from fuseboard_cloudru.simulator import Fault, Simulator, Switches
from tests.plugins.cloudru.asking import LONG, PROJECT, Reply, Says, asking, settings_of, writes

pytestmark = pytest.mark.anyio

APP = CreateRegistry.of(name="app")
SWITCHES = [
    Switches(),
    Switches(omit_defaults=False),
    Switches(int_enums=True),
    Switches(int_enums=True, omit_defaults=False),
    Switches(null_lists=True),
    Switches(opaque_ids=True),
    Switches(update_answers="registry"),
    Switches(quarantine_route="own"),
    Switches(quarantine_route="put_own", update_answers="registry"),
    Switches(quarantine_route="put_own", method_status=501),
]


@pytest.mark.parametrize("switches", SWITCHES, ids=repr)
async def test_a_registry_is_made_changed_found_and_deleted_whatever_the_service_s_habits(switches: Switches) -> None:
    wanted = CreateRegistry.of(name="app", is_public=True, quarantine_mode="HIGH", retention_policy={"value": 30})
    with anyio.fail_after(LONG), Simulator(switches) as simulator:
        async with asking(simulator) as api:
            assert (await api.list_registries()).registries == []
            made = await api.create_registry(wanted)
            assert made.id is not None
            assert (made.resource_name, made.done) == ("app", False)
            assert (await api.get_operation(made.id)).done
            registry = await api.get_registry(made.resource_id)
            assert (registry.status, registry.registry_type, registry.is_public) == ("ACTIVE", "DOCKER", True)
            assert wanted.is_done_in(registry)
            assert await api.find_registry("app") == registry
            assert await api.find_registry("ap") is None
            assert (await api.all_registries()).registries == [registry]

            changed = await api.set_quarantine(registry.id, "LOW")
            assert isinstance(changed, Registry) == (switches.update_answers == "registry")
            await api.update_registry(registry.id, UpdateRegistry.of(is_public=False, tariff="PREMIUM"))
            operations = (await api.list_operations(resource_id=registry.id)).operations
            assert all(operation.resource_name == "app" for operation in operations)
            registry = await api.get_registry(registry.id)
            assert (registry.quarantine_mode, registry.is_public, registry.tariff) == ("LOW", False, "PREMIUM")

            assert (await api.delete_registry(registry.id)).description
            assert (await api.list_operations(resource_name="nobody")).operations == []
            assert (await api.all_registries()).registries == []


async def test_runs_of_a_retention_policy_are_listed() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        registry = simulator.store.add("app")
        simulator.store.run_retention(registry)
        async with asking(simulator) as api:
            assert len((await api.retention_runs(registry.id, page_size=5)).operations) == 1


async def test_a_failed_operation_has_its_error() -> None:
    with anyio.fail_after(LONG), Simulator(Switches(failing_operations=True)) as simulator:
        async with asking(simulator) as api:
            made = await api.create_registry(APP)
            operation = await api.get_operation(str(made.id))
    assert operation.done
    assert operation.error is not None
    assert operation.error.code > 0


async def test_every_request_names_the_project() -> None:
    with anyio.fail_after(LONG), Says(Reply(body={"id": "1", "name": "app"})) as server:
        async with asking(server) as api:
            await api.list_registries(7, "t&o=k en", "is_public=true", "created_at desc")
            await api.list_operations("r", "app", 7, "token")
            await api.get_registry("1")
            await api.retention_runs("1")
            await api.delete_registry("1")
            await api.update_registry("1", UpdateRegistry.of(is_public=True))
            await api.get_operation("1")
            await api.create_registry(APP)
        paths = [got.path for got in server.got]
    assert paths == [
        f"/v1/registries?projectId={PROJECT}&pageSize=7&pageToken=t%26o%3Dk+en&filter=is_public%3Dtrue&orderBy=created_at+desc",
        f"/v1/operations?projectId={PROJECT}&pageSize=7&pageToken=token&resourceId=r&resourceName=app",
        f"/v1/registries/1?projectId={PROJECT}",
        f"/v1/registries/1/retention/operations?projectId={PROJECT}",
        f"/v1/registries/1?projectId={PROJECT}",
        f"/v1/registries/1?projectId={PROJECT}",
        "/v1/operations/1",
        "/v1/registries",
    ]
    assert f'"projectId":"{PROJECT}"'.encode() in server.got[-1].body


@pytest.mark.parametrize("value", ["", ".", "..", "a b", "a\n", "ä", "x" * 257, "\ud800"])
async def test_what_can_be_no_id_is_not_sent(value: str) -> None:
    with anyio.fail_after(LONG), Says(Reply()) as server:
        async with asking(server) as api:
            for ask in (api.get_registry, api.delete_registry, api.get_operation, api.retention_runs):
                with pytest.raises(InvalidInput, match=r"_id is '.*'; an id has 1 to 256 printable ASCII characters"):
                    await ask(value)
        assert server.got == []


@pytest.mark.parametrize(
    "arguments",
    [{"page_size": 0}, {"page_size": 101}, {"page_token": "a\n"}, {"filter": "\ud800"}, {"order_by": "x" * 9999}],
)
async def test_a_page_that_cannot_be_asked_for_is_not(arguments: dict[str, Any]) -> None:
    with anyio.fail_after(LONG), Says(Reply()) as server:
        async with asking(server) as api:
            with pytest.raises(InvalidInput):
                await api.list_registries(**arguments)
        assert server.got == []


async def test_all_pages_are_read_and_a_name_ends_the_search() -> None:
    with anyio.fail_after(LONG), Simulator(Switches(page_size_max=3)) as simulator:
        for number in range(8):
            simulator.store.add(f"app-{number}")
        async with asking(simulator) as api:
            found = await api.all_registries()
            assert {registry.name for registry in found.registries} == {f"app-{number}" for number in range(8)}
            assert found.next_page_token == ""
            assert len(simulator.log) == 1 + 3
            first = (await api.list_registries(2)).registries[0].name
            await api.find_registry(first)
            assert len(simulator.log) == 1 + 3 + 2


@pytest.mark.parametrize("bound", [{"limit": 4}, {"pages": 2}])
async def test_a_list_that_is_cut_says_how_to_go_on(bound: dict[str, int]) -> None:
    limits = {"page_size": 2, **({"pages": 2} if "pages" in bound else {})}
    with anyio.fail_after(LONG), Simulator() as simulator:
        for number in range(7):
            simulator.store.add(f"app-{number}")
        async with asking(simulator, **limits) as api:
            found = await api.all_registries(bound.get("limit"))
            assert len(found.registries) == 4
            rest = await api.list_registries(page_token=found.next_page_token)
    assert len({registry.name for page in (found, rest) for registry in page.registries}) == 7


async def test_short_pages_count_as_well() -> None:
    with anyio.fail_after(LONG), Simulator(Switches(page_size_max=1)) as simulator:
        for number in range(5):
            simulator.store.add(f"app-{number}")
        async with asking(simulator, page_size=2, pages=2) as api:
            assert len((await api.all_registries()).registries) == 2


async def test_a_name_beyond_what_is_read_is_not_called_missing() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        for number in range(5):
            simulator.store.add(f"app-{number}")
        async with asking(simulator, page_size=2, pages=2) as api:
            with pytest.raises(BadAnswer, match="nobody is not among the first 4 registries"):
                await api.find_registry("nobody")


@pytest.mark.parametrize("tokens", [["a", "a"], ["a", "b", "a"]])
async def test_pages_that_lead_in_a_circle_are_noticed(tokens: list[str]) -> None:
    pages = [Reply(body={"registries": [], "nextPageToken": token}) for token in tokens]
    with anyio.fail_after(LONG), Says(*pages) as server:
        async with asking(server) as api:
            with pytest.raises(BadAnswer, match="leads back to a page that was read already"):
                await api.all_registries()
        assert len(server.got) == len(tokens)


async def test_a_list_that_takes_too_long_is_given_up() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(Fault("/v1/registries", "timeout", times=None))
        async with asking(simulator, call_timeout=0.3) as api:
            with pytest.raises(Unreachable, match=r"was not read in 0\.3 s"):
                await api.all_registries()


@pytest.mark.parametrize(("route", "first", "later"), [("patch", 1, 1), ("own", 2, 1), ("put_own", 3, 1)])
async def test_the_quarantine_route_that_worked_is_remembered(route: Any, first: int, later: int) -> None:
    with anyio.fail_after(LONG), Simulator(Switches(quarantine_route=route)) as simulator:
        registry = simulator.store.add("app")
        async with asking(simulator) as api:
            await api.set_quarantine(registry.id, "HIGH")
            assert len(writes(simulator)) == first
            await api.set_quarantine(registry.id, "LOW")
            assert len(writes(simulator)) == first + later
            assert (await api.get_registry(registry.id)).quarantine_mode == "LOW"


async def test_a_quarantine_of_a_registry_that_is_not_there_says_so_and_not_that_a_route_is_wrong() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        async with asking(simulator) as api:
            with pytest.raises(NotFound, match=r"^NOT_FOUND: GET /v1/registries/nobody answered 404"):
                await api.set_quarantine("nobody", "HIGH")


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_service_that_knows_no_quarantine_route_is_named_with_the_setting_to_change(status: int) -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        registry = simulator.store.add("app")
        simulator.fail(Fault("P* /v1/registries/*", status, times=None))
        async with asking(simulator) as api:
            with pytest.raises(RejectedByService, match=r"knows none of the routes PATCH .*routes\.set_quarantine$"):
                await api.set_quarantine(registry.id, "HIGH")
        assert len(writes(simulator)) == 3


async def test_an_operator_s_route_is_the_only_one_that_is_tried() -> None:
    corrections = {"set_quarantine": "PUT /v1/registries/{registry_id}/quarantine"}
    with anyio.fail_after(LONG), Simulator(Switches(quarantine_route="put_own")) as simulator:
        registry = simulator.store.add("app")
        async with ArtifactRegistry(settings_of(simulator, routes=corrections)) as api:
            await api.set_quarantine(registry.id, "HIGH")
        assert writes(simulator) == [f"PUT /v1/registries/{registry.id}/quarantine"]


async def test_a_mode_that_does_not_exist_is_not_sent() -> None:
    with anyio.fail_after(LONG), Says(Reply()) as server:
        async with asking(server) as api:
            with pytest.raises(InvalidInput, match="quarantine_mode: Input should be 'DISABLED'"):
                await api.set_quarantine("1", "high")  # type: ignore[arg-type]  # what a caller may do all the same
        assert server.got == []
