"""MCP over HTTP: one Starlette app with the MCP endpoints, the probes and the routes that plugins add."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.runner import serve_dual_era_loop
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Receive, Scope, Send

from fuseboard.settings import HttpSettings
from fuseboard.transports.http_auth import doorkeeper, metadata_routes
from fuseboard.transports.http_guard import HttpGuard, InFlight, Refused, error_body
from fuseboard.transports.http_lists import ListSplicer
from fuseboard.transports.http_server import GRACE, LAST_ANSWERS, HttpServer, bind
from fuseboard.transports.http_timing import HttpTiming
from fuseboard.transports.probes import probe_routes
from fuseboard.transports.running_tasks import RunningTasks
from fuseboard.transports.signals import StopSignals

if TYPE_CHECKING:
    from fuseboard.mcp_server import Served

logger = logging.getLogger(__name__)


def http_app(host: Any, served: Served, settings: HttpSettings) -> Starlette:
    """Everything that is served over HTTP, as one ASGI app. Its lifespan must be entered.

    Args:
        host: its health, ledger, routes, access and settings are used; plugins may add routes while it runs.
        served: the MCP server, the same for every endpoint.
        settings: who may ask, how much, and how many sessions there may be.

    Raises:
        SettingsError: the file of tokens cannot be used.
    """
    manager = StreamableHTTPSessionManager(
        served.server,
        max_request_body_size=settings.max_body_bytes,
        max_sessions=settings.max_sessions,
        session_idle_timeout=settings.session_idle_timeout,
        stateless=not settings.sessions,
    )
    sse = SseServerTransport("/messages/", max_request_body_size=settings.max_body_bytes)
    endpoint = ListSplicer(StreamableHTTPASGIApp(manager))
    in_flight, calls = InFlight(), RunningCalls()
    served.server.middleware.append(calls)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield
            served.notifier.listen.close()

    app = Starlette(
        lifespan=lifespan,
        middleware=[
            Middleware(HttpTiming),
            Middleware(HttpGuard, settings=settings, in_flight=in_flight),
            *doorkeeper(host, served),
        ],
        exception_handlers={HTTPException: _as_json},
        routes=[
            Route("/mcp", endpoint),
            Route("/mcp/", endpoint),  # as many clients are configured
            Route("/sse", SseEndpoint(host, served, sse, settings.max_sessions), methods=["GET"]),
            Mount("/messages/", sse.handle_post_message),
            *probe_routes(host),
            *metadata_routes(host.settings.auth),
        ],
    )
    # Asked only when no route of our own has the path, whatever the method: a plugin cannot shadow one of ours.
    app.router.default = PluginRoutes(host)
    app.router.redirect_slashes = False
    app.state.in_flight, app.state.calls = in_flight, calls
    return app


async def _as_json(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    body = error_body(error.status_code, error.detail)
    return Response(body, error.status_code, error.headers, "application/json")


class RunningCalls:
    """Server middleware that knows the requests of every endpoint and era, so that a shutdown can answer them."""

    def __init__(self) -> None:
        self._tasks: RunningTasks[None] = RunningTasks()

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Run one request; an error answers it when `end` is called."""
        task = asyncio.current_task()
        if ctx.request_id is None or task is None:
            return await call_next(ctx)
        # The task itself is cancelled: a cancel scope for each request would cost as much as its deadline.
        self._tasks.add(task, None)
        try:
            return await call_next(ctx)
        except asyncio.CancelledError:
            if not self._tasks.was_cancelled(task):
                raise
            task.uncancel()
            raise MCPError(CONNECTION_CLOSED, "The server is shutting down") from None
        finally:
            self._tasks.discard(task)

    def end(self) -> None:
        """Cancel all of them."""
        self._tasks.cancel()


class SseEndpoint:
    """`/sse`: one connection of the old HTTP transport, which clients before 2025-03-26 speak."""

    def __init__(self, host: Any, served: Served, sse: SseServerTransport, most: int) -> None:
        self._host = host
        self._served = served
        self._sse = sse
        self._places = asyncio.Semaphore(most)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until the client closes it."""
        if scope["method"] != "GET":  # a route for GET takes HEAD too, whose answer would never end
            raise HTTPException(405, "Method Not Allowed", {"Allow": "GET"})
        if self._places.locked():
            raise Refused(503, "Too many open sessions; try again later")
        async with self._places, self._sse.connect_sse(scope, receive, send) as (read, write):
            await serve_dual_era_loop(self._served.server, read, write, lifespan_state=self._host, init_options=None)


class PluginRoutes:
    """The routes that plugins add, each behind an exception boundary. They are looked up anew for each request."""

    def __init__(self, host: Any) -> None:
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find the route: the first that fits, else the first that fits but for the method."""
        partial: tuple[str, BaseRoute, Scope] | None = None
        for plugin, route in self._host.routes:
            match, child = _match(plugin, route, scope)
            if match is Match.FULL:
                return await self._run(plugin, route, {**scope, **child}, receive, send)
            if match is Match.PARTIAL and partial is None:
                partial = plugin, route, {**scope, **child}
        if partial is None:
            raise HTTPException(404, "There is nothing at this path; MCP is served at /mcp")
        await self._run(*partial, receive, send)

    async def _run(self, plugin: str, route: BaseRoute, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await route.handle(scope, receive, send)
        except (asyncio.CancelledError, HTTPException, Refused):
            raise
        except BaseException as error:
            reference = uuid4().hex[:8]
            logger.error("[%s] %s: its route %s raised", reference, plugin, scope["path"], exc_info=error)
            raise Refused(500, f"The route failed; the log has it under the reference {reference}") from None


def _match(plugin: str, route: BaseRoute, scope: Scope) -> tuple[Match, Scope]:
    try:
        return route.matches(scope)
    except Exception:
        # A route class of the plugin's own: it must not stand before the routes of others.
        logger.exception("%s: a route raised when it was asked for %s", plugin, scope["path"])
        return Match.NONE, {}


async def serve_http(host: Any, served: Served, settings: HttpSettings, *, stop: StopSignals | None = None) -> None:
    """Serve until SIGTERM or SIGINT; then streams end, running calls get a second, and the rest gets an error.

    Args:
        host: see `http_app`; the caller leaves it afterwards.
        served: the MCP server.
        settings: where to listen, and what `http_app` needs.
        stop: signals that are watched already; without it they are watched while serving.

    Raises:
        FuseboardError: the address cannot be listened on.
    """
    if stop is None:
        with StopSignals() as signals:
            return await serve_http(host, served, settings, stop=signals)
    sockets = bind(settings.host, settings.port)
    app = http_app(host, served, settings)
    name = f"[{settings.host}]" if ":" in settings.host else settings.host
    server = HttpServer(app, f"http://{name}:{sockets[0].getsockname()[1]}/mcp")
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_end, stop, server, served, app)
            await server.serve(sockets=sockets)
            tasks.cancel_scope.cancel()
    finally:
        for listener in sockets:
            listener.close()


async def _end(stop: StopSignals, server: HttpServer, served: Served, app: Starlette) -> None:
    await stop.wait()
    server.should_exit = True
    # These streams end with a last message of their own; the others are simply closed.
    served.notifier.listen.close()
    app.state.in_flight.end(streams_only=True)
    await anyio.sleep(GRACE)
    app.state.calls.end()
    await anyio.sleep(LAST_ANSWERS)
    app.state.in_flight.end(streams_only=False)
