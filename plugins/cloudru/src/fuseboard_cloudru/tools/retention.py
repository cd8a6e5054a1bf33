"""The arguments that choose which images a registry deletes by itself."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from fuseboard_cloudru.errors import InvalidInput
from fuseboard_cloudru.models import RetentionPolicy

RetentionDays = Annotated[
    int | None,
    Field(ge=1, le=365, description="Delete images that nobody pulled for so many days."),
]
RetentionUntagged = Annotated[bool | None, Field(description="With retention_days: delete only images without a tag.")]
RetentionEnabled = Annotated[
    bool | None, Field(description="Whether retention acts; true when omitted beside retention_days.")
]


def retention_of(days: int | None, only_untagged: bool | None, enabled: bool | None) -> dict[str, Any]:
    """The fields of a request that these arguments stand for.

    Raises:
        InvalidInput: a detail of a policy is given without the policy.
    """
    if days is None:
        if only_untagged is not None:
            raise InvalidInput("retention_only_untagged belongs to retention_days; give both")
        return {"retention_policy_is_enabled": enabled}
    policy = RetentionPolicy.of(value=days, only_untagged=only_untagged)
    return {"retention_policy": policy, "retention_policy_is_enabled": True if enabled is None else enabled}
