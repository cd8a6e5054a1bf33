"""The tool that changes a registry."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fuseboard_cloudru.models import Tariff, UpdateRegistry, Upstream
from fuseboard_cloudru.tools.arguments import Ctx, RegistryId, Wait, registry_id_of
from fuseboard_cloudru.tools.outcome import Outcome, outcome_of
from fuseboard_cloudru.tools.retention import RetentionDays, RetentionEnabled, RetentionUntagged, retention_of


async def update_registry(
    ctx: Ctx,
    registry_id: RegistryId,
    is_public: Annotated[bool | None, Field(description="Let anybody read it without a login, or not.")] = None,
    retention_days: RetentionDays = None,
    retention_only_untagged: RetentionUntagged = None,
    retention_enabled: RetentionEnabled = None,
    tariff: Annotated[Tariff | None, Field(description="What it costs.")] = None,
    upstream: Annotated[Upstream | None, Field(description="Only of a REMOTE registry; replaces all of it.")] = None,
    wait: Wait = False,
) -> Outcome:
    """Change a registry; what is omitted stays as it is. Name, type and mode cannot be changed. A retention policy
    deletes images for good.
    """
    registry_id = registry_id_of(registry_id)
    changes = UpdateRegistry.of(
        is_public=is_public,
        tariff=tariff,
        upstream=upstream,
        **retention_of(retention_days, retention_only_untagged, retention_enabled),
    )
    return await outcome_of(ctx, await ctx.state.api.update_registry(registry_id, changes), "registry", wait=wait)
