"""The tools that change something: what they send, and what they answer, with and without waiting."""

from __future__ import annotations

from typing import Any

import pytest

from fuseboard_cloudru import following
from fuseboard_cloudru.simulator import Clock, Fault, Simulator, Switches
from fuseboard_cloudru.tools import outcome
from tests.plugins.cloudru.served import ERAS, asked, error_of, result_of, served, text_of

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(following, "LONGEST_PAUSE", 0.05)


async def test_a_create_answers_with_its_operation_and_how_to_follow_it() -> None:
    with Simulator(Switches(operation_seconds=100)) as simulator:
        async with served(simulator) as host:
            result = await result_of(host, "create_registry", name="fresh")
        [registry] = simulator.store.registries()
    operation = result["operation"]
    assert result["done"] is False
    assert (operation["resource_name"], operation["resource_id"], operation["done"]) == ("fresh", registry.id, False)
    assert result["note"] == f"follow it with wait_for_operation, operation_id={operation['id']}"
    assert registry.is_public is False


@pytest.mark.parametrize("mode", ERAS)
async def test_a_create_that_waits_ends_in_the_active_registry_and_tells_its_progress(mode: str) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append((done, total, message))
        simulator.clock.advance(1)

    switches = Switches(operation_seconds=3, missing_window=1, activation_seconds=1)
    with Simulator(switches, clock=Clock(start=1_800_000_000)) as simulator:
        async with served(simulator, mode) as host:
            answer = await host.call_tool(
                "cloudru_create_registry", {"name": "fresh", "wait": True}, progress_callback=progress
            )
    result = answer.structured_content
    assert result is not None
    assert (result["done"], result["operation"]["done"], result["registry"]["status"]) == (True, True, "ACTIVE")
    assert told
    assert told == sorted(told, key=lambda one: one[0])
    assert {total for _, total, _ in told} == {300}
    assert "CreateRegistry fresh is not done yet" in [message for _, _, message in told]


async def test_everything_that_a_registry_can_be_made_with_arrives() -> None:
    upstream = {"url": "https://hub.example.com/", "metadata_ttl": 60, "mirror": True}
    with Simulator() as simulator:
        async with served(simulator) as host:
            made = await result_of(
                host,
                "create_registry",
                name="cache",
                registry_type="PYPI",
                is_public=True,
                mode="REMOTE",
                upstream=upstream,
                quarantine_mode="LOW",
                retention_days=30,
                retention_only_untagged=True,
                tariff="PREMIUM",
                wait=True,
            )
    registry = made["registry"]
    assert {name: registry[name] for name in ("registry_type", "registry_mode", "is_public", "quarantine_mode")} == {
        "registry_type": "PYPI",
        "registry_mode": "REGISTRY_MODE_REMOTE",
        "is_public": True,
        "quarantine_mode": "LOW",
    }
    assert registry["tariff"] == "PREMIUM"
    assert registry["upstream"] == {**upstream, "artifact_ttl": 0, "soft_delete": False}
    assert registry["retention_policy_is_enabled"] is True
    assert registry["retention_policy"] == {
        "only_untagged": True,
        "action": "DELETE",
        "constraint": "OLDER_THAN",
        "value": 30,
        "unit": "d",
        "on": "LAST_PULLED_AT",
    }


async def test_a_create_whose_answer_was_lost_makes_one_registry_and_ends_in_it() -> None:
    with Simulator(Switches(faults=(Fault("POST /v1/registries", "cut"),))) as simulator:
        async with served(simulator) as host:
            result = await result_of(host, "create_registry", name="fresh", wait=True)
        assert asked(simulator).count("POST /v1/registries") == 1
        assert len(simulator.store.registries()) == 1
    assert (result["done"], result["registry"]["status"]) == (True, "ACTIVE")
    assert "id" not in result["operation"]


async def test_a_name_that_is_taken_is_said() -> None:
    with Simulator() as simulator:
        simulator.store.add("taken")
        async with served(simulator) as host:
            assert (await error_of(host, "create_registry", name="taken")).startswith("CONFLICT: ")


@pytest.mark.parametrize("tool", ["create_registry", "update_registry", "update_quarantine_mode", "delete_registry"])
async def test_a_change_that_is_waited_for_and_fails_is_an_error_with_the_words_of_the_service(tool: str) -> None:
    with Simulator(Switches(failing_operations=True)) as simulator:
        there = simulator.store.add("there").id
        arguments: dict[str, dict[str, Any]] = {
            "create_registry": {"name": "fresh"},
            "update_registry": {"registry_id": there, "is_public": True},
            "update_quarantine_mode": {"registry_id": there, "quarantine_mode": "LOW"},
            "delete_registry": {"registry_id": there, "confirm_name": "there"},
        }
        async with served(simulator) as host:
            error = await error_of(host, tool, **arguments[tool], wait=True)
    assert error.startswith("OPERATION_FAILED: ")
    assert " failed" in error


@pytest.mark.parametrize("answers", ["operation", "registry"])
async def test_an_update_ends_in_the_registry_as_it_is_then_whatever_the_service_answers(answers: Any) -> None:
    with Simulator(Switches(update_answers=answers, operation_seconds=0.1)) as simulator:
        registry = simulator.store.add("team")
        async with served(simulator) as host:
            changed = await result_of(
                host, "update_registry", registry_id=registry.id, is_public=True, retention_days=7, wait=True
            )
            paused = await result_of(
                host, "update_registry", registry_id=registry.id, retention_enabled=False, wait=True
            )
    assert (changed["done"], changed["registry"]["is_public"]) == (True, True)
    assert changed["registry"]["retention_policy"]["value"] == 7
    assert changed["registry"]["retention_policy_is_enabled"] is True
    assert paused["registry"]["retention_policy_is_enabled"] is False
    assert paused["registry"]["retention_policy"]["value"] == 7
    assert ("operation" in changed) is (answers == "operation")


@pytest.mark.parametrize("route", ["patch", "own", "put_own"])
@pytest.mark.parametrize("answers", ["operation", "registry"])
async def test_the_quarantine_is_changed_by_whichever_route_there_is(route: Any, answers: Any) -> None:
    with Simulator(Switches(quarantine_route=route, update_answers=answers)) as simulator:
        registry = simulator.store.add("team")
        async with served(simulator) as host:
            for mode in ("HIGH", "DISABLED"):
                result = await result_of(
                    host, "update_quarantine_mode", registry_id=registry.id, quarantine_mode=mode, wait=True
                )
                assert result["registry"]["quarantine_mode"] == mode


async def test_an_update_without_waiting_answers_at_once_with_what_the_service_said() -> None:
    with Simulator(Switches(operation_seconds=100)) as simulator:
        registry = simulator.store.add("team")
        async with served(simulator) as host:
            begun = await result_of(host, "update_registry", registry_id=registry.id, is_public=True)
            simulator.change(update_answers="registry")
            over = await result_of(host, "update_registry", registry_id=registry.id, is_public=True)
    assert (begun["done"], begun["operation"]["description"]) == (False, "UpdateRegistry")
    assert (over["done"], over["registry"]["is_public"]) == (True, True)
    assert "operation" not in over


async def test_an_operation_is_waited_for_and_the_end_of_the_time_is_no_error() -> None:
    with Simulator(Switches(operation_seconds=100)) as simulator:
        async with served(simulator) as host:
            operation = (await result_of(host, "create_registry", name="fresh"))["operation"]
            asks = {"operation_id": operation["id"], "timeout": 0.1}
            # On a busy machine the time may be over before the operation is seen, which is an error.
            while (answer := await host.call_tool("cloudru_wait_for_operation", asks)).is_error:
                assert "did not show operation" in text_of(answer)
            late = answer.structured_content
            assert late is not None
            simulator.clock.advance(100)
            over = await result_of(host, "wait_for_operation", operation_id=operation["id"])
    assert (late["done"], late["operation"]["id"]) == (False, operation["id"])
    assert late["note"] == (f"not over after 0.1 s; follow it with wait_for_operation, operation_id={operation['id']}")
    assert (over["done"], over["registry"]["status"]) == (True, "ACTIVE")


async def test_a_change_that_is_waited_for_too_long_answers_with_the_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome, "MOST_SECONDS", 0.1)
    with Simulator(Switches(operation_seconds=100)) as simulator:
        async with served(simulator) as host:
            result = await result_of(host, "create_registry", name="fresh", wait=True)
    assert (result["done"], result["operation"]["done"]) == (False, False)
    assert result["note"].startswith("not over after 0.1 s; follow it with wait_for_operation")
