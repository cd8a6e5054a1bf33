"""One exchange with the API: what is sent, what is sent again, and what each bad answer is called."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import anyio
import pytest

from fuseboard import BackendError, ToolError
from fuseboard_cloudru.api import ArtifactRegistry
from fuseboard_cloudru.errors import (
    BadAnswer,
    CloudruError,
    Conflict,
    Denied,
    KeyRefused,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    RejectedByService,
    Unreachable,
)
from fuseboard_cloudru.models import CreateRegistry, UpdateRegistry
from fuseboard_cloudru.simulator import Fault, Simulator, Switches
from fuseboard_cloudru.simulator.faults import KINDS
from tests.plugins.cloudru.asking import (
    LONG,
    PROJECT,
    QUICK,
    SECRET,
    Reply,
    Says,
    asking,
    settings_of,
    signed_in,
)
from tests.ports import deserted_port

pytestmark = pytest.mark.anyio

ONE = {"id": "1", "name": "app"}
APP = CreateRegistry.of(name="app")


async def test_a_request_says_who_asks_and_wants_json_as_it_is() -> None:
    with anyio.fail_after(LONG), Says(Reply(body=ONE)) as server:
        async with asking(server) as api:
            await api.get_registry("1")
        [got] = server.got
        assert got.path == f"/v1/registries/1?projectId={PROJECT}"
        assert got.headers["accept"] == "application/json"
        assert got.headers["accept-encoding"] == "identity"
        assert got.headers["user-agent"] == "fuseboard-cloudru"
        assert len(got.headers["x-request-id"]) == 36
        assert got.body == b""


async def test_proxies_and_netrc_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with anyio.fail_after(LONG), Says(Reply(body=ONE)) as server:
        async with asking(server) as api:
            await api.get_registry("1")


async def test_a_base_address_with_a_path_keeps_it() -> None:
    with anyio.fail_after(LONG), Says(Reply(body=ONE)) as server:
        async with ArtifactRegistry(settings_of(server, api_url=f"{server.url}/gate/cloud")) as api:
            await api.get_registry("a/b")
        assert server.got[0].path == f"/gate/cloud/v1/registries/a%2Fb?projectId={PROJECT}"


async def test_cookies_are_not_kept() -> None:
    with anyio.fail_after(LONG), Says(Reply(body=ONE, headers={"Set-Cookie": "session=1"})) as server:
        async with asking(server) as api:
            await api.get_registry("1")
            await api.get_registry("1")
        assert "cookie" not in server.got[1].headers


@pytest.mark.parametrize("kind", [502, 503, 504, "reset", "cut", "html"])
async def test_a_read_is_repeated_under_the_same_request_id(kind: Any) -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(Fault("/v1/registries", kind, times=3))
        async with asking(simulator) as api:
            await api.check()
        reads = [entry for entry in simulator.log if entry.method == "GET"]
        assert len(reads) == 4
        assert len({entry.request_id for entry in reads}) == 1


async def test_two_reads_have_two_request_ids() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        async with asking(simulator) as api:
            await api.check()
            await api.check()
        assert len({entry.request_id for entry in simulator.log}) == 3


@pytest.mark.parametrize("kind", [502, 503, 504, "reset", "cut", "html"])
async def test_a_read_that_keeps_failing_is_given_up(kind: Any) -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(Fault("/v1/registries", kind, times=None))
        async with asking(simulator) as api:
            with pytest.raises(Unreachable, match=r"^UNREACHABLE: GET /v1/registries .*try again later$") as caught:
                await api.check()
        assert isinstance(caught.value, BackendError)
        assert len([entry for entry in simulator.log if entry.method == "GET"]) == 4


@pytest.mark.parametrize("kind", [400, 401, 403, 404, 409, 429, 500, "malformed", "huge"])
async def test_a_read_that_a_second_try_would_not_change_is_sent_once(kind: Any) -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(Fault("/v1/registries/*", kind, times=None))
        async with asking(simulator) as api:
            with pytest.raises(CloudruError):
                await api.get_registry("1")
        # A 401 makes a new token first.
        assert len([entry for entry in simulator.log if entry.method == "GET"]) == (2 if kind == 401 else 1)


async def test_a_short_wait_that_the_service_asks_for_is_waited() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(Fault("/v1/registries", 429, times=2, retry_after=0))
        async with asking(simulator) as api:
            await api.check()


@pytest.mark.parametrize(("retry_after", "words"), [("6", "try again in 6 s"), ("soon", "asked too often")])
async def test_a_longer_wait_is_told(retry_after: str, words: str) -> None:
    with anyio.fail_after(LONG), Says(Reply(429, headers={"Retry-After": retry_after})) as server:
        async with asking(server) as api:
            with pytest.raises(RateLimited) as caught:
                await api.check()
        assert words in str(caught.value)
        assert len(server.got) == 1


@pytest.mark.parametrize(
    ("method", "kind"),
    [("POST /v1/registries", kind) for kind in (400, 401, 403, 404, 409, 429)]
    + [("DELETE /v1/registries/*", kind) for kind in (400, 403, 404, 405, 409, 429, 501)]
    + [("PATCH /v1/registries/*", kind) for kind in (400, 403, 404, 405, 409, 429, 501)],
)
async def test_a_refused_write_is_an_error_and_is_not_sent_again(method: str, kind: int) -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        registry = simulator.store.add("old")
        simulator.fail(Fault(method, kind, times=None, retry_after=0))
        async with asking(simulator) as api:
            verb = method.split()[0]
            asked = {
                "POST": partial(api.create_registry, APP),
                "DELETE": partial(api.delete_registry, registry.id),
                "PATCH": partial(api.update_registry, registry.id, UpdateRegistry.of(is_public=True)),
            }
            with pytest.raises(CloudruError, match=rf"answered {kind}") as caught:
                await asked[verb]()
        assert not isinstance(caught.value, OutcomeUnknown)
        assert len([one for one in simulator.log if one.method == verb and "token" not in one.path]) == 1 + (
            kind == 401
        )


async def test_a_write_is_repeated_when_there_was_no_connection() -> None:
    with anyio.fail_after(LONG), deserted_port() as port, Simulator() as iam:
        settings = settings_of(iam, api_url=f"http://127.0.0.1:{port}", limits={"retry_delay": 0.05, "retries": 8})
        async with ArtifactRegistry(settings) as api, anyio.create_task_group() as tasks:
            tasks.start_soon(api.create_registry, APP)
            while not iam.log:
                await anyio.sleep(0.01)
            with Simulator(store=iam.store, port=port) as simulator:
                while not simulator.log or simulator.log[-1].status is None:
                    await anyio.sleep(0.01)
        assert [(entry.method, entry.status) for entry in simulator.log] == [("POST", 200)]


@pytest.mark.parametrize("write", [False, True])
async def test_a_service_that_is_not_there_is_unreachable_and_a_write_then_surely_not_done(write: bool) -> None:
    with anyio.fail_after(LONG), deserted_port() as port, Simulator() as iam:
        async with ArtifactRegistry(settings_of(iam, api_url=f"http://127.0.0.1:{port}")) as api:
            with pytest.raises(
                Unreachable, match=rf"/v1/registries got no answer from 127\.0\.0\.1:{port}: "
            ) as caught:
                await (api.create_registry(APP) if write else api.check())
    assert not caught.value.may_have_acted


@pytest.mark.parametrize("limit", ["read_timeout", "request_timeout"])
async def test_an_answer_that_does_not_come_ends_in_time(limit: str) -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        async with asking(simulator, **{limit: 0.3}) as api:
            await signed_in(api)
            simulator.fail(Fault("/v1/registries", "timeout", times=None))
            begun = time.monotonic()
            with pytest.raises(Unreachable, match=r"GET /v1/registries was not answered in time by 127\.0\.0\.1:"):
                await api.check()
            assert time.monotonic() - begun < QUICK["read_timeout"] / 2, "no other limit than this one has ended it"


async def test_an_answer_by_drops_ends_with_the_time_of_the_request() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(Fault("/v1/registries", "slow", times=None, pause=LONG))
        async with asking(simulator, request_timeout=0.4) as api:
            with pytest.raises(Unreachable, match="was not answered in time"):
                await api.check()


ANSWERS: list[tuple[Reply, type[CloudruError], str]] = [
    (Reply(400, {"code": 3, "message": "bad"}), RejectedByService, 'answered 400, "bad" (request '),
    (Reply(400, {"code": 6, "message": "there"}), Conflict, "there"),
    (Reply(400, {"code": 7}), Denied, "no right"),
    (Reply(400, {"code": 8}), RateLimited, "too often"),
    (Reply(400, {"code": "ALREADY"}), RejectedByService, "answered 400 (request"),
    (Reply(401, {"code": 16}), KeyRefused, "token of this access key is not accepted"),
    (Reply(403, {"error": {"code": 7, "message": "nested"}}), Denied, '"nested"'),
    (Reply(404, b""), NotFound, "list_registries"),
    (Reply(405), RejectedByService, "does not know this route"),
    (Reply(409, {"message": "taken"}), Conflict, "find_registry"),
    (Reply(418, b"teapot"), RejectedByService, "answered 418 (request"),
    (Reply(429), RateLimited, "too often"),
    (Reply(500, {"code": 13, "message": "oh no"}), Unreachable, "oh no"),
    (Reply(501), RejectedByService, "does not know this route"),
    (Reply(500, b"<html>\x1b[31m</html>"), Unreachable, "an HTML page"),
    (Reply(302, headers={"Location": "http://127.0.0.1:1/"}), BadAnswer, "a redirect is not followed"),
    (Reply(304), BadAnswer, "answered 304"),
    (Reply(200, b""), BadAnswer, "with nothing instead of a JSON object"),
    (Reply(204, b""), BadAnswer, "with nothing"),
    (Reply(200, b"<!doctype html>"), BadAnswer, "with an HTML page instead"),
    (Reply(200, b'{"id": "1", "na'), BadAnswer, "with something else instead"),
    (Reply(200, b"[]"), BadAnswer, "with something else instead"),
    (Reply(200, b'{"id": NaN}'), BadAnswer, "with something else instead"),
    (Reply(200, b'{"id": "\xff"}'), BadAnswer, "with something else instead"),
    (Reply(200, b'{"id": "\\ud800", "name": "a"}'), BadAnswer, "with something else instead"),
    (Reply(200, b"[" * 100_000), BadAnswer, "with something else instead"),
    (Reply(200, b" " * (2**20 + 1)), BadAnswer, "answered 200 with more than 1048576 bytes"),
    (Reply(200, b"x", {"Content-Encoding": "gzip"}), BadAnswer, "packed body (gzip)"),
    (Reply(200, {"id": "1"}), BadAnswer, "that is no Registry (name: Field required"),
    (Reply(200, {"id": 1, "name": "a"}), BadAnswer, "that is no Registry (id: "),
]


@pytest.mark.parametrize(("reply", "error", "words"), ANSWERS)
async def test_every_bad_answer_has_a_name_and_says_what_was_asked(
    reply: Reply, error: type[CloudruError], words: str
) -> None:
    with anyio.fail_after(LONG), Says(reply) as server:
        async with asking(server) as api:
            with pytest.raises(error) as caught:
                await api.get_registry("some-id")
    text = str(caught.value)
    assert text.startswith(f"{error.code}: GET /v1/registries/some-id ")
    assert words in text
    assert text.isprintable()
    assert len(text) < 800
    assert isinstance(caught.value, ToolError)
    assert isinstance(caught.value, BackendError) == (error is Unreachable)
    assert SECRET not in text
    assert "token-1" not in text


async def test_the_fields_that_the_service_complains_of_are_in_the_text_and_in_the_facts() -> None:
    violations = [{"field": "name", "description": "is too\nlong"}, {"field": "", "description": "Value error"}]
    details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}, {"HelpLink": "x"}]
    body = {"code": 3, "message": "invalid CreateRegistryRequest", "details": details}
    with anyio.fail_after(LONG), Says(Reply(400, body)) as server:
        async with asking(server) as api:
            with pytest.raises(RejectedByService) as caught:
                await api.create_registry(APP)
    said = '"invalid CreateRegistryRequest; name: is too long; the request: Value error"'
    assert str(caught.value).startswith(f"REJECTED: POST /v1/registries answered 400, {said} (request ")
    facts = caught.value.facts
    assert facts is not None
    assert facts.violations == (("name", "is too long"), ("", "Value error"))
    assert (facts.method, facts.route, facts.status) == ("POST", "/v1/registries", 400)
    assert facts.request_id == server.got[0].headers["x-request-id"]


@pytest.mark.parametrize("quoted", [SECRET, "token-1", f"{SECRET[:3]}\u200b{SECRET[3:]}", f"{'x' * 295}{SECRET}"])
@pytest.mark.parametrize("place", ["message", "field", "description"])
async def test_a_secret_that_the_service_quotes_is_not_passed_on(quoted: str, place: str) -> None:
    violation = {"field": "f", "description": "d", place: quoted}
    body = {"code": 3, "message": quoted if place == "message" else "m", "details": [{"fieldViolations": [violation]}]}
    with anyio.fail_after(LONG), Says(Reply(400, body)) as server:
        async with asking(server) as api:
            with pytest.raises(RejectedByService, match="it quotes a secret") as caught:
                await api.get_registry("1")
    assert quoted[-8:] not in f"{caught.value} {caught.value.facts}"
    assert "x" * 200 not in str(caught.value)


async def test_long_words_are_cut() -> None:
    with anyio.fail_after(LONG), Says(Reply(400, {"message": "w" * 5000})) as server:
        async with asking(server) as api:
            with pytest.raises(RejectedByService) as caught:
                await api.get_registry("1")
    assert "w" * 299 + "…" in str(caught.value)
    assert "w" * 300 not in str(caught.value)


async def test_a_redirect_gets_no_token() -> None:
    with anyio.fail_after(LONG), Says(Reply(body=ONE)) as other:
        for status in (301, 302, 307, 308):
            with Says(Reply(status, headers={"Location": f"{other.url}/v1/registries/1"})) as server:
                async with asking(server) as api:
                    with pytest.raises(BadAnswer):
                        await api.get_registry("1")
        assert other.got == []


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("kind", [*range(400, 405), 409, 418, 429, 500, 501, 502, 503, 504, *KINDS])
async def test_no_fault_of_the_simulator_goes_without_a_name(nested: bool, kind: Any) -> None:
    with anyio.fail_after(LONG), Simulator(Switches(nested_errors=nested)) as simulator:
        simulator.fail(Fault("/v1/*", kind, times=None, pause=0.5))
        async with asking(simulator, read_timeout=0.3, request_timeout=0.5) as api:
            with pytest.raises(CloudruError) as caught:
                await api.get_registry("1")
    assert SECRET not in str(caught.value)
    assert simulator.secret not in str(caught.value)
