"""Tools that report progress, log and ask the user in the middle of a call, and do it badly."""

from __future__ import annotations

from collections import Counter

import anyio
import pytest
from mcp.client import InputRequiredRoundsExceededError

from tests.host.faults.running import PATIENCE, Line, said

pytestmark = pytest.mark.anyio


async def reported(served: Line, tool: str) -> list[tuple[float, float | None]]:
    """Call a tool that ends well, and return the progress that arrived."""
    arrived: list[tuple[float, float | None]] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        arrived.append((progress, total))

    with anyio.fail_after(PATIENCE):
        result = await served.client.call_tool(f"asking_{tool}", {}, progress_callback=progress)
    assert said(result) == "done"
    return arrived


async def test_progress_that_goes_backwards_is_dropped(served: Line) -> None:
    assert await reported(served, "progress_backwards") == [(3, 4), (4, 4)]


async def test_a_thousand_reports_arrive_in_order(served: Line) -> None:
    arrived = await reported(served, "progress_a_thousand_times")
    assert [done for done, _ in arrived] == list(range(1, 1001))
    await served.healthy_answers()


async def test_progress_that_is_no_number_does_not_spoil_the_connection(served: Line) -> None:
    arrived = await reported(served, "progress_not_a_number")
    assert (3, 4) in arrived
    assert {total for _, total in arrived} <= {None, 4}
    await served.healthy_answers()


@pytest.mark.parametrize("tool", ["progress_surrogate", "progress_of_objects", "logs_rubbish"])
async def test_messages_that_cannot_be_sent_spoil_the_call_at_most(served: Line, tool: str) -> None:
    async def progress(progress: float, total: float | None, message: str | None) -> None:
        """Asked for, so that it is sent."""

    with anyio.fail_after(PATIENCE):
        await served.client.call_tool(f"asking_{tool}", {}, progress_callback=progress)
    await served.healthy_answers()


async def test_a_context_that_is_used_after_the_end_of_its_call_reaches_nobody(served: Line) -> None:
    """Nothing waits for the late report, and it does not break the calls of others."""
    arrived = await reported(served, "progress_after_the_end")
    served.board.release("late report")
    await served.board.noted("reported after the end")
    await served.healthy_answers()
    assert len(arrived) <= 1


async def test_a_tool_that_asks_first_acts_once(served: Line) -> None:
    before = Counter(served.board.journal())
    assert said(await served.call("asking_asks_once")) == "accept {'sure': True}"
    assert Counter(served.board.journal())["asks_once acts"] - before["asks_once acts"] == 1


async def test_two_questions_are_asked_one_after_the_other_and_then_the_tool_acts_once(served: Line) -> None:
    """On 2026-07-28 the function begins anew for each answer; on the older revisions it simply waits."""
    before = Counter(served.board.journal())
    assert said(await served.call("asking_asks_twice")) == "{'sure': True} {'colour': 'green'}"
    after = Counter(served.board.journal())
    begins = after["asks_twice begins"] - before["asks_twice begins"]
    assert (begins, after["asks_twice acts"] - before["asks_twice acts"]) == (1 if served.era == "legacy" else 3, 1)


async def test_a_bare_except_in_the_tool_does_not_swallow_the_question(served: Line) -> None:
    assert said(await served.call("asking_asks_with_a_bare_except")) == "accept"


async def test_asking_is_neither_a_fault_nor_a_missed_deadline(served: Line) -> None:
    for _ in range(6):
        await served.call("asking_asks_once")
    await served.row("asking", "active")


@pytest.mark.parametrize("tool", ["asks_rubbish", "asks_an_object"])
async def test_a_question_that_cannot_be_asked_is_an_error_of_the_call(served: Line, tool: str) -> None:
    assert "asking" in said(await served.call(f"asking_{tool}"), error=True)
    await served.healthy_answers()


async def test_questions_without_end_are_ended_by_the_client_where_it_repeats_the_call(served: Line) -> None:
    """On the older revisions each question is a request of its own, and the client answers all of them."""
    if served.era == "legacy":
        assert said(await served.call("asking_asks_without_end")) == "done"
        return
    with pytest.raises(InputRequiredRoundsExceededError):
        await served.call("asking_asks_without_end")
    await served.healthy_answers()


async def test_after_all_that_the_plugin_still_works(served: Line) -> None:
    assert said(await served.call("asking_fine")) == "fine"
    await served.row("asking", "active")
