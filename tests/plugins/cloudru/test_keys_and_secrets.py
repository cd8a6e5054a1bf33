"""Keys that are wrong and tokens that end: no tool stops for a token that can be renewed, none tells a secret."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import anyio
import pytest

from fuseboard_cloudru.api import ArtifactRegistry
from fuseboard_cloudru.config import CloudruSettings
from fuseboard_cloudru.errors import CloudruError, KeyRefused
from fuseboard_cloudru.simulator import Fault, Simulator, Switches
from tests.plugins.cloudru.proof import UNKNOWN_ID, Answers, Got, Reply, asking, section, text_of
from tests.plugins.cloudru.test_faults import READS, TOKENS, WRITES, World, all_at_once

pytestmark = pytest.mark.anyio

LONG = 60


@pytest.mark.parametrize("door", ["iam", "oauth"])
@pytest.mark.parametrize("wrong", ["key_id", "secret"])
async def test_every_tool_says_that_the_key_is_wrong_and_asks_the_api_nothing(
    door: str, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with anyio.fail_after(LONG), Simulator() as simulator:
        world = World(simulator)
        async with asking(simulator, token_door=door, **{wrong: "wrong-wrong-wrong"}) as asked:
            results = await all_at_once(asked, world, READS | WRITES)
            row = asked.host.row()
        for tool, result in results.items():
            text = text_of(result)
            assert text.startswith("KEY_REFUSED: POST "), f"{tool}: {text}"
            assert "CLOUD_RU_KEY_ID" in text
            assert "wrong-wrong-wrong" not in text
        assert row.state in ("active", "degraded"), "a wrong key is no fault of the service"
        assert {entry.path for entry in simulator.log} <= {TOKENS, "/auth/system/openid/token"}
        world.assert_tells_nothing(caplog.text)
        assert wrong == "key_id" or "wrong-wrong-wrong" not in caplog.text


@pytest.mark.parametrize("end", ["expired", "revoked"])
async def test_a_token_that_ended_at_the_service_is_renewed_once_for_all_and_every_tool_works(end: str) -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        world = World(simulator)
        async with asking(simulator) as asked:
            await asked.result("list_registries")
            if end == "expired":
                simulator.clock.advance(3601)
            else:
                simulator.revoke_tokens()
            begin = len(simulator.log)
            results = await all_at_once(asked, world, READS | WRITES)
        assert [text_of(result) for result in results.values() if result.is_error] == []
        log = simulator.log[begin:]
        assert len([entry for entry in log if entry.path == TOKENS]) == 1
        # What was refused comes again with the same number, and what was not refused does not come again.
        served = [entry.request_id for entry in log if entry.status == 200]
        assert len(served) == len(set(served))
        assert {entry.request_id for entry in log if entry.status == 401} < set(served)


async def test_a_token_that_ends_and_cannot_be_renewed_sends_no_write() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        world = World(simulator)
        async with asking(simulator) as asked:
            await asked.result("list_registries")
            simulator.revoke_tokens()
            simulator.fail(Fault(TOKENS, 401, times=None))
            results = await all_at_once(asked, world, READS | WRITES)
        assert {text_of(result).partition(":")[0] for result in results.values()} == {"KEY_REFUSED"}
        assert world.writes() == []
        assert len(simulator.store.registries()) == 4


async def test_an_api_that_refuses_every_token_is_asked_twice_and_no_more() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(Fault("/v1/*", 401, times=None))
        # Not in a host, whose health check asks as well.
        async with ArtifactRegistry(CloudruSettings.model_validate(section(simulator))) as api:
            with pytest.raises(KeyRefused, match=r"^KEY_REFUSED: GET /v1/registries answered 401"):
                await api.check()
        assert [(entry.path, entry.status) for entry in simulator.log] == [
            (TOKENS, 200),
            ("/v1/registries", 401),
            (TOKENS, 200),
            ("/v1/registries", 401),
        ]


async def test_a_token_is_used_until_shortly_before_its_end_and_then_exchanged_before_it_is_refused() -> None:
    clock = [0.0]
    with anyio.fail_after(LONG), Simulator(Switches(token_seconds=600)) as simulator:
        settings = CloudruSettings.model_validate(section(simulator))
        async with ArtifactRegistry(settings, clock=lambda: clock[0]) as api:
            for now in (0.0, 530.0, 545.0, 1080.0, 1090.0):
                simulator.clock.advance(now - clock[0])
                clock[0] = now
                await api.check()
        log = [(entry.path == TOKENS, entry.status) for entry in simulator.log]
    assert log == [
        (True, 200),
        (False, 200),
        (False, 200),
        (True, 200),
        (False, 200),
        (False, 200),
        (True, 200),
        (False, 200),
    ]


async def test_no_object_shows_a_secret_or_a_token() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        world = World(simulator)
        settings = CloudruSettings.model_validate(section(simulator))
        async with ArtifactRegistry(settings) as api:
            await api.check()
            simulator.fail(Fault("/v1/*", 500, times=None))
            things: list[Any] = [settings, settings.limits]
            with suppress(CloudruError):
                await api.check()
            try:
                await api.get_registry(world.ids["read"])
            except CloudruError as error:
                things += [error, error.facts, error.__cause__, error.__context__]
            things += _all_within(api)
            assert len(things) > 20
            for thing in things:
                world.assert_tells_nothing(f"{thing!r} {thing} {[thing]!r}")
            world.assert_tells_nothing(settings.model_dump_json() + str(settings.model_dump()))


def _all_within(thing: Any, depth: int = 4) -> list[Any]:
    """An object of the plugin and every such object that it holds."""
    if depth == 0 or not type(thing).__module__.startswith("fuseboard_cloudru"):
        return []
    names = list(getattr(thing, "__dict__", {})) + list(getattr(type(thing), "__slots__", ()))
    found = [thing]
    for name in names:
        value = getattr(thing, name)
        # The two places where it has to be; everything around them is looked at.
        if isinstance(value, str) and (type(thing).__name__, name) == ("_Token", "value"):
            continue
        found += _all_within(value, depth - 1) or [value]
    return found


@pytest.mark.parametrize("status", [400, 403, 500])
@pytest.mark.parametrize("quoted", ["{secret}", "Bearer {token}", "it was {secret}!", "{split}", "nothing"])
async def test_an_error_that_quotes_a_secret_is_not_passed_on(status: int, quoted: str) -> None:
    """Some gateways quote the header that they do not like."""

    def quote(got: Got) -> Reply:
        token = got.headers["authorization"].partition(" ")[2]
        words = quoted.format(secret=service.secret, token=token, split="\u200b".join(service.secret))
        return Reply(status, {"code": 3, "message": words})

    with anyio.fail_after(LONG), Answers(quote) as service:
        async with asking(service) as asked:
            results = await all_at_once(asked, SOME, READS | WRITES)
        for result in results.values():
            text = text_of(result)
            assert result.is_error
            assert service.secret not in text
            assert "token-1" not in text
            assert (', "nothing"' in text) == (quoted == "nothing")


async def test_a_token_that_was_renewed_meanwhile_is_as_secret_as_the_new_one() -> None:
    """The late answer to an old request quotes the token of that request, after another caller has got a new one."""
    held, release = threading.Event(), threading.Event()

    def answer(got: Got) -> Reply:
        token = got.headers["authorization"].partition(" ")[2]
        if "operations" in got.path:
            held.set()
            release.wait(LONG)
            return Reply(403, {"code": 7, "message": f"{token} has no right"})
        return Reply(401 if token == "token-1" and held.is_set() else 200, {"registries": []})

    with anyio.fail_after(LONG), Answers(answer) as service:
        async with asking(service) as asked:
            await asked.result("list_registries")
            texts: list[str] = []

            async def late() -> None:
                texts.append(await asked.error("list_operations"))

            async with anyio.create_task_group() as group:
                group.start_soon(late)
                await anyio.to_thread.run_sync(held.wait, LONG)
                await asked.result("list_registries")
                release.set()
        assert len(service.exchanges) == 2
    assert texts[0].startswith("DENIED: ")
    assert "token-1" not in texts[0]


class Named:
    """Ids that nobody knows, for a server that does not look at them."""

    def filled(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments with an id in every place."""
        return {name: UNKNOWN_ID if "{" in str(value) else value for name, value in arguments.items()}


SOME = Named()
