"""Many calls at once: none is lost, none gets another one's answer or progress."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import pytest

from tests.host.faults.running import Line, said

pytestmark = pytest.mark.anyio

AT_ONCE = 64
LONGEST = 300  # seconds for a thousand calls; on an idle machine they take a few


async def in_parallel(ask: Callable[[int], Awaitable[None]], count: int) -> None:
    """Ask so many times, 64 at once."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await ask(number)

    with anyio.fail_after(LONGEST):
        async with anyio.create_task_group() as tasks:
            for _ in range(AT_ONCE):
                tasks.start_soon(work)


async def test_a_thousand_calls_at_once_all_get_their_own_answer(served: Line) -> None:
    answers: dict[int, str] = {}

    async def ask(number: int) -> None:
        if number % 2:
            result = await served.client.call_tool("healthy_echo", {"text": f"number {number}"})
        else:
            result = await served.client.call_tool("healthy_add", {"a": number, "b": 1})
        answers[number] = said(result)

    await in_parallel(ask, 1000)
    assert answers == {number: f"number {number}" if number % 2 else str(number + 1) for number in range(1000)}
    await served.healthy_answers()


async def test_many_calls_with_progress_get_their_own_in_order(served: Line) -> None:
    arrived: dict[str, list[tuple[float, str | None]]] = {}

    async def ask(number: int) -> None:
        name = f"call {number}"
        arrived[name] = []

        async def progress(progress: float, total: float | None, message: str | None) -> None:
            arrived[name].append((progress, message))

        result = await served.client.call_tool("healthy_steps", {"name": name, "count": 10}, progress_callback=progress)
        assert said(result) == name

    await in_parallel(ask, 200)
    assert arrived == {f"call {n}": [(done, f"call {n}") for done in range(1, 11)] for n in range(200)}


async def test_a_flooded_neighbour_takes_no_call_from_the_healthy_plugin(served: Line) -> None:
    """The four calls that the flooded one takes last until the healthy one has answered all of its own."""
    refused, answers = [], []

    async def ask(number: int) -> None:
        if number % 4 == 0:
            refused.append((await served.client.call_tool("flooded_hold", {"number": number})).is_error)
            return
        answers.append(said(await served.client.call_tool("healthy_echo", {"text": str(number)})))
        if len(answers) == 150:
            served.board.release("flooded")

    await in_parallel(ask, 200)
    assert sorted(map(int, answers)) == [number for number in range(200) if number % 4]
    assert True in refused
    assert False in refused


async def test_calls_through_another_plugin_all_get_their_own_answer(served: Line) -> None:
    """Two places for the relaying plugin, and more calls than that wait for one."""
    answers: dict[int, str] = {}

    async def ask(number: int) -> None:
        arguments = {"tool": "healthy_echo", "text": f"number {number}"}
        answers[number] = said(await served.client.call_tool("calling_relay", arguments))

    await in_parallel(ask, 200)
    assert answers == {number: f"number {number}" for number in range(200)}


async def test_lists_and_calls_beside_each_other_do_not_get_mixed_up(served: Line) -> None:
    await served.ledger()  # from here on no plugin comes up any more
    expected = [tool.name for tool in (await served.client.list_tools()).tools]
    wrong: list[object] = []

    async def ask(number: int) -> None:
        if number % 2:
            names = [tool.name for tool in (await served.client.list_tools()).tools]
            wrong.extend([names] if names != expected else [])
        else:
            text = said(await served.client.call_tool("healthy_echo", {"text": str(number)}))
            wrong.extend([text] if text != str(number) else [])

    await in_parallel(ask, 200)
    assert wrong == []
