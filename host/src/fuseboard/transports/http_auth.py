"""Who is asking? The bearer token of every HTTP request, judged before anything else sees the request.

Plugins' routes are behind it too; only the probes and the metadata that says where tokens come from are open.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, BearerAuthBackend, RequireAuthMiddleware
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR
from pydantic import AnyHttpUrl
from starlette.authentication import AuthenticationBackend
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from fuseboard.access import Access
from fuseboard.auth.gate import Gate
from fuseboard.auth.principal import KeysUnavailable, Unproven
from fuseboard.auth.static_tokens import LOOK_EVERY
from fuseboard.caller import CALLER, Caller, asking
from fuseboard.settings import AuthSettings
from fuseboard.settings.token_line import PREFIX
from fuseboard.transports.http_guard import Refused

logger = logging.getLogger(__name__)

TELL_EVERY = 1.0
"""Seconds between two lines of the log about refused tokens."""

OPEN = ("/livez", "/healthz", "/readyz")


class Admitted(AccessToken):
    """The SDK's access token with what the host knows of its bearer. The token itself is not kept."""

    name: str
    roles: frozenset[str]
    digest: bytes


class Verifier:
    """The host's gate as the SDK asks it.

    Args:
        gate: judges the tokens.
        required: scopes that access tokens must have; the operator's own tokens have no scopes.
    """

    def __init__(self, gate: Gate, required: Sequence[str]) -> None:
        self._gate = gate
        self._required = required
        self._told = -math.inf
        self._untold = 0

    async def verify_token(self, token: str) -> AccessToken | None:
        """Whom a token stands for; None if nobody."""
        try:
            found = await self._gate.admit(token)
        except Unproven as error:
            self._tell(error)
            return None
        except KeysUnavailable:
            raise Refused(503, "Tokens cannot be judged now: the issuer's keys cannot be fetched; try again") from None
        return Admitted(
            token="",
            client_id=found.client,
            scopes=[*found.scopes, *(self._required if found.issuer is None else ())],
            expires_at=found.expires_at,
            subject=found.name,
            claims={"iss": found.issuer} if found.issuer is not None else None,
            name=found.name,
            roles=found.roles,
            digest=found.digest,
        )

    def _tell(self, error: Unproven) -> None:
        """Log a refusal, at most one each second: strangers can send as many as they like."""
        if time.monotonic() - self._told < TELL_EVERY:
            self._untold += 1
            return
        more = f" ({self._untold} more were refused before)" if self._untold else ""
        logger.info("a bearer token was refused: %s%s", error, more)
        self._told, self._untold = time.monotonic(), 0


class Doorkeeper:
    """The ASGI middleware.

    Args:
        app: what is behind it.
        access: the roles of clients that do not have to authenticate.
        settings: who is let in; everybody, where no authentication is set up.
    """

    def __init__(self, app: ASGIApp, access: Access, settings: AuthSettings, gate: Gate | None) -> None:
        self._anonymous = Caller("http", roles=access.anonymous)
        # A plugin's route finds nothing of its own under these paths: the host's come first.
        self._open = frozenset(OPEN)
        self._named = _Named(app, gate)
        self._guarded: ASGIApp | None = None
        self._opened: ASGIApp = self._named
        if gate is None:
            return
        metadata = None
        if settings.resource is not None:
            metadata = build_resource_metadata_url(AnyHttpUrl(settings.resource))
            self._open |= {urlsplit(str(metadata)).path}
        backend = BearerAuthBackend(Verifier(gate, settings.required_scopes))
        required = RequireAuthMiddleware(self._named, list(settings.required_scopes), metadata)
        self._guarded = AuthenticationMiddleware(AuthContextMiddleware(required), backend=backend)
        self._opened = AuthenticationMiddleware(self._named, backend=_Lenient(backend))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request if its sender may send it."""
        if scope["type"] != "http" or self._guarded is None:
            if scope["type"] == "http":
                scope[CALLER] = self._anonymous
            return await self._named(scope, receive, send)
        _refuse_other_ways(scope)
        if scope["path"] in self._open:
            return await self._opened(scope, receive, send)
        await self._guarded(scope, receive, send)


class _Lenient(AuthenticationBackend):
    """For the probes: whoever has a good token sees more, whoever has none is not refused."""

    def __init__(self, backend: BearerAuthBackend) -> None:
        self._backend = backend

    async def authenticate(self, conn: HTTPConnection) -> Any:
        try:
            return await self._backend.authenticate(conn)
        except Refused:
            return None


class _Named:
    """Tells everything behind it who asks, and ends a stream when the credential does."""

    def __init__(self, app: ASGIApp, gate: Gate | None) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        user = scope.get("user")
        token = user.access_token if isinstance(user, AuthenticatedUser) else None
        if isinstance(token, Admitted):
            scope[CALLER] = Caller("http", token.name, roles=token.roles)
        mark = asking.set(scope.get(CALLER))
        try:
            if isinstance(token, Admitted) and self._gate is not None and _is_stream(scope):
                await self._while_accepted(token, self._gate, scope, receive, send)
            else:
                await self._app(scope, receive, send)
        finally:
            asking.reset(mark)

    async def _while_accepted(self, token: Admitted, gate: Gate, scope: Scope, receive: Receive, send: Send) -> None:
        left = max(0.0, token.expires_at - time.time()) if token.expires_at is not None else None
        try:
            async with asyncio.timeout(left) as clock:
                with _looking(partial(gate.stands, token.digest), clock):
                    await self._app(scope, receive, send)
        except TimeoutError:
            if not clock.expired():
                raise
            raise Refused(401, "The token is not accepted any more") from None


@contextlib.contextmanager
def _looking(stands: Callable[[], bool], clock: asyncio.Timeout) -> Iterator[None]:
    """End what the clock bounds when the credential does not stand any more."""
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle

    def look() -> None:
        nonlocal timer
        if stands():
            timer = loop.call_later(LOOK_EVERY, look)
        elif not clock.expired():
            clock.reschedule(loop.time())

    timer = loop.call_later(LOOK_EVERY, look)
    try:
        yield
    finally:
        timer.cancel()


def _is_stream(scope: Scope) -> bool:
    """Whether the request opens a stream that has no end; a call that was begun in time may go on."""
    return scope["method"] == "GET" or any(
        name == b"mcp-method" and value == b"subscriptions/listen" for name, value in scope["headers"]
    )


def _refuse_other_ways(scope: Scope) -> None:
    """A token belongs into one header: addresses end up in logs and histories.

    Raises:
        Refused: it is somewhere else, or comes twice.
    """
    if sum(name == b"authorization" for name, _ in scope["headers"]) > 1:
        raise Refused(400, "The header Authorization comes twice")
    query = scope.get("query_string", b"")
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True) if query else ()
    if any(key.lower() == "access_token" or value.startswith(PREFIX) for key, value in pairs):
        raise Refused(400, "A token in the address is refused, and should be considered known; use Authorization")


def metadata_routes(settings: AuthSettings) -> list[Route]:
    """Where tokens for this server come from (RFC 9728); none where only the operator's own are accepted."""
    if settings.issuer is None or settings.resource is None:
        return []
    return create_protected_resource_routes(
        AnyHttpUrl(settings.resource),
        [AnyHttpUrl(settings.issuer)],
        list(settings.required_scopes) or None,
        "fuseboard",
    )


def doorkeeper(host: Any, served: Any) -> list[Middleware]:
    """The middleware; none where nobody authenticates and nobody's rights differ, which costs nothing per request.

    Raises:
        SettingsError: the file of tokens cannot be used.
    """
    settings: AuthSettings = host.settings.auth
    if not settings.enabled and not host.access.has_roles:
        return []
    gate = Gate(settings) if settings.enabled else None
    served.server.middleware.append(only_known_senders)
    return [Middleware(Doorkeeper, access=host.access, settings=settings, gate=gate)]


async def only_known_senders(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Server middleware: without its HTTP request nobody knows whose message it is, and nobody's is not served."""
    if ctx.request is None or CALLER not in ctx.request.scope:
        raise MCPError(INTERNAL_ERROR, "The sender of this message is not known")
    return await call_next(ctx)
