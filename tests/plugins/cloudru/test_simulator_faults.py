"""Every fault of the simulated service spoils the answers that it shall, in its way, and no others."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any, get_args

import httpx2
import pytest

from fuseboard_cloudru.simulator import Fault, Simulator, Switches
from fuseboard_cloudru.simulator.faults import FaultKind
from fuseboard_cloudru.simulator.server import LONGEST_STOP
from tests.plugins.cloudru.simulated import LONG, created, listed, refusal, talking_to

CREATE = "POST /v1/registries"
BROKEN: dict[FaultKind, type[Exception]] = {
    "timeout": httpx2.ReadTimeout,
    "reset": httpx2.RemoteProtocolError,
    "cut": httpx2.RemoteProtocolError,
}


def send_create(client: httpx2.Client, simulator: Simulator, patience: float = LONG) -> httpx2.Response:
    return client.post("/v1/registries", json={"projectId": simulator.project_id, "name": "demo"}, timeout=patience)


@pytest.mark.parametrize(
    ("status", "code"), [(401, 16), (403, 7), (404, 5), (409, 6), (429, 8), (500, 13), (502, 2), (503, 14), (504, 4)]
)
def test_a_status_comes_with_its_code_and_nothing_was_done(status: int, code: int) -> None:
    faults = (Fault(CREATE, status, retry_after=7),)
    with Simulator(Switches(faults=faults)) as simulator, talking_to(simulator) as client:
        answer = send_create(client, simulator)
        assert refusal(answer) == (status, code, f"simulated fault {status}")
        assert answer.headers["Retry-After"] == "7"
        assert [(entry.status, entry.fault) for entry in simulator.log] == [(200, ""), (status, str(status))]
        assert listed(client, simulator) == []
        assert send_create(client, simulator).status_code == 200


@pytest.mark.parametrize("acts", [None, False])
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_connection_loses_the_answer_of_what_was_done(kind: FaultKind, acts: bool | None) -> None:
    with Simulator(Switches(faults=(Fault(CREATE, kind, acts=acts),))) as simulator, talking_to(simulator) as client:
        with pytest.raises(BROKEN[kind]) as caught:
            send_create(client, simulator, patience=0.5 if kind == "timeout" else LONG)
        assert ("incomplete" in str(caught.value) or "without sending complete" in str(caught.value)) == (kind == "cut")
        assert listed(client, simulator) == ([] if acts is False else ["demo"])
        assert simulator.log[1].status == (200 if kind == "cut" else None)


@pytest.mark.parametrize(("kind", "begins"), [("reset", b""), ("cut", b"HTTP/1.1 200 OK")])
def test_a_connection_is_broken_when_the_request_is_whole_also_where_nothing_was_done(
    kind: FaultKind, begins: bytes
) -> None:
    """One that is closed while the client still sends is reset, and the client then sees another fault."""
    body = b'{"projectId": "p", "name": "demo"}'
    with (
        Simulator(Switches(faults=(Fault(CREATE, kind, acts=False),))) as simulator,
        socket.create_connection(("127.0.0.1", httpx2.URL(simulator.url).port or 0), timeout=0.2) as connection,
    ):
        connection.sendall(b"POST /v1/registries HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % len(body))
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(LONG)
        connection.sendall(body)
        with connection.makefile("rb") as answer:
            assert answer.read()[: len(begins)] == begins


def test_a_malformed_answer_is_half_of_the_right_one() -> None:
    with Simulator(Switches(faults=(Fault(CREATE, "malformed"),))) as simulator, talking_to(simulator) as client:
        answer = send_create(client, simulator)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
        assert answer.text.startswith('{"id": "')
        with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
            answer.json()
        assert listed(client, simulator) == ["demo"]


def test_a_gateways_error_page_is_html() -> None:
    with Simulator(Switches(faults=(Fault(CREATE, "html"),))) as simulator, talking_to(simulator) as client:
        answer = send_create(client, simulator)
        assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
        assert "<h1>502 Bad Gateway</h1>" in answer.text
        assert listed(client, simulator) == []


def test_a_huge_answer_has_no_end_and_leaves_the_server_well_when_the_client_leaves() -> None:
    with Simulator(Switches(faults=(Fault("/v1/operations", "huge"),))) as simulator, talking_to(simulator) as client:
        received = 0
        with client.stream("GET", "/v1/operations") as answer:
            for chunk in answer.iter_bytes():
                received += len(chunk)
                if received > 5_000_000:
                    break
        assert listed(client, simulator) == []


def test_a_slow_answer_comes_by_single_bytes_and_is_right() -> None:
    with Simulator() as simulator, talking_to(simulator) as client:
        simulator.fail(Fault("/v1/registries", "slow", pause=0.001))
        with client.stream("GET", "/v1/registries", params={"projectId": simulator.project_id}) as answer:
            assert b"".join(answer.iter_raw(1)) == b"{}"


def test_a_token_may_fail_and_the_door_beside_it_not() -> None:
    faults = (Fault("/api/v1/auth/token", 503, times=None),)
    with Simulator(Switches(faults=faults)) as simulator:
        body = {"keyId": simulator.key_id, "secret": simulator.secret}
        form = {"grant_type": "access_key", "client_id": simulator.key_id, "client_secret": simulator.secret}
        for _ in range(3):
            assert httpx2.post(f"{simulator.url}/api/v1/auth/token", json=body, timeout=LONG).status_code == 503
        assert httpx2.post(f"{simulator.url}/auth/system/openid/token", data=form, timeout=LONG).status_code == 200
        simulator.heal()
        assert httpx2.post(f"{simulator.url}/api/v1/auth/token", json=body, timeout=LONG).status_code == 200


def test_a_fault_lets_some_pass_and_ends_after_its_times() -> None:
    with Simulator() as simulator, talking_to(simulator) as client:
        simulator.fail(Fault("GET /v1/registries/*", 500, times=2, after=1))
        simulator.fail(Fault("GET /v1/registries/*", 429, times=1))
        path = f"/v1/registries/{simulator.store.add('demo').id}"
        assert [client.get(path).status_code for _ in range(5)] == [429, 500, 500, 200, 200]
        # Neither another method nor another path counts.
        assert client.patch(path).status_code == 200
        assert listed(client, simulator) == ["demo"]


@pytest.mark.parametrize("kind", ["timeout", "huge", "slow"])
def test_an_answer_that_does_not_end_ends_with_the_simulator(kind: FaultKind) -> None:
    failures: list[Exception] = []

    def ask(url: str) -> None:
        try:
            with httpx2.stream("GET", f"{url}/v1/registries", timeout=9 * LONG) as answer:
                for _ in answer.iter_bytes():
                    pass
        except httpx2.TransportError as error:
            failures.append(error)

    with Simulator(Switches(faults=(Fault("*", kind, pause=LONG),))) as simulator:
        asking = threading.Thread(target=ask, args=[simulator.url], daemon=True)
        asking.start()
        while not simulator.log:
            time.sleep(0.01)
        begun = time.monotonic()
    assert time.monotonic() - begun < LONGEST_STOP / 2
    asking.join(LONG)
    assert not asking.is_alive()
    assert len(failures) == 1


def test_a_create_whose_answer_was_lost_is_found_by_its_name() -> None:
    with Simulator() as simulator, talking_to(simulator) as client:
        simulator.fail(Fault(CREATE, "reset"))
        with pytest.raises(httpx2.RemoteProtocolError):
            send_create(client, simulator)
        assert listed(client, simulator, filter="name=demo") == ["demo"]
        assert refusal(send_create(client, simulator))[:2] == (409, 6)
        assert created(client, simulator, "other")["resourceName"] == "other"


@pytest.mark.parametrize("kind", [200, 600, "broken"])
def test_a_fault_of_no_known_kind_is_refused_at_once(kind: Any) -> None:
    with pytest.raises(ValueError, match=f"{kind} is neither a status from 400 to 599 nor one of timeout, reset"):
        Fault("*", kind)
    assert len(get_args(FaultKind)) == 7
