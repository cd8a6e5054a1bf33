"""The health of the plugin."""

from __future__ import annotations

from fuseboard import Context, HealthReport
from fuseboard_cloudru.config import CloudruSettings

NO_TOOLS_YET = "the tools of this plugin come with a later release"


async def credentials(ctx: Context[CloudruSettings]) -> HealthReport:
    """Tell whether the credentials are complete. None at all is fine, a part of them is a mistake."""
    missing = ctx.state.missing()
    if not missing:
        return HealthReport(ok=True, message=f"credentials are set; {NO_TOOLS_YET}")
    if len(missing) == len(CloudruSettings.model_fields):
        return HealthReport(ok=True, message=f"no credentials; {NO_TOOLS_YET}")
    return HealthReport(ok=False, message=f"the credentials are incomplete: set {' and '.join(missing)} as well")
