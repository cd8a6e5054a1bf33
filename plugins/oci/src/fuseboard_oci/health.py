"""The health check: do the registries that the operator named answer, and how many pulls are left?"""

from __future__ import annotations

from functools import partial

import anyio

from fuseboard import Context, HealthReport
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.config import is_pattern
from fuseboard_oci.errors import OciError
from fuseboard_oci.failures import RateLimit

# Below the host's deadline of a check, so that the report names the registry that is slow.
PATIENCE = 1.5


async def registries(ctx: Context[RegistryClient]) -> HealthReport:
    """Ask `/v2/` of every registry in the settings. Well when all answer, and when none is named.

    The details say for each registry "ok" or the reason, and how many pulls are left where the registry ever said so.
    The login is not tried here: repeated with a wrong password it would lock the account. What came of it when it was
    last used is said, and what is wrong with docker's files, where they are used.
    """
    client = ctx.state
    reasons: dict[str, str] = {}
    # A pattern such as *.example.com is nobody who could be asked.
    names = [name for name in client.settings.registries if not is_pattern(name)]
    async with anyio.create_task_group() as group:
        for name in names:
            group.start_soon(partial(_check, client, name, reasons))
    ill = [f"{name}: {reasons[name]}" for name in sorted(names) if reasons[name]]
    details = {name: reasons[name] or _well(client.known(name).rate_limit) for name in names}
    if client.docker is not None:
        await client.docker.refresh()
        if client.docker.problems:
            details["docker_config"] = "; ".join(client.docker.problems)
    return HealthReport(ok=not ill, message="; ".join(ill), details=details)


async def _check(client: RegistryClient, name: str, reasons: dict[str, str]) -> None:
    """Note why a registry is ill; an empty text when it is well."""
    reasons[name] = f"no answer within {PATIENCE:g} s"
    with anyio.move_on_after(PATIENCE):
        try:
            registry = client.registry(name)
            await registry.check()
            reasons[name] = f"LOGIN: {registry.refusal}" if registry.refusal else ""
        except OciError as error:
            reasons[name] = str(error)


def _well(left: RateLimit | None) -> str:
    if left is None or left.remaining is None:
        return "ok"
    of_all = f" of {left.limit}" if left.limit is not None else ""
    window = f" in {_duration(left.window)}" if left.window else ""
    return f"ok, {left.remaining}{of_all} pulls left{window}"


def _duration(seconds: int) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
