"""Several images in one go: read side by side, reported as they come, answered in the order of the question."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import anyio

from fuseboard_oci.errors import OciError
from fuseboard_oci.reading.result import Failure, Named
from fuseboard_oci.text import clean

Result = TypeVar("Result", bound=Named)
Report = Callable[[float, float | None, str | None], Awaitable[None]]
"""Tells the client how far it is: done, total, and what was done last."""

MOST_IMAGES = 50


async def read_many(
    names: Sequence[str], read: Callable[[str], Awaitable[Result]], report: Report, *, at_once: int, seconds: float
) -> list[Result | Failure]:
    """Read all of `names`; one that cannot be read stops no other, and what is done in time is not lost.

    Args:
        names: references as the caller wrote them.
        read: reads one of them, and raises `OciError` when it cannot.
        report: called after each.
        at_once: how many to read side by side; each holds a manifest and a config in memory.
        seconds: how long all of it may take.
    """
    found: dict[int, Result | Failure] = {}
    places = anyio.CapacityLimiter(at_once)

    async def one(number: int, name: str) -> None:
        label = clean(name, 256)
        async with places:
            try:
                found[number] = (await read(name)).model_copy(update={"image": label})
            except OciError as error:
                found[number] = Failure(image=label, error=str(error))
        await report(len(found), len(names), label)

    with anyio.move_on_after(seconds):
        async with anyio.create_task_group() as group:
            for number, name in enumerate(names):
                group.start_soon(partial(one, number, name))
    late = f"TIMEOUT: not read within {seconds:g} s; ask again for this one"
    return [found.get(number) or Failure(image=clean(name, 256), error=late) for number, name in enumerate(names)]
