"""Plugins whose health checks misbehave; their tools work."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fuseboard import Context, HealthReport, hookimpl
from fuseboard_faulty.journal import AMPLE, fine, secret

if TYPE_CHECKING:
    from fuseboard import HealthRegistrar, ToolRegistrar


class Named:
    """A plugin whose health check has this name."""

    def __init__(self, name: str) -> None:
        self._name = name

    @hookimpl
    def register_health_checks(self, register: HealthRegistrar) -> None:
        async def is_well(ctx: Context[None]) -> None:
            """Always well."""

        register(is_well, name=self._name)


class Checked:
    """A plugin with a tool and this health check, which has so many seconds."""

    def __init__(self, check: Callable[..., Any], timeout: float = AMPLE) -> None:
        self._check = check
        self._timeout = timeout

    @hookimpl
    def register_tools(self, register: ToolRegistrar) -> None:
        register(fine)

    @hookimpl
    def register_health_checks(self, register: HealthRegistrar) -> None:
        register(self._check, name="look", timeout=self._timeout)


async def _raises(ctx: Context[None]) -> None:
    raise RuntimeError(f"login failed for admin:{secret()}")


async def _hangs(ctx: Context[None]) -> None:
    await asyncio.Event().wait()


async def _ignores_cancel(ctx: Context[None]) -> None:
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue


async def _blocks(ctx: Context[None]) -> None:
    time.sleep(60)  # noqa: ASYNC251 - that is the fault


async def _exits(ctx: Context[None]) -> None:
    sys.exit(9)


async def _cancels(ctx: Context[None]) -> None:
    raise asyncio.CancelledError


async def _number(ctx: Context[None]) -> Any:
    return 42


async def _rubbish(ctx: Context[None]) -> HealthReport:
    return HealthReport(ok="perhaps", message=object(), details={"a": object(), "b": float("nan")})  # type: ignore[arg-type]


async def _surrogate(ctx: Context[None]) -> str:
    return "half a letter: \ud800"


async def _huge(ctx: Context[None]) -> HealthReport:
    return HealthReport(ok=False, message="x" * 10_000_000, details={"a": "x" * 10_000_000})


surrogate_name = Named("half a letter: \ud800")
long_name = Named("x" * 100_000)
raises = Checked(_raises)
hangs = Checked(_hangs, timeout=0.3)
ignores_cancel = Checked(_ignores_cancel, timeout=0.3)
blocks = Checked(_blocks, timeout=0.3)
exits = Checked(_exits)
cancels = Checked(_cancels)
number = Checked(_number)
rubbish = Checked(_rubbish)
surrogate = Checked(_surrogate)
huge = Checked(_huge)
