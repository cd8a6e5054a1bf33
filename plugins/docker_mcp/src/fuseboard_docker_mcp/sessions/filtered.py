"""A filter between a transport and the SDK's session.

It leaves single tools with a broken form out of a listing, which the SDK would refuse as a whole; it notices that the
peer is gone, which the SDK's client does not tell; and it says with each request what the user of this very call can
be asked, which the SDK fixes for a whole session.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from typing import Any

import anyio
from mcp_types import methods

CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
capabilities: ContextVar[Mapping[str, Any] | None] = ContextVar("capabilities", default=None)
"""What the caller of the running call can be asked, in wire form; None leaves what the session declares."""

_REVISIONS = ("2025-11-25", "2026-07-28")
_CACHED = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}


def fits(tool: Any) -> bool:
    """Whether a tool in wire form is one in both protocol eras."""
    try:
        for revision in _REVISIONS:
            methods.validate_server_result("tools/list", revision, {"tools": [tool], **_CACHED})
    except (ValueError, TypeError, RecursionError):
        return False
    return True


@asynccontextmanager
async def filtered(
    transport: AbstractAsyncContextManager[tuple[Any, Any]],
    on_drop: Callable[[Any], None],
    on_close: Callable[[], None],
) -> AsyncIterator[tuple[Any, Any]]:
    """A transport whose listings hold only tools that fit.

    Args:
        transport: the streams as they are.
        on_drop: gets each tool that was left out, as the server sent it.
        on_close: called once, when the peer is gone.
    """
    async with transport as (read, write):
        send, receive = anyio.create_memory_object_stream[Any](0)
        outgoing = _Outgoing(write)

        async def pump() -> None:
            try:
                async with send:
                    async for item in read:
                        _keep_what_fits(item, outgoing.listings, on_drop)
                        await send.send(item)
                    on_close()  # before `send` is closed: a call that ends with it can be sure that the peer is gone
            except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                on_close()

        with send, receive:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(pump)
                yield receive, outgoing
                tasks.cancel_scope.cancel()


def _keep_what_fits(item: Any, listings: set[Any], on_drop: Callable[[Any], None]) -> None:
    message: Any = getattr(item, "message", None)
    number = getattr(message, "id", None)
    if number not in listings:
        return
    listings.discard(number)
    result = getattr(message, "result", None)
    if isinstance(result, dict) and isinstance(tools := result.get("tools"), list):
        result["tools"] = kept = []
        for tool in tools:
            if fits(tool):
                kept.append(tool)
            else:
                on_drop(tool)


class _Outgoing:
    """The stream to the server: remembers which requests were listings, and says what this caller can be asked."""

    def __init__(self, write: Any) -> None:
        self._write = write
        self.listings: set[Any] = set()

    async def send(self, item: Any) -> None:
        message = item.message
        method = getattr(message, "method", None)
        if method == "tools/list":
            self.listings.add(message.id)
        can = capabilities.get()
        params = getattr(message, "params", None)
        if can is not None and params and CAPABILITIES_KEY in (meta := params.get("_meta") or {}):
            params["_meta"] = {**meta, CAPABILITIES_KEY: dict(can)}
        await self._write.send(item)

    async def aclose(self) -> None:
        await self._write.aclose()

    async def __aenter__(self) -> _Outgoing:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
