"""A plugin that talks to the client in the middle of a call, and does it badly."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import BaseModel

from fuseboard import Context
from fuseboard_faulty.journal import Tools, fine, note, released

HALF_A_LETTER = "\ud800"


class Confirmation(BaseModel):
    """A form with one field."""

    sure: bool


class Colour(BaseModel):
    """Another form."""

    colour: str


async def progress_backwards(ctx: Context[None]) -> str:
    """Specification: the value must increase."""
    for done in (3, 2, 3, 1, 4):
        await ctx.report_progress(done, 4, f"at {done}")
    return "done"


async def progress_a_thousand_times(ctx: Context[None]) -> str:
    """More than anybody wants to see."""
    for done in range(1, 1001):
        await ctx.report_progress(done, 1000)
    return "done"


async def progress_not_a_number(ctx: Context[None]) -> str:
    """NaN and infinity, as value and as total."""
    await ctx.report_progress(float("nan"))
    await ctx.report_progress(1, float("nan"))
    await ctx.report_progress(2, float("inf"))
    await ctx.report_progress(float("inf"))
    await ctx.report_progress(3, 4)
    return "done"


async def progress_surrogate(ctx: Context[None]) -> str:
    """A message that is not Unicode."""
    await ctx.report_progress(1, 2, HALF_A_LETTER)
    return "done"


async def progress_of_objects(ctx: Context[Any]) -> str:
    """Nothing that JSON knows."""
    await ctx.report_progress(1, 2, object())  # type: ignore[arg-type]
    return "done"


async def progress_after_the_end(ctx: Context[None]) -> str:
    """Keep the context and use it when the call is over: once `late report` is released."""

    async def late() -> None:
        await released("late report")
        await ctx.report_progress(2, 2, "too late")
        await ctx.log("info", "too late")
        note("reported after the end")

    await ctx.report_progress(1, 2)
    _kept.add(asyncio.create_task(late()))
    return "done"


async def logs_rubbish(ctx: Context[None]) -> str:
    """Messages that cannot be sent."""
    for data in (object(), HALF_A_LETTER, float("nan"), {"a": {1, 2}}):
        await ctx.log("info", data)
    return "done"


async def asks_once(ctx: Context[None]) -> str:
    """Ask, then act."""
    note("asks_once begins")
    answer = await ctx.elicit("Are you sure?", Confirmation)
    note("asks_once acts")
    return f"{answer.action} {dict(answer.content or {})}"


async def asks_twice(ctx: Context[None]) -> str:
    """Ask two questions, the second after the first is answered, then act."""
    note("asks_twice begins")
    sure = await ctx.elicit("Are you sure?", Confirmation)
    colour = await ctx.elicit("Which colour?", Colour)
    note("asks_twice acts")
    return f"{dict(sure.content or {})} {dict(colour.content or {})}"


async def acts_before_it_asks(ctx: Context[None]) -> str:
    """What authors are told not to do: the side effect comes first."""
    note("acts_before_it_asks acts")
    answer = await ctx.elicit("Are you sure?", Confirmation)
    return answer.action


async def asks_with_a_bare_except(ctx: Context[None]) -> str:
    """`except Exception` must not swallow the question."""
    try:
        answer = await ctx.elicit("Are you sure?", Confirmation)
    except Exception as error:
        return f"swallowed {type(error).__name__}"
    return answer.action


async def asks_rubbish(ctx: Context[None]) -> str:
    """A question that is not Unicode."""
    answer = await ctx.elicit(HALF_A_LETTER, Confirmation)
    return answer.action


async def asks_an_object(ctx: Context[None]) -> str:
    """A form that no client could show."""
    answer = await ctx.elicit("Which?", {"type": "object", "properties": {"a": object()}})
    return answer.action


async def asks_without_end(ctx: Context[None]) -> str:
    """One question after the other, more than any client answers in one call."""
    for number in range(100):
        await ctx.elicit(f"Question {number}?", Confirmation)
    return "done"


_kept: set[asyncio.Task[None]] = set()

plugin = Tools(
    fine,
    progress_backwards,
    progress_a_thousand_times,
    progress_not_a_number,
    progress_surrogate,
    progress_of_objects,
    progress_after_the_end,
    logs_rubbish,
    asks_once,
    asks_twice,
    acts_before_it_asks,
    asks_with_a_bare_except,
    asks_rubbish,
    asks_an_object,
    asks_without_end,
)
