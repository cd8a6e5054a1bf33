"""Following an operation: with the simulator's clock as the time, so that minutes pass at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from fuseboard import BackendError
from fuseboard_cloudru import following
from fuseboard_cloudru.api import ArtifactRegistry
from fuseboard_cloudru.config import CloudruSettings
from fuseboard_cloudru.errors import Denied, NotFound, OperationFailed, Unreachable
from fuseboard_cloudru.following import GRACE, LONGEST_PAUSE, Followed, Leaves, Timer, follow
from fuseboard_cloudru.models import CreateRegistry, Operation
from fuseboard_cloudru.simulator import Clock, Fault, Simulator, Switches
from fuseboard_cloudru.simulator.records import RegistryStatus
from tests.plugins.cloudru.served import LONG, asked, section

pytestmark = pytest.mark.anyio

NEW = CreateRegistry(name="fresh")


class Watch:
    """An API with a simulator behind it whose time stands still until somebody sleeps, and what is told meanwhile."""

    def __init__(self, simulator: Simulator, api: ArtifactRegistry) -> None:
        self.simulator = simulator
        self.api = api
        self.told: list[tuple[float, float | None, str | None]] = []
        self.pauses: list[float] = []

    async def tell(self, done: float, total: float | None, message: str | None) -> None:
        self.told.append((round(done, 6), total, message))

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.simulator.clock.advance(seconds)

    async def follow(self, operation: Operation | str, leaves: Leaves = "registry", seconds: float = 300) -> Followed:
        timer = Timer(self.simulator.clock.now, self.sleep)
        return await follow(self.api, operation, leaves, seconds=seconds, tell=self.tell, timer=timer)


@asynccontextmanager
async def _watch(**switches: Any) -> AsyncIterator[Watch]:
    with anyio.fail_after(LONG), Simulator(Switches(**switches), clock=Clock(start=1_800_000_000)) as simulator:
        settings = CloudruSettings.model_validate(
            section(simulator, limits={"retries": 0, "read_timeout": LONG, "request_timeout": LONG})
        )
        async with ArtifactRegistry(settings) as api:
            yield Watch(simulator, api)


async def test_an_operation_is_followed_until_its_registry_is_active() -> None:
    async with _watch(operation_seconds=20) as watch:
        found = await watch.follow(await watch.api.create_registry(NEW))
    assert found.finished
    assert found.operation.done
    assert found.registry is not None
    assert (found.registry.name, found.registry.status) == ("fresh", "ACTIVE")


async def test_the_pauses_grow_up_to_a_limit() -> None:
    async with _watch(operation_seconds=40) as watch:
        await watch.follow(await watch.api.create_registry(NEW))
    assert watch.pauses[:3] == [0.5, 0.75, 1.125]
    assert watch.pauses == sorted(watch.pauses)
    assert watch.pauses[-1] == LONGEST_PAUSE


async def test_the_client_is_told_how_long_it_has_waited_of_how_long_it_will() -> None:
    async with _watch(operation_seconds=1) as watch:
        await watch.follow(await watch.api.create_registry(NEW), seconds=60)
    assert watch.told == [
        (0.0, 60, "CreateRegistry fresh is not done yet"),
        (0.5, 60, "CreateRegistry fresh is not done yet"),
    ]


async def test_a_new_operation_and_its_registry_may_be_unknown_for_a_while() -> None:
    async with _watch(missing_window=10) as watch:
        found = await watch.follow(await watch.api.create_registry(NEW))
    assert found.finished
    assert sum(watch.pauses) >= 10
    assert found.registry is not None


async def test_a_registry_may_be_creating_after_its_operation_is_done() -> None:
    async with _watch(activation_seconds=12) as watch:
        found = await watch.follow(await watch.api.create_registry(NEW))
        registry_id = found.operation.resource_id
    assert found.registry is not None
    assert found.registry.status == "ACTIVE"
    assert watch.told[-1][2] == f"registry {registry_id} is not ACTIVE yet"


async def test_an_operation_that_stays_unknown_is_an_error_when_the_grace_is_over() -> None:
    async with _watch() as watch:
        with pytest.raises(NotFound):
            await watch.follow("6f9619ff-8b86-d011-b42d-00cf4fc964ff", "unknown")
    assert GRACE <= sum(watch.pauses) < GRACE + LONGEST_PAUSE


async def test_an_operation_that_was_never_seen_within_the_time_is_an_error_too() -> None:
    async with _watch() as watch:
        with pytest.raises(NotFound):
            await watch.follow("6f9619ff-8b86-d011-b42d-00cf4fc964ff", "unknown", seconds=GRACE - 1)


async def test_a_failed_operation_is_an_error_with_the_words_of_the_service() -> None:
    async with _watch(operation_seconds=3, failing_operations=True) as watch:
        with pytest.raises(OperationFailed, match="CreateRegistry of fresh failed"):
            await watch.follow(await watch.api.create_registry(NEW))


async def test_a_registry_in_error_is_an_error_although_its_operation_went_well() -> None:
    async with _watch(activation_seconds=60) as watch:
        operation = await watch.api.create_registry(NEW)
        assert (await watch.api.get_operation(str(operation.id))).done
        watch.simulator.store.registry(operation.resource_id).status = RegistryStatus.ERROR
        with pytest.raises(OperationFailed, match="has the status ERROR"):
            await watch.follow(operation)


async def test_when_the_time_is_over_the_operation_is_answered_as_it_is() -> None:
    async with _watch(operation_seconds=1000) as watch:
        found = await watch.follow(await watch.api.create_registry(NEW), seconds=100)
        assert sum(watch.pauses) == pytest.approx(100)
    assert not found.finished
    assert not found.operation.done
    assert found.registry is None


async def test_a_create_that_is_not_found_in_time_is_no_error_but_not_finished() -> None:
    async with _watch(missing_window=1000) as watch:
        operation = await watch.api.create_registry(NEW)
        found = await watch.follow(operation, seconds=5)
    assert (found.finished, found.operation) == (False, operation)


async def test_a_question_that_hangs_does_not_outlast_the_time() -> None:
    async with _watch(faults=(Fault("GET /v1/operations/*", "timeout", times=None),)) as watch:
        operation = await watch.api.create_registry(NEW)
        with anyio.fail_after(LONG / 2):  # half of what the request itself may take
            found = await follow(watch.api, operation, "registry", seconds=0.2, tell=watch.tell)
    assert (found.finished, found.operation) == (False, operation)


async def test_a_registry_that_is_not_active_in_time_is_not_finished_on_the_real_clock_either() -> None:
    async with _watch(activation_seconds=1000) as watch:
        operation = await watch.api.create_registry(NEW)
        found = await follow(watch.api, operation, "registry", seconds=0.2, tell=watch.tell)
        while found.registry is None:  # on a busy machine the time may be over before it is seen
            found = await follow(watch.api, operation, "registry", seconds=0.2, tell=watch.tell)
    assert (found.finished, found.operation.done) == (False, True)
    assert found.registry is not None
    assert found.registry.status == "CREATING"


async def test_an_operation_that_was_seen_is_answered_although_its_registry_is_not_found_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(following, "SHORT_GRACE", LONG)  # the time of the call is over before
    async with _watch() as watch:
        operation = await watch.api.create_registry(NEW)
        watch.simulator.fail(Fault("GET /v1/registries/*", 404, times=None))
        found = await watch.follow(str(operation.id), "unknown", seconds=LONG / 2)
    assert (found.finished, found.operation.done, found.registry) == (False, True, None)


async def test_a_deletion_leaves_nothing_and_no_registry_is_looked_for() -> None:
    async with _watch(operation_seconds=5) as watch:
        registry = watch.simulator.store.add("old")
        operation = await watch.api.delete_registry(registry.id)
        found = await watch.follow(operation, "nothing")
        known_by_its_description = await watch.follow(str(operation.id), "unknown")
        asked_for = [path for path in asked(watch.simulator) if path.startswith("GET /v1/registries/")]
    assert found.finished
    assert known_by_its_description.finished
    assert found.registry is known_by_its_description.registry is None
    assert asked_for == []


async def test_of_an_operation_that_does_not_say_what_it_does_a_missing_registry_is_no_error() -> None:
    async with _watch() as watch:
        operation = await watch.api.delete_registry(watch.simulator.store.add("old").id)
        watch.simulator.store.operations()[0].description = ""
        found = await watch.follow(str(operation.id), "unknown")
    assert (found.finished, found.registry) == (True, None)


@pytest.mark.parametrize("kind", [503, 429, "reset"])
async def test_the_service_may_be_lost_for_a_moment(kind: Any) -> None:
    async with _watch(operation_seconds=5) as watch:
        operation = await watch.api.create_registry(NEW)
        watch.simulator.fail(Fault("GET /v1/operations/*", kind, times=2))
        assert (await watch.follow(operation)).finished


async def test_only_failures_in_a_row_count() -> None:
    async with _watch(operation_seconds=20) as watch:
        operation = await watch.api.create_registry(NEW)
        watch.simulator.fail(Fault("GET /v1/operations/*", 503, times=2))
        watch.simulator.fail(Fault("GET /v1/operations/*", 503, times=2, after=1))
        assert (await watch.follow(operation)).finished
        statuses = [entry.status for entry in watch.simulator.log if "/operations/" in entry.path]
    assert statuses[:5] == [503, 503, 200, 503, 503]


async def test_a_service_that_stays_lost_is_an_error_of_the_backend_that_says_what_goes_on() -> None:
    async with _watch(operation_seconds=5) as watch:
        operation = await watch.api.create_registry(NEW)
        watch.simulator.fail(Fault("GET /v1/operations/*", 503, times=None))
        with pytest.raises(
            Unreachable, match=f"goes on: follow it with wait_for_operation, operation_id={operation.id}"
        ) as lost:
            await watch.follow(operation)
    assert isinstance(lost.value, BackendError)


async def test_a_refusal_ends_the_following_at_once_and_says_what_goes_on() -> None:
    async with _watch(operation_seconds=5) as watch:
        operation = await watch.api.create_registry(NEW)
        watch.simulator.fail(Fault("GET /v1/operations/*", 403, times=None))
        with pytest.raises(Denied, match=f"goes on: follow it with wait_for_operation, operation_id={operation.id}"):
            await watch.follow(operation)
    assert watch.pauses == []


async def test_of_an_operation_that_was_lost_with_its_answer_the_registry_is_what_can_be_looked_at() -> None:
    async with _watch(operation_seconds=8, faults=(Fault("POST /v1/registries", "cut"),)) as watch:
        operation = await watch.api.create_registry(NEW)
        watch.simulator.fail(Fault("GET /v1/registries/*", 403, times=None))
        with pytest.raises(Denied, match=f"goes on: look at it with get_registry, registry_id={operation.resource_id}"):
            await watch.follow(operation)


async def test_an_operation_that_was_lost_with_its_answer_is_followed_by_its_registry() -> None:
    async with _watch(operation_seconds=8, faults=(Fault("POST /v1/registries", "cut"),)) as watch:
        operation = await watch.api.create_registry(NEW)
        assert operation.id is None
        found = await watch.follow(operation)
        asked_for = [path for path in asked(watch.simulator) if path.startswith("GET /v1/operations")]
    assert found.registry is not None
    assert found.registry.status == "ACTIVE"
    assert asked_for == []
