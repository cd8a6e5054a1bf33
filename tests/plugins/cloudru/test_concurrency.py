"""Many callers at once: one exchange for a token, no caller holds another, and a stop in the middle leaves nothing."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import Any

import anyio
import anyio.lowlevel
import pytest

import fuseboard_cloudru
from fuseboard import Caller, hookimpl
from fuseboard.host import Host
from fuseboard.settings import HostSettings
from fuseboard.testing import PluginHost
from fuseboard_cloudru.api import ArtifactRegistry
from fuseboard_cloudru.config import CloudruSettings
from fuseboard_cloudru.errors import CloudruError
from fuseboard_cloudru.simulator import Fault, Simulator
from tests.plugins.cloudru.proof import QUICK, Answers, Got, Reply, asking, section, text_of
from tests.plugins.cloudru.served import PATIENT

pytestmark = pytest.mark.anyio

LONG = 60
TOKENS = "/api/v1/auth/token"
MANY = 30


def _api(simulator: Simulator, **limits: Any) -> ArtifactRegistry:
    return ArtifactRegistry(CloudruSettings.model_validate(section(simulator, limits=QUICK | limits)))


def _paths(simulator: Simulator) -> Counter[str]:
    return Counter(entry.path for entry in simulator.log)


async def _all(*calls: Any) -> list[Any]:
    """What came of each call, in its place: the result, or the error."""
    ends: list[Any] = [None] * len(calls)

    async def one(place: int, call: Any) -> None:
        try:
            ends[place] = await call()
        except CloudruError as error:
            ends[place] = error

    async with anyio.create_task_group() as group:
        for place, call in enumerate(calls):
            group.start_soon(one, place, call)
    return ends


async def test_thirty_calls_on_a_cold_plugin_make_one_token() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        there = simulator.store.add("there").id
        async with asking(simulator) as asked:
            results = []

            async def call() -> None:
                results.append(await asked.result("get_registry", registry_id=there))

            async with anyio.create_task_group() as group:
                for _ in range(MANY):
                    group.start_soon(call)
        assert [result["id"] for result in results] == [there] * MANY
        assert _paths(simulator)[TOKENS] == 1


@pytest.mark.parametrize("end", ["revoked", "expired"])
async def test_a_token_that_ends_in_the_middle_of_many_calls_is_renewed_once(end: str) -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        there = simulator.store.add("there").id
        async with _api(simulator, connections=8) as api:
            await api.check()

            async def call() -> Any:
                return await api.get_registry(there)

            async def spoil() -> None:
                # A third of them has an answer, the others are on their way or wait for a connection.
                while _paths(simulator)[f"/v1/registries/{there}"] < MANY // 3:
                    await anyio.lowlevel.checkpoint()
                if end == "revoked":
                    simulator.revoke_tokens()
                else:
                    simulator.clock.advance(3601)

            ends = await _all(*[call] * MANY, spoil)
        assert [one.id for one in ends[:MANY]] == [there] * MANY
        assert _paths(simulator)[TOKENS] == 2
        served = Counter(entry.request_id for entry in simulator.log if entry.status == 200)
        assert set(served.values()) == {1}


@pytest.mark.parametrize("kind", [401, 429, 500])
async def test_a_crowd_before_a_closed_token_door_knocks_once(kind: Any) -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(Fault(TOKENS, kind, times=None))
        async with _api(simulator) as api:
            ends = await _all(*[api.check] * MANY)
        assert {type(end).__name__ for end in ends} <= {"KeyRefused", "RateLimited", "Unreachable"}
        assert len({id(end) for end in ends}) == MANY, "each caller has an error of its own"
        assert _paths(simulator) == {TOKENS: 1}


async def test_a_caller_who_gives_up_in_the_middle_of_an_exchange_leaves_the_door_to_the_others() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(Fault(TOKENS, "timeout"))
        async with _api(simulator) as api, anyio.create_task_group() as group:
            first = anyio.CancelScope()

            async def hasty() -> None:
                with first:
                    await api.check()

            group.start_soon(hasty)
            while _paths(simulator)[TOKENS] == 0:
                await anyio.lowlevel.checkpoint()

            async def give_up() -> None:
                first.cancel()

            # The others begin to wait for the exchange of the first one before that one gives up.
            ends = await _all(*[api.check] * 5, give_up)
        assert ends == [None] * 6
        assert first.cancelled_caught
        assert _paths(simulator)[TOKENS] == 2


async def test_a_caller_who_gives_up_in_the_middle_of_a_write_does_not_send_it_again() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(Fault("POST /v1/registries", "timeout"))
        async with asking(simulator) as asked:
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(asked.call, "create_registry", {"name": "made"})
                    while _paths(simulator)["/v1/registries"] == 0 or not simulator.store.registries():
                        await anyio.lowlevel.checkpoint()
                    scope.cancel()
            assert (await asked.result("find_registry", name="made"))["found"] is True
        assert Counter(entry.method for entry in simulator.log if entry.path == "/v1/registries")["POST"] == 1


async def test_a_plugin_that_stops_with_calls_under_way_ends_them_and_leaves_no_thread() -> None:
    with Simulator() as simulator:
        simulator.fail(Fault("/v1/operations", "timeout", times=None))
        settings = HostSettings(plugins={"cloudru": section(simulator, limits=QUICK)}, fuses={"cloudru": PATIENT})
        caller = Caller(surface="test")
        with anyio.fail_after(LONG):
            async with Host(settings, plugins={"cloudru": fuseboard_cloudru}) as host:
                await host.settled()
                calls = [
                    asyncio.ensure_future(host.dispatcher.call_tool("cloudru_list_operations", {}, caller))
                    for _ in range(5)
                ]
                while _paths(simulator)["/v1/operations"] < 5:
                    await anyio.lowlevel.checkpoint()
            ends = await asyncio.gather(*calls)
        assert [end["isError"] for end in ends] == [True] * 5
        # Only the plugin's own: threads that the interpreter keeps for later belong to nobody.
        own = [thread for thread in threading.enumerate() if thread.name == "fuseboard-cloudru"]
        for thread in own:
            thread.join(LONG)
        assert [thread for thread in own if thread.is_alive()] == []
        assert _paths(simulator)["/v1/operations"] == 5, "none is sent again on the way out"


class Neighbour:
    """Another plugin in the same host."""

    @hookimpl
    def register_tools(self, register: Any) -> None:
        """One tool, which needs nobody."""
        register(hello)


async def hello() -> str:
    """Say hello."""
    return "hello"


async def test_an_api_that_never_answers_does_not_hold_the_neighbours() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(Fault("/v1/*", "timeout", times=None))
        settings = section(simulator, limits=QUICK | {"read_timeout": LONG, "request_timeout": LONG})
        plugins = {"cloudru": fuseboard_cloudru, "neighbour": Neighbour()}
        async with (
            PluginHost(plugins, name="cloudru", settings=settings, fuse=PATIENT) as host,
            anyio.create_task_group() as group,
        ):
            for _ in range(40):
                group.start_soon(host.call_tool, "cloudru_list_operations")
            while _paths(simulator)["/v1/operations"] < 8:
                await anyio.lowlevel.checkpoint()
            with anyio.fail_after(LONG / 3):
                for _ in range(20):
                    assert text_of(await host.call_tool("neighbour_hello")) == "hello"
            group.cancel_scope.cancel()


async def test_one_slow_question_does_not_hold_the_other_questions() -> None:
    release = threading.Event()

    def answer(got: Got) -> Reply:
        if "operations" in got.path:
            release.wait(LONG)
        return Reply()

    with anyio.fail_after(LONG), Answers(answer) as service:
        async with asking(service) as asked, anyio.create_task_group() as group:
            group.start_soon(asked.call, "list_operations")
            for _ in range(5):
                assert await asked.result("list_registries") == {"registries": []}
            release.set()


async def test_a_dead_service_blows_the_fuse_and_a_wrong_question_does_not() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        settings = section(simulator, limits=QUICK)
        fuse = PATIENT.model_copy(update={"fault_threshold": 3, "cool_down": 10})
        async with PluginHost(fuseboard_cloudru, name="cloudru", settings=settings, fuse=fuse) as host:
            for _ in range(5):
                unknown = {"registry_id": "00000000-0000-4000-8000-000000000000"}
                assert text_of(await host.call_tool("cloudru_get_registry", unknown)).startswith("NOT_FOUND: ")
            for status in (401, 403, 409, 429):
                simulator.fail(Fault("/v1/operations", status, times=4))
                await host.call_tool("cloudru_list_operations")
                simulator.heal()
            simulator.fail(Fault("/v1/operations", 500, times=None))
            for _ in range(3):
                assert text_of(await host.call_tool("cloudru_list_operations")).startswith("UNREACHABLE: ")
            asked = _paths(simulator)["/v1/operations"]
            refused = text_of(await host.call_tool("cloudru_list_operations"))
            assert "UNREACHABLE" in refused
            assert not refused.startswith("UNREACHABLE: "), "the host answers, without asking"
            assert _paths(simulator)["/v1/operations"] == asked
