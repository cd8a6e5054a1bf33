"""Deleting: the user is asked where that is possible, and the registry's name is wanted where it is not."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from mcp.client import ClientRequestContext
from mcp_types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult

from fuseboard_cloudru.simulator import Fault, Simulator, Switches
from tests.plugins.cloudru.served import ERAS, LONG, asked, error_of, result_of, served

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("mode", ERAS)]


class User:
    """One who gives the same answer to every question, and remembers the questions."""

    def __init__(self, action: Any, **content: Any) -> None:
        self.answer = ElicitResult(action=action, content=content or None)
        self.asked: list[ElicitRequestParams] = []

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        self.asked.append(params)
        return self.answer


def _deletions(simulator: Simulator) -> list[str]:
    return [line for line in asked(simulator) if line.startswith("DELETE")]


async def test_a_user_who_agrees_is_asked_once_and_the_registry_is_deleted_once(mode: str) -> None:
    user = User("accept", delete=True)
    with Simulator() as simulator:
        registry = simulator.store.add("old", is_public=True)
        async with served(simulator, mode, elicitation_callback=user) as host:
            result = await result_of(host, "delete_registry", registry_id=registry.id, wait=True)
        assert _deletions(simulator) == [f"DELETE /v1/registries/{registry.id}"]
        assert simulator.store.registries() == []
    assert result["done"] is True
    assert result["operation"]["description"] == "DeleteRegistry"
    assert "registry" not in result
    [form] = user.asked
    assert isinstance(form, ElicitRequestFormParams)
    assert form.message == (
        f"Delete the public DOCKER registry 'old' (id {registry.id}) with everything in it? This cannot be undone."
    )
    assert form.requested_schema["properties"]["delete"]["type"] == "boolean"


@pytest.mark.parametrize("user", [User("decline"), User("cancel"), User("accept", delete=False)])
async def test_a_user_who_does_not_agree_keeps_the_registry_and_nothing_is_sent(mode: str, user: User) -> None:
    with Simulator() as simulator:
        registry = simulator.store.add("dear")
        async with served(simulator, mode, elicitation_callback=user) as host:
            error = await error_of(host, "delete_registry", registry_id=registry.id)
        assert _deletions(simulator) == []
        assert [one.name for one in simulator.store.registries()] == ["dear"]
    assert error == "NOT_CONFIRMED: the user did not agree: registry 'dear' stays, and nothing was sent"


async def test_without_a_user_to_ask_the_name_is_wanted_and_told(mode: str) -> None:
    with Simulator() as simulator:
        registry = simulator.store.add("dear")
        async with served(simulator, mode) as host:
            error = await error_of(host, "delete_registry", registry_id=registry.id)
            assert _deletions(simulator) == []
            await result_of(host, "delete_registry", registry_id=registry.id, confirm_name="dear", wait=True)
        assert simulator.store.registries() == []
    assert error.startswith("NOT_CONFIRMED: the user could not be asked")
    assert error.endswith("call again with confirm_name='dear'")


async def test_an_answer_that_is_no_answer_deletes_nothing(mode: str) -> None:
    with Simulator() as simulator:
        registry = simulator.store.add("dear")
        async with served(simulator, mode, elicitation_callback=User("accept", delete="of course")) as host:
            error = await error_of(host, "delete_registry", registry_id=registry.id)
        assert _deletions(simulator) == []
    assert error.startswith("NOT_CONFIRMED: the user could not be asked")


async def test_the_right_name_spares_the_question(mode: str) -> None:
    user = User("decline")
    with Simulator(Switches(operation_seconds=100)) as simulator:
        registry = simulator.store.add("old")
        async with served(simulator, mode, elicitation_callback=user) as host:
            result = await result_of(host, "delete_registry", registry_id=registry.id, confirm_name="old")
        assert len(_deletions(simulator)) == 1
    assert user.asked == []
    assert result["done"] is False
    assert result["note"] == f"follow it with wait_for_operation, operation_id={result['operation']['id']}"


@pytest.mark.parametrize("name", ["", "OLD", "old ", "older"])
async def test_another_name_deletes_nothing_and_asks_nothing(mode: str, name: str) -> None:
    user = User("accept", delete=True)
    with Simulator() as simulator:
        registry = simulator.store.add("old")
        async with served(simulator, mode, elicitation_callback=user) as host:
            error = await error_of(host, "delete_registry", registry_id=registry.id, confirm_name=name)
        assert _deletions(simulator) == []
    assert user.asked == []
    assert error == (
        f"NOT_CONFIRMED: confirm_name is {name!r}, but {registry.id} is the registry 'old'; nothing was deleted"
    )


async def test_a_registry_that_is_not_there_is_said_before_anybody_is_asked(mode: str) -> None:
    user = User("accept", delete=True)
    with Simulator() as simulator:
        async with served(simulator, mode, elicitation_callback=user) as host:
            unknown = await error_of(host, "delete_registry", registry_id=simulator.project_id)
            no_id = await error_of(host, "delete_registry", registry_id="old")
        assert _deletions(simulator) == []
    assert unknown.startswith("NOT_FOUND: ")
    assert no_id.startswith("INVALID_INPUT: registry_id is 'old', which is no UUID")
    assert user.asked == []


async def test_a_deletion_whose_answer_was_lost_is_found_out_and_not_sent_again(mode: str) -> None:
    with Simulator(Switches(faults=(Fault("DELETE *", "reset"),))) as simulator:
        registry = simulator.store.add("old")
        async with served(simulator, mode) as host:
            result = await result_of(host, "delete_registry", registry_id=registry.id, confirm_name="old", wait=True)
        assert len(_deletions(simulator)) == 1
    assert result["done"] is True
    assert "the registry is gone" in result["operation"]["note"]


async def test_a_client_that_goes_away_while_the_user_thinks_deletes_nothing(mode: str) -> None:
    thinking = anyio.Event()

    async def never(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        thinking.set()
        await anyio.sleep_forever()
        raise AssertionError("unreachable")

    with Simulator() as simulator:
        registry = simulator.store.add("dear")
        async with served(simulator, mode, elicitation_callback=never) as host, anyio.create_task_group() as group:
            group.start_soon(host.call_tool, "cloudru_delete_registry", {"registry_id": registry.id})
            with anyio.fail_after(LONG):
                await thinking.wait()
            group.cancel_scope.cancel()
        assert _deletions(simulator) == []
        assert len(simulator.store.registries()) == 1
