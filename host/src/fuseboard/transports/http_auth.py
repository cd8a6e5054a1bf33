"""Who is asking? Said of every HTTP request before anything else sees it, plugins' routes included."""

from __future__ import annotations

from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from fuseboard.access import Access
from fuseboard.caller import CALLER, Caller, asking


class Doorkeeper:
    """The ASGI middleware: tells everything behind it who asks.

    Args:
        app: what is behind it.
        access: the roles of clients.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._anonymous = Caller("http", roles=access.anonymous)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request in the name of its sender."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        scope[CALLER] = self._anonymous
        mark = asking.set(self._anonymous)
        try:
            await self._app(scope, receive, send)
        finally:
            asking.reset(mark)


def doorkeeper(host: Any, served: Any) -> list[Middleware]:
    """The middleware; none where nobody's rights differ, which costs nothing per request."""
    if not host.access.has_roles:
        return []
    served.server.middleware.append(only_known_senders)
    return [Middleware(Doorkeeper, access=host.access)]


async def only_known_senders(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Server middleware: without its HTTP request nobody knows whose message it is, and nobody's is not served."""
    if ctx.request is None or CALLER not in ctx.request.scope:
        raise MCPError(INTERNAL_ERROR, "The sender of this message is not known")
    return await call_next(ctx)
