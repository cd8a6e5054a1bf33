"""The tool that creates a registry."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fuseboard_cloudru.models import CreateRegistry, QuarantineMode, RegistryType, Tariff, Upstream
from fuseboard_cloudru.tools.arguments import Ctx, RegistryName, Wait, registry_name_of
from fuseboard_cloudru.tools.outcome import Outcome, outcome_of
from fuseboard_cloudru.tools.retention import RetentionDays, RetentionEnabled, RetentionUntagged, retention_of


async def create_registry(
    ctx: Ctx,
    name: RegistryName,
    registry_type: Annotated[RegistryType, Field(description="What it holds; fixed for its life.")] = "DOCKER",
    is_public: Annotated[bool, Field(description="Let anybody read it without a login.")] = False,
    mode: Annotated[
        Literal["LOCAL", "REMOTE"] | None,
        Field(description="REMOTE caches the registry of upstream. Fixed for its life; LOCAL when omitted."),
    ] = None,
    upstream: Annotated[Upstream | None, Field(description="Needed with REMOTE, refused otherwise.")] = None,
    quarantine_mode: Annotated[
        QuarantineMode | None, Field(description="See update_quarantine_mode. DISABLED when omitted.")
    ] = None,
    retention_days: RetentionDays = None,
    retention_only_untagged: RetentionUntagged = None,
    retention_enabled: RetentionEnabled = None,
    tariff: Annotated[Tariff | None, Field(description="The service chooses when omitted.")] = None,
    wait: Wait = False,
) -> Outcome:
    """Create a registry, private unless is_public is set. Answers with the operation, with wait with the ACTIVE
    registry. DOCKER registries are reached at <name>.cr.cloud.ru, so the name must be free there.
    """
    wanted = CreateRegistry.of(
        name=registry_name_of(name),
        registry_type=registry_type,
        is_public=is_public,
        registry_mode=f"REGISTRY_MODE_{mode}" if mode else None,
        upstream=upstream,
        quarantine_mode=quarantine_mode,
        tariff=tariff,
        **retention_of(retention_days, retention_only_untagged, retention_enabled),
    )
    return await outcome_of(ctx, await ctx.state.api.create_registry(wanted), "registry", wait=wait)
