"""The tool that deletes a registry, and the question that stands before it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from fuseboard import ToolError
from fuseboard_cloudru.errors import NotConfirmed
from fuseboard_cloudru.models import Registry
from fuseboard_cloudru.tools.arguments import Ctx, RegistryId, Wait, registry_id_of
from fuseboard_cloudru.tools.outcome import Outcome, outcome_of


class Confirmation(BaseModel):
    """The form that the user is asked to fill."""

    delete: bool = Field(title="Delete it for good", description="The registry and everything in it.")


async def delete_registry(
    ctx: Ctx,
    registry_id: RegistryId,
    confirm_name: Annotated[
        str | None,
        Field(description="The registry's name, as the user agreed to delete it. The user is asked when omitted."),
    ] = None,
    wait: Wait = False,
) -> Outcome:
    """Delete a registry and everything in it, for good. Asks the user first."""
    api = ctx.state.api
    registry = await api.get_registry(registry_id_of(registry_id))
    # Nothing is sent before this: where the client answers in a new round, the function begins anew.
    if confirm_name is None:
        await _ask(ctx, registry)
    elif confirm_name != registry.name:
        raise NotConfirmed(
            f"confirm_name is {confirm_name[:80]!r}, but {registry.id} is the registry {registry.name!r}; "
            "nothing was deleted"
        )
    return await outcome_of(ctx, await api.delete_registry(registry.id), "nothing", wait=wait)


async def _ask(ctx: Ctx, registry: Registry) -> None:
    """Ask the user.

    Raises:
        NotConfirmed: the user does not agree, or cannot be asked.
    """
    kind = f"{'public' if registry.is_public else 'private'} {registry.registry_type}"
    question = (
        f"Delete the {kind} registry {registry.name!r} (id {registry.id}) with everything in it? This cannot be undone."
    )
    try:
        answer = await ctx.elicit(question, Confirmation)
    except ToolError as error:
        raise NotConfirmed(
            f"the user could not be asked ({error}); nothing was deleted. When the user agrees to lose registry "
            f"{registry.name!r} with everything in it, call again with confirm_name={registry.name!r}"
        ) from None
    if answer.action != "accept" or not (answer.content or {}).get("delete"):
        raise NotConfirmed(f"the user did not agree: registry {registry.name!r} stays, and nothing was sent")
