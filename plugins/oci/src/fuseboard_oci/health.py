"""The health check: do the registries that the operator named answer?"""

from __future__ import annotations

from functools import partial

import anyio

from fuseboard import Context, HealthReport
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.errors import OciError

# Below the host's deadline of a check, so that the report names the registry that is slow.
PATIENCE = 1.5


async def registries(ctx: Context[RegistryClient]) -> HealthReport:
    """Ask `/v2/` of every registry in the settings. Well when all answer, and when none is named."""
    client = ctx.state
    details: dict[str, str] = {}
    async with anyio.create_task_group() as group:
        for name in client.settings.registries:
            group.start_soon(partial(_check, client, name, details))
    ill = [f"{name}: {result}" for name, result in sorted(details.items()) if result != "ok"]
    return HealthReport(ok=not ill, message="; ".join(ill), details=details)


async def _check(client: RegistryClient, name: str, details: dict[str, str]) -> None:
    details[name] = f"no answer within {PATIENCE:g} s"
    with anyio.move_on_after(PATIENCE):
        try:
            await client.registry(name).check()
            details[name] = "ok"
        except OciError as error:
            details[name] = str(error)
