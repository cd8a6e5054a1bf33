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
from mcp_types import SubscriptionsListenRequestParams, SubscriptionsListenResult

from fuseboard.access import Rights
from fuseboard.catalogue import Catalogue
from fuseboard.errors import UnknownName

Ctx = ServerRequestContext[Any, Any]
RightsOf = Callable[[Ctx], Rights | None]

SUBSCRIPTIONS = "fuseboard/subscriptions"
PATIENCE = 5.0
"""Seconds that a client gets to take a notification."""


class Audience:
    """Those clients of 2026-07-28 that may see the same: the SDK's handler tells all of its streams the same."""

    def __init__(self) -> None:
        self.bus = InMemorySubscriptionBus()
        self.listen = ListenHandler(self.bus)


class Listening:
    """The handler of `subscriptions/listen` (2026-07-28); close it before the server ends."""

    def __init__(self, rights_of: RightsOf) -> None:
        self._rights_of = rights_of
        self.audiences: dict[Rights | None, Audience] = {None: Audience()}

    async def __call__(self, ctx: Ctx, params: SubscriptionsListenRequestParams) -> SubscriptionsListenResult:
        """Serve one stream."""
        audience = self.audiences.setdefault(self._rights_of(ctx), Audience())
        return await audience.listen(ctx, params)

    def close(self) -> None:
        """End every stream with a last message."""
        for audience in self.audiences.values():
            audience.listen.close()


class ChangeNotifier:
    """Used on the host's loop.

    Args:
        rights_of: the rights of whoever sent a request; None where nothing binds but the rules for everybody.

    Attributes:
        listen: the handler of `subscriptions/listen` (2026-07-28); close it before the server ends.
    """

    def __init__(self, rights_of: RightsOf = lambda ctx: None) -> None:
        self.listen = Listening(rights_of)
        self._rights_of = rights_of
        self._legacy: weakref.WeakKeyDictionary[Connection, Rights | None] = weakref.WeakKeyDictionary()

    async def track(self, ctx: Ctx, call_next: CallNext) -> HandlerResult:
        """Server middleware: remember each connection of a handshake revision for as long as it lives."""
        if ctx.method == "notifications/initialized":
            self._legacy[connection_of(ctx)] = self._rights_of(ctx)
        return await call_next(ctx)

    async def catalogue_changed(self, before: Catalogue, after: Catalogue) -> None:
        """Tell everybody which of their lists have changed, and nobody of what is not in theirs."""
        async with anyio.create_task_group() as tasks:
            for rights in {*self.listen.audiences, *self._legacy.values()}:
                tasks.start_soon(self._lists_changed, rights, before.seen_with(rights), after.seen_with(rights))

    async def _lists_changed(self, rights: Rights | None, before: Catalogue, after: Catalogue) -> None:
        tools, prompts = before.tools != after.tools, before.prompts != after.prompts
        resources = before.resources != after.resources or before.templates != after.templates
        if not (tools or prompts or resources):
            return
        if (audience := self.listen.audiences.get(rights)) is not None:
            if tools:
                await audience.bus.publish(ToolsListChanged())
            if prompts:
                await audience.bus.publish(PromptsListChanged())
            if resources:
                await audience.bus.publish(ResourcesListChanged())

        async def tell(connection: Connection) -> None:
            if tools:
                await connection.send_tool_list_changed()
            if prompts:
                await connection.send_prompt_list_changed()
            if resources:
                await connection.send_resource_list_changed()

        await self._each([one for one, theirs in self._legacy.items() if theirs is rights], tell)

    async def resource_updated(self, uri: str, catalogue: Catalogue) -> None:
        """Send `resources/updated` to those who subscribed to it and may read it."""
        for rights, audience in list(self.listen.audiences.items()):
            if _may_read(catalogue, rights, uri):
                await audience.bus.publish(ResourceUpdated(uri=uri))
        subscribed = [
            one
            for one, rights in self._legacy.items()
            if uri in one.state.get(SUBSCRIPTIONS, ()) and _may_read(catalogue, rights, uri)
        ]
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


def _may_read(catalogue: Catalogue, rights: Rights | None, uri: str) -> bool:
    if rights is None:
        return True
    try:
        catalogue.seen_with(rights).resource(uri)
    except UnknownName:
        return False
    return True


def connection_of(ctx: Ctx) -> Connection:
    """The connection behind a request.

    The SDK has no public way to it; `list_changed` and subscriptions on the handshake revisions need it. The only
    private name of the SDK that the host uses; a test says when it goes.
    """
    return ctx.session._connection
