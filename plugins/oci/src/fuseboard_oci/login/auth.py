"""Signing in: bearer tokens made at a realm, or Basic, as an authentication flow of httpx2.

The flow follows a 401: read the challenges, get a grant, send the request again once. A grant is shared by everybody
who asks for the same (registry, scope, user), and at most one exchange per such key is in flight.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

import anyio
import httpx2

from fuseboard_oci.config import Limits
from fuseboard_oci.errors import Blocked
from fuseboard_oci.login.challenge import Challenge, challenges_by_scheme
from fuseboard_oci.login.credentials import Login
from fuseboard_oci.login.tokens import TokenExchange
from fuseboard_oci.transport.policy import HostPolicy

_MAX_SLOTS = 1024

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, eq=False)
class Grant:
    """What a registry accepted: the value of an `Authorization` header, until a moment of the clock."""

    header: str = field(repr=False)
    expires: float = math.inf


@dataclass(slots=True)
class _Slot:
    lock: anyio.Lock = field(default_factory=anyio.Lock)
    grant: Grant | None = None


class Grants:
    """The grants of all registries, by (registry, scope, user). It forgets the oldest beyond a thousand."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.clock = clock
        self._slots: dict[tuple[str, str, str], _Slot] = {}

    def slot(self, registry: str, scope: str, user: str) -> _Slot:
        """The slot of a key, made when there is none."""
        key = (registry, scope, user)
        slot = self._slots.pop(key, None) or _Slot()
        self._slots[key] = slot
        while len(self._slots) > _MAX_SLOTS:
            self._slots.pop(next(iter(self._slots)))
        return slot


class RegistryAuth(httpx2.Auth):
    """Signs a request to a registry.

    Args:
        registry: the parsed registry.
        scope: what the request needs, such as `repository:library/alpine:pull`; empty for nothing in particular.
        login: the credentials, None for anonymous.
        policy: which realms may be asked.
        grants: the cache of grants.
        limits: for the size of a token and the waits.
    """

    def __init__(
        self, registry: str, scope: str, login: Login | None, policy: HostPolicy, grants: Grants, limits: Limits
    ) -> None:
        self._registry = registry
        self._scope = scope
        self.login = login
        self._policy = policy
        self._clock = grants.clock
        self._slot = grants.slot(registry, scope, login.user if login else "")
        self._limits = limits

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Send the request with what is granted already, and once more with a new grant after a 401.

        Raises:
            LoginFailed: the realm refused (UNAUTHORIZED) or answered nonsense (TOKEN_FAILED).
            RateLimited: the realm limits how often it may be asked.
            Blocked: BAD_REALM, BLOCKED_REALM, or a redirect of the realm to where nothing may be asked.
        """
        sent = self._current()
        answer = yield _signed(request, sent)
        challenges = challenges_by_scheme(answer.headers) if answer.status_code == 401 else {}
        if not challenges or (self.login and self.login.registry_token):
            return
        # Unread it would keep its connection while we wait, and a crowd of us would leave none to ask the realm with.
        await answer.aread()
        async with self._slot.lock:
            grant = self._current()
            # Somebody else may have renewed it while we waited: only the very grant that was refused is dropped.
            if grant is None or grant is sent:
                self._slot.grant = None
                if bearer := challenges.get("bearer"):
                    exchange = await self._exchange(bearer, request)
                    while exchange.ask is not None:
                        made = yield await self._checked(exchange.ask)
                        await made.aread()
                        exchange.take(made)
                        if made.is_server_error and exchange.ask is not None:
                            await anyio.sleep(self._limits.retry_delay * random.uniform(0.8, 1.2))
                    token, seconds = exchange.token()
                    self._slot.grant = Grant(f"Bearer {token}", self._clock() + seconds)
                elif "basic" in challenges:
                    self._slot.grant = self._basic(unless=sent)
                grant = self._slot.grant
        if grant is not None:
            answer = yield _signed(request, grant)
            if answer.status_code == 401 and self._slot.grant is grant:
                self._slot.grant = None

    def _current(self) -> Grant | None:
        """The grant to try first, None when there is none that still holds."""
        if self.login is not None and self.login.registry_token is not None:
            return Grant(f"Bearer {self.login.registry_token.get_secret_value()}")
        grant = self._slot.grant
        return grant if grant and grant.expires > self._clock() else None

    def _basic(self, *, unless: Grant | None) -> Grant | None:
        """A grant of the password, None when there is none or when it is what was refused."""
        header = self.login.basic() if self.login else None
        if header is None or (unless is not None and unless.header == header):
            return None
        return Grant(header)

    async def _exchange(self, challenge: Challenge, request: httpx2.Request) -> TokenExchange:
        realm = challenge.parameters.get("realm")
        if not realm:
            raise Blocked("BAD_REALM", f"{self._registry} asks for a token but does not say where to get it")
        vouched = self.login.realm_hosts if self.login else frozenset[str]()
        self._realm = await self._policy.check_realm(
            self._registry, realm, with_credentials=self.login is not None, vouched=vouched
        )
        return TokenExchange(
            self._registry,
            self._realm,
            scope=self._scope,
            service=challenge.parameters.get("service"),
            login=self.login,
            original=request,
            limits=self._limits,
        )

    async def _checked(self, ask: httpx2.Request) -> httpx2.Request:
        """Let a request of an exchange pass when it goes to the realm, or to where a realm may redirect."""
        await self._policy.check_redirect(self._registry, self._realm, ask.url)
        return ask


def _signed(request: httpx2.Request, grant: Grant | None) -> httpx2.Request:
    if grant is not None:
        request.headers["Authorization"] = grant.header
    return request
