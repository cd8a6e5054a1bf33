"""Signing in: when a token is made, how often, through which door, and what is said when there is none."""

from __future__ import annotations

import json
import logging
from typing import Any
from urllib.parse import parse_qs

import anyio
import httpx2
import pytest

from fuseboard_cloudru.api import ArtifactRegistry
from fuseboard_cloudru.errors import BadAnswer, CloudruError, KeyRefused, NotConfigured, RateLimited, Unreachable
from fuseboard_cloudru.iam import IamAuth, lifetime
from fuseboard_cloudru.models import CreateRegistry
from fuseboard_cloudru.simulator import Clock, Fault, Simulator, Switches
from tests.plugins.cloudru.asking import KEY_ID, LONG, SECRET, Reply, Says, asking, settings_of

pytestmark = pytest.mark.anyio

EMPTY = Reply(body={})
TOKEN_PATH = "/api/v1/auth/token"


def exchanges(simulator: Simulator) -> int:
    return sum("token" in entry.path for entry in simulator.log)


async def test_one_token_serves_many_calls() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        async with asking(simulator) as api:
            for _ in range(3):
                await api.check()
        assert [entry.path for entry in simulator.log] == [TOKEN_PATH, *["/v1/registries"] * 3]
        assert all(entry.authorised for entry in simulator.log)


async def test_many_callers_wait_for_one_exchange() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        async with asking(simulator) as api, anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(api.check)
        assert exchanges(simulator) == 1


async def test_many_callers_whose_token_is_refused_renew_it_once() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        async with asking(simulator) as api:
            await api.check()
            simulator.revoke_tokens()
            async with anyio.create_task_group() as tasks:
                for _ in range(10):
                    tasks.start_soon(api.check)
        assert exchanges(simulator) == 2


async def test_a_wrong_key_is_tried_once_for_all_who_wait() -> None:
    refused: list[str] = []

    async def call(api: ArtifactRegistry) -> None:
        with pytest.raises(KeyRefused) as caught:
            await api.check()
        refused.append(str(caught.value))

    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(Fault(TOKEN_PATH, 401, times=None))
        async with asking(simulator) as api, anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(call, api)
        assert len(refused) == 10
        assert exchanges(simulator) == 1


async def test_the_next_caller_after_a_refusal_asks_anew() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(Fault(TOKEN_PATH, 401))
        async with asking(simulator) as api:
            with pytest.raises(KeyRefused):
                await api.check()
            await api.check()


async def test_a_token_is_used_until_a_minute_before_its_end() -> None:
    clock = Clock(start=1_800_000_000)
    with anyio.fail_after(LONG), Simulator(clock=clock) as simulator:
        async with ArtifactRegistry(settings_of(simulator), clock=clock.now) as api:
            await api.check()
            clock.advance(3539)
            await api.check()
            assert exchanges(simulator) == 1
            clock.advance(2)
            await api.check()
        assert exchanges(simulator) == 2
        assert {entry.status for entry in simulator.log} == {200}


async def test_a_token_that_ends_early_is_renewed_and_the_write_is_done_once() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        async with asking(simulator) as api:
            await api.check()
            simulator.revoke_tokens()
            operation = await api.create_registry(CreateRegistry.of(name="app"))
        assert operation.resource_name == "app"
        assert [entry.status for entry in simulator.log if entry.method == "POST"] == [200, 401, 200, 200]
        ids = {entry.request_id for entry in simulator.log if entry.path == "/v1/registries"}
        assert len(ids) == 2


async def test_a_new_token_that_is_refused_as_well_is_the_end() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(Fault("/v1/registries", 401, times=None))
        async with asking(simulator) as api:
            with pytest.raises(KeyRefused, match=r"^KEY_REFUSED: GET /v1/registries answered 401"):
                await api.check()
        assert [entry.path for entry in simulator.log] == [TOKEN_PATH, "/v1/registries"] * 2


@pytest.mark.parametrize("kind", ["reset", 503])
async def test_a_write_that_was_refused_and_gets_no_new_token_is_surely_not_done(kind: Any) -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        async with asking(simulator) as api:
            await api.check()
            simulator.revoke_tokens()
            simulator.fail(Fault(TOKEN_PATH, kind, times=None))
            with pytest.raises(Unreachable, match=rf"^UNREACHABLE: POST {TOKEN_PATH} ") as caught:
                await api.create_registry(CreateRegistry.of(name="app"))
        assert not caught.value.may_have_acted
        assert [entry.status for entry in simulator.log if entry.path == "/v1/registries"] == [200, 401]


async def test_nobody_but_the_api_gets_a_token() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator, Says(EMPTY) as other:
        auth = IamAuth(settings_of(simulator))
        async with httpx2.AsyncClient(auth=auth, trust_env=False, timeout=LONG) as client:
            await client.get(f"{other.url}/v1/registries")
        assert "authorization" not in other.got[0].headers
        assert simulator.log == []


async def test_the_iam_door_gets_the_pair_as_json() -> None:
    with anyio.fail_after(LONG), Says(EMPTY) as server:
        async with asking(server) as api:
            await api.check()
        [exchange] = server.exchanges
        assert (exchange.method, exchange.path) == ("POST", TOKEN_PATH)
        assert exchange.headers["content-type"] == "application/json"
        assert json.loads(exchange.body) == {"keyId": KEY_ID, "secret": SECRET}
        assert "authorization" not in exchange.headers
        assert exchange.headers["user-agent"] == "fuseboard-cloudru"
        assert exchange.headers["accept-encoding"] == "identity"
        assert server.got[0].headers["authorization"] == "Bearer token-1"


async def test_the_oauth_door_gets_a_form() -> None:
    with anyio.fail_after(LONG), Says(EMPTY) as server:
        async with ArtifactRegistry(settings_of(server, token_door="oauth")) as api:
            await api.check()
        [exchange] = server.exchanges
        assert exchange.path == "/auth/system/openid/token"
        assert exchange.headers["content-type"] == "application/x-www-form-urlencoded"
        form = {"grant_type": ["access_key"], "client_id": [KEY_ID], "client_secret": [SECRET]}
        assert parse_qs(exchange.body.decode()) == form


async def test_both_doors_open_at_the_simulator() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        for door in ("iam", "oauth"):
            async with ArtifactRegistry(settings_of(simulator, token_door=door)) as api:
                await api.check()


@pytest.mark.parametrize("door", ["iam", "oauth"])
async def test_a_wrong_secret_is_named_without_being_shown(door: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = "wrong-s3cret-0123456789"
    with anyio.fail_after(LONG), Simulator() as simulator:
        async with ArtifactRegistry(settings_of(simulator, token_door=door, secret=wrong)) as api:
            with pytest.raises(KeyRefused) as caught:
                await api.check()
            text = f"{caught.value} {caught.value!r} {api!r} {vars(api)} {caplog.text}"
        assert str(caught.value).startswith("KEY_REFUSED: POST /")
        assert "CLOUD_RU_KEY_ID and CLOUD_RU_SECRET" in str(caught.value)
        assert wrong not in text
        assert {entry.path for entry in simulator.log if "token" not in entry.path} == set()


async def test_the_token_is_in_no_log_and_no_representation(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with anyio.fail_after(LONG), Says(EMPTY) as server:
        async with asking(server) as api:
            await api.check()
            shown = f"{vars(api)} {vars(api._client)} {vars(api._client._auth)} {caplog.text}"
    assert "token-1" not in shown
    assert SECRET not in shown


REFUSALS: list[tuple[Reply, type[CloudruError], str]] = [
    (Reply(400, {"code": 3, "message": "bad pair"}), KeyRefused, 'answered 400, "bad pair"'),
    (Reply(401, {"code": 16, "message": "unauthenticated"}), KeyRefused, 'answered 401, "unauthenticated"'),
    (Reply(401, {"error": "invalid_client", "error_description": "unknown"}), KeyRefused, "invalid_client: unknown"),
    (Reply(401, {"error": {"code": 16, "message": "nested"}}), KeyRefused, "nested"),
    (Reply(401, {"message": f"what is {SECRET}?"}), KeyRefused, "it quotes a secret"),
    (Reply(401, {"message": f"what is {SECRET[:4]}\x00{SECRET[4:]}?"}), KeyRefused, "it quotes a secret"),
    (Reply(403, b"<html>no</html>"), KeyRefused, "an HTML page"),
    (Reply(404), BadAnswer, "no tokens are made there, the operator checks iam_url and token_door"),
    (Reply(415), BadAnswer, "no tokens are made there"),
    (Reply(302, headers={"Location": "http://127.0.0.1:1/"}), BadAnswer, "a redirect is not followed"),
    (Reply(429, headers={"Retry-After": "9"}), RateLimited, "try again in 9 s"),
    (Reply(500, {"message": "oh"}), Unreachable, 'answered 500, "oh"'),
    (Reply(200, b"<html>welcome</html>"), BadAnswer, "answered 200 without a token in it"),
    (Reply(200, b""), BadAnswer, "without a token"),
    (Reply(200, []), BadAnswer, "without a token"),
    (Reply(200, {"access_token": None}), BadAnswer, "without a token"),
    (Reply(200, {"access_token": "a\nb"}), BadAnswer, "without a token"),
    (Reply(200, {"access_token": "ä"}), BadAnswer, "without a token"),
    (Reply(200, {"access_token": "x" * 20_000}), BadAnswer, "without a token"),
    (Reply(200, b" " * 70_000), BadAnswer, "more than 65536 bytes"),
    (Reply(200, b"x", {"Content-Encoding": "gzip"}), BadAnswer, "packed body"),
]


@pytest.mark.parametrize(("reply", "error", "words"), REFUSALS)
async def test_what_is_no_token_is_a_named_error_and_nothing_is_asked_with_it(
    reply: Reply, error: type[CloudruError], words: str
) -> None:
    with anyio.fail_after(LONG), Says(EMPTY, tokens=[reply] * 9) as server:
        async with asking(server) as api:
            with pytest.raises(error) as caught:
                await api.create_registry(CreateRegistry.of(name="app"))
        assert words in str(caught.value)
        assert TOKEN_PATH in str(caught.value)
        assert SECRET not in str(caught.value)
        assert not caught.value.may_have_acted
        assert server.got == []
        assert len(server.exchanges) == 1


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_gateway_that_cannot_reach_iam_is_asked_again(status: int) -> None:
    with anyio.fail_after(LONG), Says(EMPTY, tokens=[Reply(status)] * 3) as server:
        async with asking(server) as api:
            await api.check()
        assert len(server.exchanges) == 4
        assert len({exchange.headers["x-request-id"] for exchange in server.exchanges}) == 1


async def test_and_not_for_ever() -> None:
    with anyio.fail_after(LONG), Says(EMPTY, tokens=[Reply(503)] * 9) as server:
        async with asking(server) as api:
            with pytest.raises(Unreachable, match=rf"POST {TOKEN_PATH} answered 503"):
                await api.check()
        assert len(server.exchanges) == 4


async def test_a_write_whose_token_could_not_be_made_is_sent_once_there_is_one() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(Fault(TOKEN_PATH, "reset", times=2))
        async with asking(simulator) as api:
            await api.create_registry(CreateRegistry.of(name="app"))
        assert [entry.path for entry in simulator.log] == [TOKEN_PATH] * 3 + ["/v1/registries"]


async def test_a_caller_that_gives_up_does_not_hold_up_the_next() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(Fault(TOKEN_PATH, "timeout"))
        async with asking(simulator) as api:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(api.check)
                while not exchanges(simulator):
                    await anyio.sleep(0.01)
                tasks.cancel_scope.cancel()
            await api.check()


async def test_short_lived_tokens_are_renewed_and_work() -> None:
    clock = Clock(start=1_800_000_000)
    with anyio.fail_after(LONG), Simulator(Switches(token_seconds=10), clock=clock) as simulator:
        async with ArtifactRegistry(settings_of(simulator), clock=clock.now) as api:
            for _ in range(3):
                await api.check()
                clock.advance(6)
        assert exchanges(simulator) == 3
        assert {entry.status for entry in simulator.log} == {200}


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [(3600, 3540), (120, 60), (100, 50), (10, 5), (60.0, 30), (10**400, 86340), (10**9, 86340)]
    + [(odd, 3540) for odd in (None, 0, -1, "300", True, [])],
)
def test_a_lifetime_is_believed_within_reason(expires_in: Any, seconds: float) -> None:
    assert lifetime(expires_in) == seconds


@pytest.mark.parametrize("name", ["key_id", "secret", "project_id"])
def test_without_all_three_there_is_no_api(name: str) -> None:
    with Says(EMPTY) as server:
        settings = settings_of(server, **{name: None})
    with pytest.raises(NotConfigured, match=rf"^NOT_CONFIGURED: CLOUD_RU_{name.upper()} is not set; the operator"):
        ArtifactRegistry(settings)


def test_all_that_is_missing_is_named_at_once() -> None:
    error = NotConfigured(["CLOUD_RU_KEY_ID", "CLOUD_RU_SECRET"])
    assert str(error).startswith("NOT_CONFIGURED: CLOUD_RU_KEY_ID and CLOUD_RU_SECRET are not set; ")
