"""The tool that chooses which images go to quarantine."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fuseboard_cloudru.models import QuarantineMode
from fuseboard_cloudru.tools.arguments import Ctx, RegistryId, Wait, registry_id_of
from fuseboard_cloudru.tools.outcome import Outcome, outcome_of


async def update_quarantine_mode(
    ctx: Ctx,
    registry_id: RegistryId,
    quarantine_mode: Annotated[
        QuarantineMode,
        # Cloud.ru does not publish which end of the scale is which.
        Field(description="Presumably the lowest severity that counts: LOW is strictest, CRITICAL mildest."),
    ],
    wait: Wait = False,
) -> Outcome:
    """Choose which vulnerabilities send an image of a DOCKER registry to quarantine, where it cannot be pulled."""
    changed = await ctx.state.api.set_quarantine(registry_id_of(registry_id), quarantine_mode)
    return await outcome_of(ctx, changed, "registry", wait=wait)
