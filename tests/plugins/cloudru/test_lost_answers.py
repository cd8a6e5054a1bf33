"""Answers that are lost in the middle of something: what was done is found out, what is not known is said."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from fuseboard_cloudru import following
from fuseboard_cloudru.simulator import Clock, Fault, Simulator, Switches
from tests.plugins.cloudru.proof import UNKNOWN_ID, asking

pytestmark = pytest.mark.anyio

LONG = 60
CREATE = "POST /v1/registries"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(following, "GRACE", 0.2)


@pytest.mark.parametrize("omit", [True, False])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"tariff": "BASIC"},
        {"tariff": "PREMIUM", "is_public": True, "quarantine_mode": "DISABLED"},
        {"mode": "LOCAL", "retention_days": 1, "retention_enabled": False},
        {"mode": "REMOTE", "upstream": {"url": "https://registry.example.com", "mirror": False, "metadata_ttl": 0}},
        {"mode": "REMOTE", "upstream": {"url": "https://registry.example.com/v2", "login_id": UNKNOWN_ID.upper()}},
    ],
)
async def test_a_create_whose_answer_was_lost_is_recognised_whatever_was_asked_for(
    arguments: dict[str, Any], omit: bool
) -> None:
    """Also where the service leaves out what is a default, and where the default was asked for in so many words."""
    with anyio.fail_after(LONG), Simulator(Switches(omit_defaults=omit)) as simulator:
        simulator.fail(Fault(CREATE, "reset"))
        async with asking(simulator) as asked:
            made = await asked.result("create_registry", name="made", wait=True, **arguments)
        assert (made["done"], made["registry"]["status"]) == (True, "ACTIVE")
        assert [entry.method for entry in simulator.log if entry.path == "/v1/registries"].count("POST") == 1


@pytest.mark.parametrize("omit", [True, False])
@pytest.mark.parametrize(
    "arguments",
    [{"tariff": "BASIC"}, {"is_public": False}, {"retention_enabled": False}, {"retention_days": 365}],
)
async def test_a_change_whose_answer_was_lost_is_recognised(arguments: dict[str, Any], omit: bool) -> None:
    with anyio.fail_after(LONG), Simulator(Switches(omit_defaults=omit)) as simulator:
        there = simulator.store.add("there").id
        simulator.fail(Fault("PATCH /v1/registries/*", "reset"))
        async with asking(simulator) as asked:
            changed = await asked.result("update_registry", registry_id=there, **arguments)
        assert (changed["done"], changed["registry"]["name"]) == (True, "there")


async def test_a_lost_create_that_is_not_found_for_long_is_not_called_a_name_of_somebody_else() -> None:
    """The registry is there, but nobody can see it yet: the second request is refused because of the first."""
    with anyio.fail_after(LONG), Simulator(Switches(missing_window=60.0), clock=Clock(1_800_000_000)) as simulator:
        simulator.fail(Fault(CREATE, "reset"))
        async with asking(simulator) as asked:
            error = await asked.error("create_registry", name="made")
            assert error.startswith("OUTCOME_UNKNOWN: ")
            assert "find_registry, name=made" in error
            simulator.clock.advance(61)
            assert (await asked.result("find_registry", name="made"))["found"] is True
        assert len(simulator.store.registries()) == 1


async def test_a_lost_create_that_is_found_a_moment_later_is_not_sent_again() -> None:
    with anyio.fail_after(LONG), Simulator(Switches(missing_window=0.3)) as simulator:
        simulator.fail(Fault(CREATE, "reset"))
        async with asking(simulator, limits={"settle_delay": 0.4}) as asked:
            made = await asked.result("create_registry", name="made")
        assert made["operation"]["resource_name"] == "made"
        assert [entry.method for entry in simulator.log if entry.path == "/v1/registries"].count("POST") == 1


async def test_a_lost_deletion_that_takes_a_moment_is_seen_to_be_done() -> None:
    with anyio.fail_after(LONG), Simulator(Switches(operation_seconds=0.3)) as simulator:
        there = simulator.store.add("there").id
        simulator.fail(Fault("DELETE *", "reset"))
        async with asking(simulator, limits={"settle_delay": 0.4}) as asked:
            gone = await asked.result("delete_registry", registry_id=there, confirm_name="there")
        assert gone["done"] is True
        assert [entry.method for entry in simulator.log].count("DELETE") == 1


async def test_a_name_that_is_taken_is_a_conflict_and_is_sent_once() -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.store.add("made")
        async with asking(simulator) as asked:
            assert (await asked.error("create_registry", name="made")).startswith("CONFLICT: ")
        assert [entry.method for entry in simulator.log].count("POST") == 2, "one token, one create"


async def test_a_lost_create_beside_an_older_registry_of_that_name_is_not_taken_for_done() -> None:
    """The request never arrived, and the registry of that name is another one: other fields tell it."""
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.store.add("made", is_public=True)
        simulator.fail(Fault(CREATE, "reset", acts=False))
        async with asking(simulator) as asked:
            error = await asked.error("create_registry", name="made")
        assert error.startswith("OUTCOME_UNKNOWN: ")
        assert [entry.method for entry in simulator.log if entry.path == "/v1/registries"].count("POST") == 1


async def test_a_deletion_that_still_runs_when_its_answer_was_lost_is_not_sent_again() -> None:
    with anyio.fail_after(LONG), Simulator(Switches(operation_seconds=60.0), clock=Clock(1_800_000_000)) as simulator:
        there = simulator.store.add("there").id
        simulator.fail(Fault("DELETE *", "reset"))
        async with asking(simulator) as asked:
            error = await asked.error("delete_registry", registry_id=there, confirm_name="there", wait=True)
            assert error.startswith("OUTCOME_UNKNOWN: ")
            assert f"get_registry, registry_id={there}" in error
        assert [entry.method for entry in simulator.log].count("DELETE") == 1


async def test_following_a_create_without_an_operation_speaks_of_its_registry_when_the_service_is_lost() -> None:
    """The answer of the create was lost, so there is no operation that could be waited for later."""
    with anyio.fail_after(LONG), Simulator(Switches(activation_seconds=60.0)) as simulator:
        simulator.fail(Fault(CREATE, "reset"))
        simulator.fail(Fault("GET /v1/registries/*", 500, times=None))
        async with asking(simulator) as asked:
            error = await asked.error("create_registry", name="made", wait=True)
        assert error.startswith("UNREACHABLE: GET /v1/registries/")
        assert "None" not in error
        assert f"get_registry, registry_id={simulator.store.registries()[0].id}" in error


@pytest.mark.parametrize("kind", ["timeout", 503])
async def test_waiting_for_an_operation_that_was_never_seen_does_not_say_that_it_goes_on(kind: Any) -> None:
    """Nobody knows whether there is such an operation at all."""
    with anyio.fail_after(LONG), Simulator() as simulator:
        simulator.fail(Fault("/v1/operations/*", kind, times=None))
        async with asking(simulator) as asked:
            error = await asked.error("wait_for_operation", operation_id=UNKNOWN_ID, timeout=0.5)
        assert error.startswith("UNREACHABLE: ")
        assert UNKNOWN_ID in error


async def test_waiting_survives_a_service_that_fails_twice_in_a_row() -> None:
    with anyio.fail_after(LONG), Simulator(Switches(operation_seconds=0.2)) as simulator:
        async with asking(simulator) as asked:
            begun = await asked.result("create_registry", name="made")
            simulator.fail(Fault("/v1/operations/*", 500, times=2))
            ended = await asked.result("wait_for_operation", operation_id=begun["operation"]["id"])
        assert ended["registry"]["status"] == "ACTIVE"


@pytest.mark.parametrize("agree", [True, False])
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_deletion_is_sent_once_and_only_after_the_user_agreed(agree: bool, mode: str) -> None:
    """In the newer era the call begins anew after the user's answer."""
    with anyio.fail_after(LONG), Simulator() as simulator:
        there = simulator.store.add("there").id
        async with asking(simulator, agree=agree, mode=mode) as asked:
            result = await asked.call("delete_registry", {"registry_id": there})
        assert result.is_error is not agree
        assert [entry.method for entry in simulator.log].count("DELETE") == int(agree)
        assert len(simulator.store.registries()) == int(not agree)
