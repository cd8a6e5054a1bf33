"""A bulkhead lets so many calls of a plugin run at once, so many wait in turn, and tells the rest that it is busy."""

from __future__ import annotations

import asyncio

import pytest

from fuseboard.bulkhead import Bulkhead, Place
from fuseboard.errors import Busy
from tests.host.core.toys import LONG

pytestmark = pytest.mark.anyio


async def turn_of_the_loop() -> None:
    """Let every task that can run do so once."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_free_place_is_taken_at_once() -> None:
    bulkhead = Bulkhead("oci", places=2, queue=0)
    assert bulkhead.try_enter()
    assert bulkhead.try_enter()
    assert not bulkhead.try_enter()
    bulkhead.leave()
    assert bulkhead.try_enter()


async def test_those_who_wait_get_a_place_in_the_order_in_which_they_came() -> None:
    bulkhead = Bulkhead("oci", places=1, queue=3)
    await bulkhead.enter()
    order: list[str] = []

    async def call(name: str) -> None:
        await bulkhead.enter()
        order.append(name)
        bulkhead.leave()

    waiting = [asyncio.create_task(call(name)) for name in ("first", "second", "third")]
    await turn_of_the_loop()
    assert order == []
    bulkhead.leave()
    await asyncio.wait_for(asyncio.gather(*waiting), LONG)
    assert order == ["first", "second", "third"]
    assert bulkhead.taken == 0


async def test_a_newcomer_does_not_overtake_those_who_wait() -> None:
    bulkhead = Bulkhead("oci", places=1, queue=1)
    await bulkhead.enter()
    waiting = asyncio.create_task(bulkhead.enter())
    await turn_of_the_loop()
    bulkhead.leave()
    assert not bulkhead.try_enter(), "the place was handed over, it was never free"
    await asyncio.wait_for(waiting, LONG)


async def test_one_more_than_may_wait_is_told_how_many_there_are() -> None:
    bulkhead = Bulkhead("oci", places=1, queue=1)
    await bulkhead.enter()
    waiting = asyncio.create_task(bulkhead.enter())
    await turn_of_the_loop()
    with pytest.raises(Busy, match="oci is busy: 1 calls run and 1 wait"):
        await asyncio.wait_for(bulkhead.enter(), LONG)
    bulkhead.leave()
    await asyncio.wait_for(waiting, LONG)


async def test_one_who_is_cancelled_while_waiting_leaves_the_queue() -> None:
    bulkhead = Bulkhead("oci", places=1, queue=1)
    await bulkhead.enter()
    gone = asyncio.create_task(bulkhead.enter())
    await turn_of_the_loop()
    gone.cancel()
    await turn_of_the_loop()
    assert gone.cancelled()
    next_one = asyncio.create_task(bulkhead.enter())
    await turn_of_the_loop()
    bulkhead.leave()
    await asyncio.wait_for(next_one, LONG)
    bulkhead.leave()
    assert bulkhead.taken == 0


async def test_one_who_is_cancelled_in_the_moment_of_its_turn_passes_the_place_on() -> None:
    bulkhead = Bulkhead("oci", places=1, queue=2)
    await bulkhead.enter()
    gone = asyncio.create_task(bulkhead.enter())
    next_one = asyncio.create_task(bulkhead.enter())
    await turn_of_the_loop()
    bulkhead.leave()
    gone.cancel()
    await asyncio.wait_for(next_one, LONG)
    assert gone.cancelled()
    assert bulkhead.taken == 1


async def test_a_place_that_becomes_free_just_after_the_cancel_goes_to_the_next_one() -> None:
    """The cancel and the free place come within one turn of the loop, before the one who waited could leave."""
    bulkhead = Bulkhead("oci", places=1, queue=2)
    await bulkhead.enter()
    gone = asyncio.create_task(bulkhead.enter())
    next_one = asyncio.create_task(bulkhead.enter())
    await turn_of_the_loop()
    gone.cancel()
    bulkhead.leave()
    await asyncio.wait_for(next_one, LONG)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(gone, LONG)
    assert bulkhead.taken == 1


async def test_a_place_is_given_back_when_nothing_of_the_call_runs_any_more() -> None:
    """A worker thread that was abandoned keeps the place of its call."""
    bulkhead = Bulkhead("oci", places=1, queue=0)
    await bulkhead.enter()
    place = Place(bulkhead)
    place.hold()
    place.release()
    assert bulkhead.taken == 1, "the call has ended, its thread has not"
    place.release()
    assert bulkhead.taken == 0


async def test_a_call_that_waits_for_its_client_lends_its_place_and_takes_it_again_without_waiting() -> None:
    bulkhead = Bulkhead("oci", places=1, queue=1)
    await bulkhead.enter()
    asking = Place(bulkhead)
    asking.lend()
    assert bulkhead.try_enter(), "another call runs while the user thinks"
    other = Place(bulkhead)
    asking.reclaim()
    assert bulkhead.taken == 2, "a call that has begun neither waits nor is refused"
    waiting = asyncio.create_task(bulkhead.enter())
    await turn_of_the_loop()
    asking.release()
    await turn_of_the_loop()
    assert not waiting.done(), "one place too many was taken: the first that is given back lets nobody in"
    other.release()
    await asyncio.wait_for(waiting, LONG)
    assert bulkhead.taken == 1


async def test_a_call_that_ends_while_its_place_is_lent_gives_nothing_back_twice() -> None:
    bulkhead = Bulkhead("oci", places=1, queue=0)
    await bulkhead.enter()
    place = Place(bulkhead)
    place.lend()
    place.release()
    place.reclaim()
    assert bulkhead.taken == 0


async def test_a_nested_call_holds_no_place() -> None:
    place = Place(None)
    place.hold()
    place.lend()
    place.reclaim()
    place.release()
    place.release()
