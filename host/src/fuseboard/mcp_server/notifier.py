"""Tells the clients of both protocol eras what has changed: lists, and resources that they subscribed to."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import anyio
from mcp.server.connection import Connection
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ToolsListChanged,
)

SUBSCRIPTIONS = "fuseboard/subscriptions"
PATIENCE = 5.0
"""Seconds that a client gets to take a notification."""


class ChangeNotifier:
    """Used on the host's loop.

    Attributes:
        listen: the handler of `subscriptions/listen` (2026-07-28); close it before the server ends.
    """

    def __init__(self) -> None:
        self._bus = InMemorySubscriptionBus()
        self.listen = ListenHandler(self._bus)
        self._legacy: weakref.WeakSet[Connection] = weakref.WeakSet()

    async def track(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Server middleware: remember each connection of a handshake revision for as long as it lives."""
        if ctx.method == "notifications/initialized":
            self._legacy.add(connection_of(ctx))
        return await call_next(ctx)

    async def lists_changed(self, *, tools: bool, prompts: bool, resources: bool) -> None:
        """Send `list_changed` for these lists."""
        if tools:
            await self._bus.publish(ToolsListChanged())
        if prompts:
            await self._bus.publish(PromptsListChanged())
        if resources:
            await self._bus.publish(ResourcesListChanged())

        async def tell(connection: Connection) -> None:
            if tools:
                await connection.send_tool_list_changed()
            if prompts:
                await connection.send_prompt_list_changed()
            if resources:
                await connection.send_resource_list_changed()

        await self._each(self._legacy, tell)

    async def resource_updated(self, uri: str) -> None:
        """Send `resources/updated` to those who subscribed to it."""
        await self._bus.publish(ResourceUpdated(uri=uri))
        subscribed = [one for one in self._legacy if uri in one.state.get(SUBSCRIPTIONS, ())]
        await self._each(subscribed, lambda connection: connection.send_resource_updated(uri))

    async def _each(
        self, connections: Iterable[Connection], tell: Callable[[Connection], Coroutine[Any, Any, None]]
    ) -> None:
        """Tell each of them; a client that has stopped reading holds up nobody else."""

        async def one(connection: Connection) -> None:
            with anyio.move_on_after(PATIENCE):
                await tell(connection)

        async with anyio.create_task_group() as tasks:
            for connection in list(connections):
                tasks.start_soon(one, connection)


def connection_of(ctx: ServerRequestContext[Any, Any]) -> Connection:
    """The connection behind a request.

    The SDK has no public way to it; `list_changed` and subscriptions on the handshake revisions need it. The only
    private name of the SDK that the host uses; a test says when it goes.
    """
    return ctx.session._connection
