"""A plugin whose call middleware and routes, which run on the host's own loop, misbehave on demand."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from fuseboard import Call, CallMiddleware, CallNext, ToolError, hookimpl
from fuseboard_faulty.journal import Tools, note, secret

if TYPE_CHECKING:
    from fuseboard import ToolRegistrar


async def behave(how: str) -> str:
    """A tool around which the middleware behaves in this way."""
    return how


async def middleware(call: Call, call_next: CallNext) -> dict[str, Any]:
    """Pass every call on, but misbehave around the own tool and that of `guest`, which can have less time."""
    how = call.arguments.get("how") if call.plugin in ("house", "guest") else None
    if how == "raises":
        raise RuntimeError(f"login failed for admin:{secret()}")
    if how == "exits":
        sys.exit(3)
    if how == "interrupts":
        raise KeyboardInterrupt
    if how == "cancels":
        raise asyncio.CancelledError
    if how == "hangs":
        await asyncio.Event().wait()
    if how == "refuses":
        raise ToolError("this caller may not do that")
    if how == "forgets":
        return None  # type: ignore[return-value]
    result = await call_next(call)
    return result | WORSE.get(str(how), {})


WORSE: dict[str, dict[str, Any]] = {
    "object": {"content": [{"type": "text", "text": object()}]},
    "surrogate": {"content": [{"type": "text", "text": "\ud800"}]},
    "not_a_number": {"structuredContent": {"a": float("nan")}},
    "nonsense": {"content": "nonsense"},
    "huge": {"content": [{"type": "text", "text": "x" * (20 * 1024 * 1024)}]},
}


async def route_raises(request: Request) -> Response:
    """Raise, with a secret in the words."""
    raise RuntimeError(f"login failed for admin:{secret()}")


async def route_exits(request: Request) -> Response:
    """Ask to end the process."""
    sys.exit(3)


async def route_hangs(request: Request) -> Response:
    """Never answer."""
    note("a route hangs")
    await asyncio.Event().wait()
    return PlainTextResponse("never")


async def route_returns_nothing(request: Request) -> Response:
    """Forget the answer."""
    return None  # type: ignore[return-value]


async def shadow(request: Request) -> Response:
    """Try to stand in front of the host's own endpoints."""
    return PlainTextResponse("shadowed", 418)


async def tasks(request: Request) -> Response:
    """The names of all tasks on the host's loop: a test sees by them whether something was left behind."""
    return JSONResponse(sorted(str(task.get_coro()) for task in asyncio.all_tasks()))


async def descriptors(request: Request) -> Response:
    """How many descriptors the process has open."""
    return PlainTextResponse(str(len(os.listdir("/dev/fd"))))


async def threads(request: Request) -> Response:
    """How many threads the process has."""
    return PlainTextResponse(str(threading.active_count()))


class Plugin:
    """The plugin object."""

    @hookimpl
    def register_tools(self, register: ToolRegistrar) -> None:
        register(behave)

    @hookimpl
    def call_middleware(self) -> Sequence[CallMiddleware]:
        return [middleware]

    @hookimpl
    def http_routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/faulty/raises", route_raises),
            Route("/faulty/exits", route_exits),
            Route("/faulty/hangs", route_hangs),
            Route("/faulty/nothing", route_returns_nothing),
            Route("/faulty/tasks", tasks),
            Route("/faulty/descriptors", descriptors),
            Route("/faulty/threads", threads),
            Route("/mcp", shadow, methods=["GET", "POST"]),
            Route("/livez", shadow),
            Route("/readyz", shadow),
        ]


plugin = Plugin()
guest = Tools(behave)
