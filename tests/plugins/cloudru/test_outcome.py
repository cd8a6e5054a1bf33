"""What a change answers when the service's own answer says already how it ended."""

from __future__ import annotations

import pytest

from fuseboard import Caller, Context
from fuseboard_cloudru.account import Account
from fuseboard_cloudru.config import CloudruSettings
from fuseboard_cloudru.errors import OperationFailed
from fuseboard_cloudru.models import Operation
from fuseboard_cloudru.tools.outcome import outcome_of

pytestmark = pytest.mark.anyio


def _nobody() -> Context[Account]:
    """A context with nobody to ask: what is asked all the same fails."""
    return Context(state=Account(CloudruSettings()), plugin="cloudru", caller=Caller("test"))


async def test_an_operation_that_is_answered_as_failed_is_an_error_without_waiting() -> None:
    failed = Operation.model_validate({"id": "a", "done": True, "error": {"code": 9, "message": "it is not empty"}})
    with pytest.raises(OperationFailed, match="ended with the code 9: it is not empty"):
        await outcome_of(_nobody(), failed, "nothing", wait=False)


async def test_an_operation_that_is_answered_as_done_is_done_and_says_nothing_of_going_on() -> None:
    outcome = await outcome_of(_nobody(), Operation(id="a", done=True), "registry", wait=False)
    assert (outcome.done, outcome.note) == (True, "")


async def test_a_registry_that_is_found_but_not_ready_after_a_lost_answer_is_what_to_look_at() -> None:
    found = Operation(resource_id="6f9619ff-8b86-d011-b42d-00cf4fc964ff", note="the answer was lost")
    outcome = await outcome_of(_nobody(), found, "registry", wait=False)
    assert outcome.done is False
    assert outcome.note == "look at it with get_registry, registry_id=6f9619ff-8b86-d011-b42d-00cf4fc964ff"
