"""What becomes of a write whose answer is lost: it is looked for, and never sent again blindly."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from fuseboard_cloudru.errors import OutcomeUnknown
from fuseboard_cloudru.models import CreateRegistry, Operation, Registry, UpdateRegistry
from fuseboard_cloudru.simulator import Fault, Simulator, Switches
from tests.plugins.cloudru.asking import LONG, Reply, Says, asking, hasty_about, writes

pytestmark = pytest.mark.anyio

APP = CreateRegistry.of(name="app")
LOST: list[Any] = ["timeout", "reset", "cut", "malformed", "huge"]


@pytest.mark.parametrize("kind", LOST)
async def test_a_create_whose_answer_was_lost_is_found_by_its_name_and_not_sent_again(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(hasty_about(monkeypatch, Fault("POST /v1/registries", kind)))
        async with asking(simulator) as api:
            operation = await api.create_registry(APP)
            registry = await api.find_registry("app")
        assert registry is not None
        assert (operation.id, operation.resource_id, operation.done) == (None, registry.id, True)
        assert "answer was lost" in operation.note
        assert writes(simulator) == ["POST /v1/registries"]


async def test_a_found_registry_that_is_not_ready_makes_an_operation_that_is_not_done() -> None:
    with anyio.fail_after(LONG), Simulator(Switches(operation_seconds=60)) as simulator:
        simulator.fail(Fault("POST /v1/registries", "reset"))
        async with asking(simulator) as api:
            operation = await api.create_registry(APP)
    assert (operation.id, operation.done) == (None, False)
    assert operation.resource_id


@pytest.mark.parametrize("kind", [500, 502, 503, 504, "html", "reset", "timeout"])
async def test_a_create_that_surely_did_nothing_is_sent_once_more(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(hasty_about(monkeypatch, Fault("POST /v1/registries", kind, acts=False)))
        async with asking(simulator) as api:
            operation = await api.create_registry(APP)
            assert len((await api.all_registries()).registries) == 1
        assert operation.id is not None
        assert writes(simulator) == ["POST /v1/registries"] * 2


@pytest.mark.parametrize("kind", [503, "reset"])
async def test_a_create_is_sent_twice_at_most(kind: Any) -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(Fault("POST /v1/registries", kind, acts=False, times=None))
        async with asking(simulator) as api:
            with pytest.raises(
                OutcomeUnknown, match=r"^OUTCOME_UNKNOWN: POST /v1/registries .*find_registry, name=app"
            ):
                await api.create_registry(APP)
        assert writes(simulator) == ["POST /v1/registries"] * 2


@pytest.mark.parametrize("found", [True, False])
async def test_a_create_that_meets_its_name_the_second_time_is_looked_for_once_more(found: bool) -> None:
    """Either the first request came through late, or the name belongs to somebody else."""
    app = [{"id": "1", "name": "app", "status": "ACTIVE"}] if found else []
    replies = [Reply(503), *[Reply(body={})] * 3, Reply(409), Reply(body={"registries": app})]
    with anyio.fail_after(LONG), Says(*replies) as server:
        async with asking(server) as api:
            if found:
                assert (await api.create_registry(APP)).resource_id == "1"
            else:
                with pytest.raises(OutcomeUnknown, match=r"POST /v1/registries answered 409.* earlier request .* lost"):
                    await api.create_registry(APP)
        assert [got.method for got in server.got if got.method != "GET"] == ["POST", "POST"]


async def test_a_found_registry_with_an_error_makes_an_operation_with_one() -> None:
    app = {"id": "1", "name": "app", "status": "ERROR"}
    with anyio.fail_after(LONG), Says(Reply(503), Reply(body={"registries": [app]})) as server:
        async with asking(server) as api:
            operation = await api.create_registry(APP)
    assert operation.done
    assert operation.error is not None


async def test_a_create_that_cannot_be_looked_for_is_not_sent_again() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(Fault("POST /v1/registries", "reset"))
        simulator.fail(Fault("GET /v1/registries", 403, times=None))
        async with asking(simulator) as api:
            with pytest.raises(OutcomeUnknown, match=r"could not be looked at \(GET /v1/registries answered 403"):
                await api.create_registry(APP)
        assert writes(simulator) == ["POST /v1/registries"]


async def test_an_older_registry_of_this_name_that_differs_is_not_taken_for_the_new_one() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.store.add("app", is_public=True)
        simulator.fail(Fault("POST /v1/registries", "reset", acts=False))
        async with asking(simulator) as api:
            with pytest.raises(
                OutcomeUnknown,
                match=r"^OUTCOME_UNKNOWN: the service.* not as it was asked for, so it may be an older one",
            ):
                await api.create_registry(APP)
        assert writes(simulator) == ["POST /v1/registries"]


async def test_a_create_ends_in_the_time_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(hasty_about(monkeypatch, Fault("POST /v1/registries", "timeout", times=None)))
        simulator.fail(Fault("GET /v1/registries", "timeout", times=None))
        async with asking(simulator, call_timeout=0.5) as api:
            with pytest.raises(OutcomeUnknown, match=r"was not found out in 0\.5 s; look for it with find_registry"):
                await api.create_registry(APP)


@pytest.mark.parametrize("kind", LOST)
async def test_a_deletion_whose_answer_was_lost_is_done_when_the_registry_is_gone(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        registry = simulator.store.add("app")
        simulator.fail(hasty_about(monkeypatch, Fault("DELETE *", kind)))
        async with asking(simulator) as api:
            operation = await api.delete_registry(registry.id)
        assert (operation.id, operation.resource_id, operation.done) == (None, registry.id, True)
        assert writes(simulator) == [f"DELETE /v1/registries/{registry.id}"]


@pytest.mark.parametrize("kind", [500, 503, "reset", "timeout"])
async def test_a_deletion_of_which_nothing_is_seen_is_not_sent_again(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        registry = simulator.store.add("app")
        simulator.fail(hasty_about(monkeypatch, Fault("DELETE *", kind, acts=False)))
        async with asking(simulator) as api:
            with pytest.raises(
                OutcomeUnknown, match=rf"get_registry, registry_id={registry.id}, before it is sent again"
            ):
                await api.delete_registry(registry.id)
        assert writes(simulator) == [f"DELETE /v1/registries/{registry.id}"]


@pytest.mark.parametrize("kind", LOST)
@pytest.mark.parametrize("quarantine", [False, True])
async def test_a_change_whose_answer_was_lost_is_done_when_it_is_to_be_seen(
    kind: Any, quarantine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        registry = simulator.store.add("app")
        simulator.fail(hasty_about(monkeypatch, Fault("PATCH *", kind)))
        async with asking(simulator) as api:
            changes = UpdateRegistry.of(retention_policy={"value": 3})
            asked = api.set_quarantine(registry.id, "HIGH") if quarantine else api.update_registry(registry.id, changes)
            changed = await asked
        assert isinstance(changed, Registry)
        assert changed.quarantine_mode == ("HIGH" if quarantine else "DISABLED")
        assert len(writes(simulator)) == 1


@pytest.mark.parametrize("kind", [500, 503, "reset"])
async def test_a_change_of_which_nothing_is_seen_is_not_sent_again(kind: Any) -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        registry = simulator.store.add("app")
        simulator.fail(Fault("PATCH *", kind, acts=False))
        async with asking(simulator) as api:
            with pytest.raises(OutcomeUnknown, match="nothing of it is to be seen yet: look at it with get_registry"):
                await api.set_quarantine(registry.id, "HIGH")
        assert len(writes(simulator)) == 1


@pytest.mark.parametrize("body", [{}, {"done": True}, {"id": ""}])
async def test_an_answer_that_says_nothing_is_a_lost_one(body: dict[str, Any]) -> None:
    """Some gateways answer a deletion with an empty message."""
    gone = Reply(404, {"code": 5, "message": "not found"})
    with anyio.fail_after(LONG), Says(Reply(body=body), gone) as server:
        async with asking(server) as api:
            assert await api.delete_registry("1") == Operation(
                resource_id="1",
                description="DeleteRegistry",
                done=True,
                note="the service's answer was lost (BAD_ANSWER), and the registry is gone",
            )
        assert [got.method for got in server.got] == ["DELETE", "GET"]
