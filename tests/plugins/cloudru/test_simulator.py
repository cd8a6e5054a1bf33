"""The rules of the simulated service: tokens, registries, operations, and what it refuses."""

from __future__ import annotations

import base64
import json
import logging
import socket
import time
import uuid
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest

from fuseboard_cloudru.simulator import Clock, Fault, Simulator, Store, Switches, build_app
from tests.plugins.cloudru.simulated import LONG, created, listed, refusal, talking_to, token_of


def test_a_key_pair_becomes_a_token_with_all_eight_fields() -> None:
    with Simulator(clock=Clock(start=1_800_000_000)) as simulator:
        body = {"keyId": simulator.key_id, "secret": simulator.secret}
        answer = httpx2.post(f"{simulator.url}/api/v1/auth/token", json=body, timeout=LONG).json()
    token = answer.pop("access_token")
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["exp"] == 1_800_003_600
    assert 1000 < len(token) < 1600
    assert answer.pop("id_token").count(".") == 2
    assert answer == {
        "refresh_token": "",
        "expires_in": 3600,
        "refresh_expires_in": 0,
        "scopes": ["openid profile email roles"],
        "token_type": "Bearer",
        "not_before": 0,
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"keyId": "KEY", "secret": "wrong"}', (401, 16, "unauthenticated")),
        (b'{"keyId": "wrong", "secret": "SECRET"}', (401, 16, "unauthenticated")),
        (b"{}", (401, 16, "unauthenticated")),
        (b'{"keyId": 5}', (400, 3, "keyId: must be a string")),
        (b"no json", (400, 3, "the body is no JSON")),
        (b"[]", (400, 3, "the body is no JSON object")),
        pytest.param(b"[" * 100_000, (400, 3, "the body is no JSON"), id="deep"),
    ],
)
def test_a_wrong_key_pair_is_refused(body: bytes, expected: tuple[int, int, str]) -> None:
    with Simulator(store=Store(key_id="KEY", secret="SECRET")) as simulator:
        answer = httpx2.post(f"{simulator.url}/api/v1/auth/token", content=body, timeout=LONG)
        assert [entry.authorised for entry in simulator.log] == [False]
    assert refusal(answer) == expected


def test_the_names_of_a_request_may_be_in_snake_case() -> None:
    with Simulator() as simulator:
        body = {"key_id": simulator.key_id, "secret": simulator.secret}
        assert httpx2.post(f"{simulator.url}/api/v1/auth/token", json=body, timeout=LONG).status_code == 200


def test_the_second_door_takes_a_form() -> None:
    with Simulator() as simulator:
        form = {"grant_type": "access_key", "client_id": simulator.key_id, "client_secret": simulator.secret}
        answer = httpx2.post(f"{simulator.url}/auth/system/openid/token", data=form, timeout=LONG).json()
        headers = {"Authorization": f"Bearer {answer['access_token']}"}
        query = {"projectId": simulator.project_id}
        assert (
            httpx2.get(f"{simulator.url}/v1/registries", params=query, headers=headers, timeout=LONG).status_code == 200
        )
    assert answer["expires_in"] == 3600


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "access_key", "client_id": "KEY", "client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password", "client_id": "KEY", "client_secret": "SECRET"}, 400, "unsupported_grant_type"),
        ({"grant_type": "access_key"}, 400, "invalid_request"),
    ],
)
def test_the_second_door_refuses_as_oauth_does(form: dict[str, str], status: int, error: str) -> None:
    with Simulator(store=Store(key_id="KEY", secret="SECRET")) as simulator:
        answer = httpx2.post(f"{simulator.url}/auth/system/openid/token", data=form, timeout=LONG)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"]


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer made-up"}, {"Authorization": "Basic a2V5OnNlY3JldA=="}]
)
def test_nothing_is_answered_without_a_good_token(header: dict[str, str]) -> None:
    with Simulator() as simulator:
        answer = httpx2.get(f"{simulator.url}/v1/registries", headers=header, timeout=LONG)
        assert [entry.authorised for entry in simulator.log] == [False]
    assert refusal(answer) == (401, 16, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_ends_with_its_time_and_when_it_is_revoked() -> None:
    with Simulator(clock=Clock(start=1_800_000_000)) as simulator, talking_to(simulator) as client:
        assert listed(client, simulator) == []
        simulator.clock.advance(3599)
        assert listed(client, simulator) == []
        simulator.clock.advance(1)
        assert refusal(client.get("/v1/registries"))[:2] == (401, 16)
        client.headers["Authorization"] = f"Bearer {token_of(simulator)}"
        assert listed(client, simulator) == []
        simulator.revoke_tokens()
        assert refusal(client.get("/v1/registries"))[:2] == (401, 16)


def test_a_registry_is_created_found_changed_and_deleted_by_operations() -> None:
    with Simulator() as simulator, talking_to(simulator) as client:
        operation = created(client, simulator, "demo", isPublic=True)
        assert "done" not in operation
        assert (operation["resourceName"], operation["description"]) == ("demo", "CreateRegistry")
        assert client.get(f"/v1/operations/{operation['id']}").json()["done"]
        assert client.get(f"/v1/operations/{operation['id']}/more").status_code == 404
        path = f"/v1/registries/{operation['resourceId']}"
        registry = client.get(path).json()
        assert (registry["name"], registry["status"], registry["isPublic"]) == ("demo", "ACTIVE", True)
        assert (
            client.patch(path, json={"isPublic": False, "tariff": "PREMIUM"}).json()["description"] == "UpdateRegistry"
        )
        assert client.get(path).json()["tariff"] == "PREMIUM"
        assert "isPublic" not in client.get(path).json()
        assert client.delete(path).json()["description"] == "DeleteRegistry"
        assert refusal(client.get(path))[:2] == (404, 5)
        assert listed(client, simulator) == []


def test_a_remote_registry_keeps_its_upstream_and_a_policy_its_words() -> None:
    upstream = {"url": "https://registry.example", "loginId": "a", "metadataTtl": 60, "mirror": True}
    policy = {"value": 30, "unit": "d", "action": "DELETE", "constraint": "OLDER_THAN", "on": "LAST_PULLED_AT"}
    with Simulator() as simulator, talking_to(simulator) as client:
        operation = created(
            client,
            simulator,
            "cache",
            registryMode="REGISTRY_MODE_REMOTE",
            upstream=upstream,
            retentionPolicyIsEnabled=True,
            retentionPolicy=policy,
        )
        registry = client.get(f"/v1/registries/{operation['resourceId']}").json()
    assert registry["registryMode"] == "REGISTRY_MODE_REMOTE"
    assert registry["upstream"] == upstream
    assert registry["retentionPolicy"] == policy


POLICY = (
    "invalid {}RegistryRequest.RetentionPolicy: embedded message failed validation | caused by: "
    "invalid RetentionPolicy.Value: value must be inside range [1, 365]"
)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": ""}, "name: must consist of 1 to 63 small letters, digits and inner hyphens"),
        ({"name": "Upper"}, "name: must consist of 1 to 63 small letters, digits and inner hyphens"),
        ({"name": "a" * 64}, "name: must consist of 1 to 63 small letters, digits and inner hyphens"),
        ({"name": "-a"}, "name: must consist of 1 to 63 small letters, digits and inner hyphens"),
        ({"name": "a\n"}, "name: must consist of 1 to 63 small letters, digits and inner hyphens"),
        ({"name": 5}, "name: must be a string"),
        ({"projectId": "5"}, "projectId: must be a UUID"),
        ({"isPublic": "yes"}, "isPublic: must be true or false"),
        ({"registryType": "HELM"}, "registryType: must be one of DOCKER, DEBIAN, RPM, GENERIC, PYPI, NPM"),
        ({"registryType": 6}, "registryType: must be one of DOCKER, DEBIAN, RPM, GENERIC, PYPI, NPM"),
        ({"quarantineMode": "low"}, "quarantineMode: must be one of DISABLED, LOW, MEDIUM, HIGH, CRITICAL"),
        ({"tariff": True}, "tariff: must be one of BASIC, PREMIUM"),
        ({"retentionPolicy": {}}, POLICY.format("Create")),
        ({"retentionPolicy": {"value": 366}}, POLICY.format("Create")),
        ({"retentionPolicy": {"value": 1.5}}, "retentionPolicy.value: must be an integer of 32 bits"),
        ({"retentionPolicy": 30}, "retentionPolicy: must be an object"),
        ({"upstream": {}}, ": Value error, Upstream data cannot be given to a local registry"),
        (
            {"registryMode": "REGISTRY_MODE_REMOTE", "upstream": {}},
            ": Value error, Upstream data needs the URL of the other registry",
        ),
        (
            {"registryMode": "REGISTRY_MODE_REMOTE", "upstream": {"url": "http://a", "artifactTtl": -1}},
            ": Value error, Upstream data has a negative time to live",
        ),
        ({"registryMode": "REGISTRY_MODE_REMOTE"}, ": Value error, Upstream data is required by a remote registry"),
    ],
)
def test_a_registry_with_a_wrong_field_is_not_created(fields: dict[str, object], expected: str) -> None:
    with Simulator() as simulator, talking_to(simulator) as client:
        answer = client.post("/v1/registries", json={"projectId": simulator.project_id, "name": "demo", **fields})
        assert listed(client, simulator) == []
    assert refusal(answer) == (400, 3, expected)


def test_a_retention_value_may_be_written_as_a_string_and_an_enum_as_a_number() -> None:
    with Simulator() as simulator, talking_to(simulator) as client:
        policy = {"value": "365", "only_untagged": True}
        operation = created(client, simulator, "demo", retention_policy=policy, registryType=2, quarantineMode=None)
        registry = client.get(f"/v1/registries/{operation['resourceId']}").json()
    assert registry["retentionPolicy"] == {"value": 365, "onlyUntagged": True}
    assert registry["registryType"] == "RPM"


def test_a_change_is_checked_like_a_create() -> None:
    with Simulator() as simulator, talking_to(simulator) as client:
        path = f"/v1/registries/{simulator.store.add('demo').id}"
        assert refusal(client.patch(path, json={"retentionPolicy": {"value": 0}})) == (400, 3, POLICY.format("Update"))
        assert refusal(client.patch(path, json={"upstream": {"url": "http://a"}}))[:2] == (400, 3)
        assert client.patch(path).status_code == 200


def test_a_name_that_is_taken_another_project_and_what_is_unknown_have_their_own_refusals() -> None:
    nowhere = str(uuid.uuid4())
    with Simulator() as simulator, talking_to(simulator) as client:
        taken = simulator.store.add("taken")
        body = {"projectId": simulator.project_id, "name": "taken"}
        assert refusal(client.post("/v1/registries", json=body))[:2] == (409, 6)
        assert refusal(client.post("/v1/registries", json={**body, "projectId": nowhere}))[:2] == (403, 7)
        for path in ("/v1/registries", "/v1/operations", f"/v1/registries/{taken.id}"):
            assert refusal(client.get(path, params={"projectId": nowhere}))[:2] == (403, 7)
        assert refusal(client.get("/v1/registries")) == (400, 3, "projectId: must be a UUID")
        for path in (f"/v1/registries/{nowhere}", f"/v1/operations/{nowhere}", "/", "/v1/registries/", "/v2"):
            assert refusal(client.get(path))[:2] == (404, 5)
        assert refusal(client.delete(f"/v1/registries/{nowhere}"))[:2] == (404, 5)
        wrong = client.put("/v1/registries")
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["Allow"]) == (405, 12, "GET, POST")


def test_a_registry_that_is_being_deleted_is_neither_changed_nor_deleted_again() -> None:
    with Simulator(Switches(operation_seconds=60)) as simulator, talking_to(simulator) as client:
        path = f"/v1/registries/{simulator.store.add('demo').id}"
        assert client.delete(path).status_code == 200
        assert refusal(client.delete(path))[:2] == (400, 9)
        assert refusal(client.patch(path, json={"isPublic": True}))[:2] == (400, 9)
        assert client.get(path).status_code == 200
        simulator.clock.advance(60)
        assert client.get(path).status_code == 404


def test_a_request_larger_than_a_megabyte_is_refused() -> None:
    with Simulator() as simulator, talking_to(simulator) as client:
        answer = client.post("/v1/registries", content=b" " * 1_000_001)
    assert refusal(answer) == (400, 3, "the body is larger than 1000000 bytes")


@pytest.mark.parametrize("faults", [(), (Fault("*", 500, acts=True, times=1),), (Fault("*", "reset", times=1),)])
def test_who_leaves_in_the_middle_of_a_request_is_no_error_of_the_simulator(
    faults: tuple[Fault, ...], caplog: pytest.LogCaptureFixture
) -> None:
    with Simulator(Switches(faults=faults)) as simulator:
        address = urlsplit(simulator.url)
        with socket.create_connection((address.hostname, address.port), timeout=LONG) as leaving:
            leaving.sendall(b"POST /api/v1/auth/token HTTP/1.1\r\nHost: cloud\r\nContent-Length: 99\r\n\r\n{")
            until = time.monotonic() + LONG
            while not simulator.log and time.monotonic() < until:
                time.sleep(0.01)
        assert token_of(simulator)
    assert simulator.log[0].status is None
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_the_log_has_every_request_in_order_and_no_secret() -> None:
    with Simulator() as simulator, talking_to(simulator) as client:
        client.get("/v1/registries?projectId=1&pageSize=2", headers={"X-Request-ID": "number-7"})
        client.get("/v1/operations/a%2Fb", params={"leaked": simulator.secret})
        log = simulator.log
        assert [(entry.method, entry.path, entry.status) for entry in log] == [
            ("POST", "/api/v1/auth/token", 200),
            ("GET", "/v1/registries", 400),
            ("GET", "/v1/operations/a%2Fb", 404),
        ]
        assert log[1].query == "projectId=1&pageSize=2"
        assert log[1].request_id == "number-7"
        assert all(entry.authorised for entry in log)
        assert simulator.secret not in repr(log)


def test_two_simulators_know_nothing_of_each_other_and_end_at_once() -> None:
    with Simulator() as one, Simulator() as other, talking_to(other) as client:
        one.store.add("mine")
        client.headers["Authorization"] = f"Bearer {token_of(one)}"
        assert client.get("/v1/registries").status_code == 401
    # Nobody listens there, or a stranger who has got the port since and does not know the key.
    with pytest.raises((httpx2.TransportError, KeyError, ValueError)):
        token_of(one)


@pytest.mark.anyio
async def test_the_application_can_be_served_by_others() -> None:
    store = Store(project_id=str(uuid.uuid4()))
    store.add("demo")
    transport = httpx2.ASGITransport(build_app(Switches(faults=(Fault("/v1/registries", "cut", after=1),)), store))
    headers = {"Authorization": f"Bearer {store.tokens.give(60)}"}
    with anyio.fail_after(LONG):
        async with httpx2.AsyncClient(transport=transport, base_url="http://cloud", headers=headers) as client:
            answer = await client.get("/v1/registries", params={"projectId": store.project_id})
            assert [registry["name"] for registry in answer.json()["registries"]] == ["demo"]
            # ASGI has no message that ends a connection: an application fails instead.
            with pytest.raises(ConnectionResetError):
                await client.get("/v1/registries")
