"""Every switch of the simulated service changes what it says it changes."""

from __future__ import annotations

import json
from typing import Any, Literal
from urllib.parse import quote

import httpx2
import pytest

from fuseboard_cloudru.simulator import Clock, Simulator, Switches
from fuseboard_cloudru.simulator.records import QuarantineMode, RegistryType
from fuseboard_cloudru.simulator.refusal import Code, Refused
from tests.plugins.cloudru.simulated import LONG, created, listed, refusal, talking_to


def one_registry(switches: Switches) -> dict[str, Any]:
    with Simulator(switches) as simulator, talking_to(simulator) as client:
        made = simulator.store.add("demo", quarantine_mode=QuarantineMode.HIGH)
        found: dict[str, Any] = client.get(f"/v1/registries/{made.id}").json()
        return found


def test_defaults_are_left_out_or_written() -> None:
    short, long = one_registry(Switches()), one_registry(Switches(omit_defaults=False))
    assert set(long) - set(short) == {
        "registryType",
        "isPublic",
        "retentionPolicyIsEnabled",
        "retentionPolicy",
        "tariff",
        "upstream",
    }
    assert (long["registryType"], long["isPublic"], long["retentionPolicy"]) == ("DOCKER", False, None)
    with Simulator() as simulator, talking_to(simulator) as client:
        query = {"projectId": simulator.project_id}
        assert client.get("/v1/registries", params=query).json() == {}
        simulator.change(omit_defaults=False)
        assert client.get("/v1/registries", params=query).json() == {"registries": [], "nextPageToken": ""}


def test_enums_are_written_as_numbers() -> None:
    registry = one_registry(Switches(int_enums=True))
    assert (registry["registryMode"], registry["status"], registry["quarantineMode"]) == (1, 1, 3)


@pytest.mark.parametrize("omit_defaults", [True, False])
def test_an_empty_list_is_written_as_null(omit_defaults: bool) -> None:
    switches = Switches(null_lists=True, omit_defaults=omit_defaults)
    with Simulator(switches) as simulator, talking_to(simulator) as client:
        query = {"projectId": simulator.project_id}
        assert client.get("/v1/registries", params=query).json()["registries"] is None
        assert client.get("/v1/operations", params=query).json()["operations"] is None
        simulator.store.add("demo")
        assert len(client.get("/v1/registries", params=query).json()["registries"]) == 1


def test_errors_are_nested() -> None:
    with Simulator(Switches(nested_errors=True)) as simulator:
        answer = httpx2.get(f"{simulator.url}/v1/registries", timeout=LONG)
    assert answer.json() == {"error": {"code": 16, "message": "unauthenticated"}}


def test_opaque_ids_are_found_only_when_they_are_quoted() -> None:
    with Simulator(Switches(opaque_ids=True)) as simulator, talking_to(simulator) as client:
        operation = created(client, simulator, "demo")
        assert "/" in operation["id"]
        assert "?" in operation["id"]
        assert client.get(f"/v1/operations/{quote(operation['id'], safe='')}").json()["id"] == operation["id"]
        assert client.get(f"/v1/operations/{operation['id']}").status_code == 404


def test_a_new_registry_and_its_operation_are_missing_for_a_while() -> None:
    switches = Switches(missing_window=2)
    with Simulator(switches, clock=Clock(start=1_800_000_000)) as simulator, talking_to(simulator) as client:
        operation = created(client, simulator, "demo")
        paths = (f"/v1/operations/{operation['id']}", f"/v1/registries/{operation['resourceId']}")
        assert [client.get(path).status_code for path in paths] == [404, 404]
        assert listed(client, simulator) == []
        body = {"projectId": simulator.project_id, "name": "demo"}
        assert refusal(client.post("/v1/registries", json=body))[:2] == (409, 6)
        simulator.clock.advance(2)
        assert [client.get(path).status_code for path in paths] == [200, 200]
        assert listed(client, simulator) == ["demo"]


def test_an_operation_takes_its_time_and_a_registry_a_little_longer() -> None:
    switches = Switches(operation_seconds=3, activation_seconds=2, omit_defaults=False)
    with Simulator(switches, clock=Clock(start=1_800_000_000)) as simulator, talking_to(simulator) as client:
        operation = created(client, simulator, "demo")

        def state() -> tuple[bool, str]:
            done = client.get(f"/v1/operations/{operation['id']}").json()["done"]
            return done, client.get(f"/v1/registries/{operation['resourceId']}").json()["status"]

        assert state() == (False, "CREATING")
        simulator.clock.advance(2.9)
        assert state() == (False, "CREATING")
        simulator.clock.advance(0.1)
        assert state() == (True, "CREATING")
        simulator.clock.advance(2)
        assert state() == (True, "ACTIVE")
        found = client.get(f"/v1/operations/{operation['id']}").json()
    assert (operation["createdAt"], found["updatedAt"]) == (
        "2027-01-15T08:00:00.000000Z",
        "2027-01-15T08:00:03.000000Z",
    )


def test_failing_operations_change_nothing_and_say_why() -> None:
    with Simulator(Switches(failing_operations=True)) as simulator, talking_to(simulator) as client:
        path = f"/v1/registries/{simulator.store.add('old').id}"
        begun = [created(client, simulator, "new"), client.patch(path, json={"isPublic": True}).json()]
        begun.append(client.delete(path).json())
        ended = [client.get(f"/v1/operations/{operation['id']}").json() for operation in begun]
        assert [operation["error"]["code"] for operation in ended] == [13, 13, 13]
        assert ended[0]["error"]["message"] == "CreateRegistry of new failed"
        assert all(operation["done"] for operation in ended)
        assert client.get(f"/v1/registries/{begun[0]['resourceId']}").json()["status"] == "ERROR"
        assert client.get(path).json()["status"] == "ACTIVE"
        assert "isPublic" not in client.get(path).json()
        # A deletion that failed is over: the registry can be changed again.
        assert client.patch(path, json={"isPublic": True}).status_code == 200


def test_an_update_answers_with_the_registry_as_it_is_then() -> None:
    with Simulator(Switches(update_answers="registry")) as simulator, talking_to(simulator) as client:
        path = f"/v1/registries/{simulator.store.add('demo').id}"
        answer = client.patch(path, json={"quarantineMode": "HIGH"}).json()
        assert (answer["name"], answer["quarantineMode"]) == ("demo", "HIGH")
        assert client.get(path).json() == answer


@pytest.mark.parametrize(
    ("route", "statuses"),
    [("patch", (200, 404, 404)), ("own", (405, 200, 405)), ("put_own", (405, 405, 200))],
)
def test_one_of_three_routes_takes_a_quarantine_mode(
    route: Literal["patch", "own", "put_own"], statuses: tuple[int, int, int]
) -> None:
    body = {"quarantineMode": "CRITICAL"}
    with Simulator(Switches(quarantine_route=route)) as simulator, talking_to(simulator) as client:
        path = f"/v1/registries/{simulator.store.add('demo').id}"
        tried = [client.patch(path, json=body), client.patch(f"{path}/quarantine", json=body)]
        tried.append(client.put(f"{path}/quarantine", json=body))
        assert tuple(answer.status_code for answer in tried) == statuses
        assert client.get(path).json()["quarantineMode"] == "CRITICAL"
        # The other fields are changed where they always are.
        assert client.patch(path, json={"isPublic": True}).status_code == 200


def test_a_wrong_method_may_be_unimplemented() -> None:
    with Simulator(Switches(method_status=501)) as simulator, talking_to(simulator) as client:
        assert refusal(client.put("/v1/registries"))[:2] == (501, 12)


def test_the_routes_of_2025_exist_only_when_they_are_wanted() -> None:
    with Simulator() as simulator, talking_to(simulator) as client:
        registry, project = simulator.store.add("demo"), f"/v1/projects/{simulator.project_id}"
        run = simulator.store.run_retention(registry)
        one, runs = f"{project}/registries/{registry.id}", f"/v1/projects/registry/{registry.id}/retention/operations"
        quarantine, query = f"{project}/registry/{registry.id}/quarantine", {"projectId": simulator.project_id}
        assert client.get(f"{project}/registries").status_code == 404
        assert client.put(quarantine, json={"quarantineMode": "LOW"}).status_code == 404
        simulator.change(legacy_routes=True)
        assert [found["name"] for found in client.get(f"{project}/registries").json()["registries"]] == ["demo"]
        assert client.get(one).json()["id"] == registry.id
        assert client.put(quarantine, json={"quarantineMode": "LOW"}).json()["quarantineMode"] == "LOW"
        assert [found["id"] for found in client.get(runs, params=query).json()["operations"]] == [run.id]
        assert client.post(f"{project}/registries", json={"name": "new"}).json()["description"] == "CreateRegistry"
        assert client.delete(one).json()["description"] == "DeleteRegistry"
        assert client.get(one).status_code == 404


def test_a_token_lives_as_long_as_it_shall() -> None:
    with Simulator(Switches(token_seconds=10)) as simulator, talking_to(simulator) as client:
        body = {"keyId": simulator.key_id, "secret": simulator.secret}
        assert client.post("/api/v1/auth/token", json=body).json()["expires_in"] == 10
        simulator.clock.advance(11)
        assert client.get("/v1/registries").status_code == 401


def test_a_page_is_never_longer_than_it_may_be() -> None:
    with Simulator(Switches(page_size_max=2)) as simulator, talking_to(simulator) as client:
        for name in "abcde":
            simulator.store.add(name)
        query = {"projectId": simulator.project_id}
        first = client.get("/v1/registries", params={**query, "pageSize": 50}).json()
        assert [registry["name"] for registry in first["registries"]] == ["a", "b"]
        # The size may change on the way, the list may not.
        token = {"pageToken": first["nextPageToken"]}
        assert listed(client, simulator, pageSize=1, **token) == ["c"]
        other = client.get("/v1/registries", params={**query, **token, "filter": "is_public=true"})
        assert refusal(other) == (400, 3, "pageToken: is not a token of this list")
        seen, page = [], first
        while page.get("nextPageToken"):
            page = client.get("/v1/registries", params={**query, "pageToken": page["nextPageToken"]}).json()
            seen += [registry["name"] for registry in page["registries"]]
        assert seen == ["c", "d", "e"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["b", "a", "c"]),
        ({"filter": "is_public=true"}, ["a"]),
        ({"filter": "name=c"}, ["c"]),
        ({"filter": 'registry_type=DOCKER AND name="b"'}, ["b"]),
        ({"orderBy": "name"}, ["a", "b", "c"]),
        ({"orderBy": "created_at desc"}, ["c", "a", "b"]),
        ({"orderBy": "updated_at asc, name desc"}, ["b", "a", "c"]),
        ({"pageSize": 0}, ["b", "a", "c"]),
    ],
)
def test_registries_are_filtered_and_ordered(query: dict[str, Any], names: list[str]) -> None:
    with Simulator(clock=Clock(start=1_800_000_000)) as simulator, talking_to(simulator) as client:
        for name, fields in {"b": {}, "a": {"is_public": True}, "c": {"registry_type": RegistryType.NPM}}.items():
            simulator.store.add(name, **fields)
            simulator.clock.advance(1)
        assert listed(client, simulator, **query) == names


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"filter": "isPublic=true"}, "filter"),
        ({"filter": "name"}, "filter"),
        ({"orderBy": "size"}, "orderBy"),
        ({"orderBy": "name down"}, "orderBy"),
        ({"pageSize": "-1"}, "pageSize"),
        ({"pageSize": "ten"}, "pageSize"),
        ({"pageSize": "9999999999"}, "pageSize"),
        ({"pageToken": "made-up"}, "pageToken"),
    ],
)
def test_a_list_that_is_asked_for_wrongly_is_refused(query: dict[str, str], field: str) -> None:
    with Simulator() as simulator, talking_to(simulator) as client:
        answer = client.get("/v1/registries", params={"projectId": simulator.project_id, **query})
    assert refusal(answer)[2].startswith(f"{field}: ")


def test_operations_are_listed_newest_first_and_by_what_they_are_about() -> None:
    with Simulator() as simulator, talking_to(simulator) as client:
        one, two = created(client, simulator, "one"), created(client, simulator, "two")

        def found(**query: str) -> list[str]:
            answer = client.get("/v1/operations", params={"projectId": simulator.project_id, **query}).json()
            return [operation["id"] for operation in answer.get("operations", [])]

        assert found() == [two["id"], one["id"]]
        assert found(resourceId=one["resourceId"]) == [one["id"]]
        assert found(resourceName="two") == [two["id"]]
        assert found(resourceName="three") == []
        assert found(pageSize="1") == [two["id"]]


def test_retention_runs_have_a_history_of_their_own() -> None:
    failure = Refused(Code.INTERNAL, "no room").as_message()
    with Simulator() as simulator, talking_to(simulator) as client:
        registry = simulator.store.add("demo")
        runs = [simulator.store.run_retention(registry), simulator.store.run_retention(registry, failure)]
        answer = client.get(f"/v1/registries/{registry.id}/retention/operations").json()
        assert [run["id"] for run in answer["operations"]] == [runs[1].id, runs[0].id]
        assert answer["operations"][0]["error"] == {"code": 13, "message": "no room"}
        assert client.get("/v1/operations", params={"projectId": simulator.project_id}).json() == {}


def test_the_document_is_valid_json_and_needs_no_token() -> None:
    with Simulator() as simulator:
        answer = httpx2.get(f"{simulator.url}/openapi.json", timeout=LONG)
    assert json.loads(answer.text)["openapi"].startswith("3.1")
