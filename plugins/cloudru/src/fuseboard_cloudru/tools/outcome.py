"""How the tools that change something answer: with the operation, or with the registry that it ended in."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from fuseboard_cloudru.following import Leaves, follow, how_to_go_on
from fuseboard_cloudru.models import Operation, Registry
from fuseboard_cloudru.result import Maybe, Said, without_docstring
from fuseboard_cloudru.tools.arguments import MOST_SECONDS, Ctx


class Outcome(BaseModel):
    """What came of a change."""

    model_config = ConfigDict(json_schema_extra=without_docstring)

    done: bool = Field(description="false while the service still works on it")
    operation: Maybe[Operation] = Field(default=None, description="the work, when the service told it")
    registry: Maybe[Registry] = Field(default=None, description="as it is now, when known")
    note: Said = Field(default="", description="what to do next")


async def outcome_of(ctx: Ctx, answer: Operation | Registry, leaves: Leaves, *, wait: bool) -> Outcome:
    """The answer to a change, followed to its end if that is wanted.

    Args:
        ctx: the call's context.
        answer: what the service answered; some changes are over at once, and answered with the registry.
        leaves: what the operation leaves behind.
        wait: whether to follow it.

    Raises:
        OperationFailed: it was followed, and failed.
    """
    if isinstance(answer, Registry):
        return Outcome(done=True, registry=answer)
    if wait:
        return await followed(ctx, answer, leaves, MOST_SECONDS)
    answer.raise_for_error()
    if answer.done:
        return Outcome(done=True, operation=answer)
    return Outcome(done=False, operation=answer, note=how_to_go_on(answer))


async def followed(ctx: Ctx, operation: Operation | str, leaves: Leaves, seconds: float) -> Outcome:
    """Follow an operation, and say how to go on where the time was not enough."""
    found = await follow(ctx.state.api, operation, leaves, seconds=seconds, tell=ctx.report_progress)
    note = "" if found.finished else f"not over after {seconds:g} s; {how_to_go_on(found.operation)}"
    return Outcome(done=found.finished, operation=found.operation, registry=found.registry, note=note)
