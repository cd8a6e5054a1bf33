"""The health check: do the keys give a token, and does the service answer?"""

from __future__ import annotations

from typing import Any

import anyio

from fuseboard import Context, HealthReport
from fuseboard_cloudru.account import Account
from fuseboard_cloudru.errors import CloudruError

# Below the host's deadline of this check, so that the report names who is slow.
PATIENCE = 4.5
TIMEOUT = 5.0


async def service(ctx: Context[Account]) -> HealthReport:
    """Get a token, if there is none, and ask for the shortest list of registries."""
    account = ctx.state
    settings = account.settings
    details: dict[str, Any] = {"api_url": settings.api_url, "read_only": settings.read_only}
    if settings.project_id is not None:
        details["project_id"] = str(settings.project_id)
    if account.sharing:
        details["share_with_oci"] = account.sharing
    reason = f"{settings.api_url} gave no answer within {PATIENCE:g} s"
    with anyio.move_on_after(PATIENCE):
        reason = await _reason(account)
    return HealthReport(ok=not reason, message=reason, details=details)


async def _reason(account: Account) -> str:
    """Why the service cannot be used; empty when it can."""
    try:
        await account.check()
    except CloudruError as error:
        return str(error)
    return ""
