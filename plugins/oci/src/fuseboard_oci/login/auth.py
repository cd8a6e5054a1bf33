"""Signing in: bearer tokens made at a realm, or Basic, with a cache of what was granted.

The flow follows a 401: read the challenges, get a grant, send the request again once. A grant is shared by everybody
who asks for the same (registry, scope, user), and at most one exchange per such key is in flight.
"""

from __future__ import annotations

import base64
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio
import httpx2
from pydantic import SecretStr

from fuseboard_oci.errors import Blocked, LoginFailed, OciError
from fuseboard_oci.failures import rate_limited, refused
from fuseboard_oci.login.challenge import Challenge, parse_challenges
from fuseboard_oci.text import clean, parse_object
from fuseboard_oci.transport.policy import HostPolicy
from fuseboard_oci.transport.wire import Answer, Ask, Wire

_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_DEFAULT_LIFETIME = 60.0
_LONGEST_LIFETIME = 3600.0
_EARLY = 10.0
_MAX_SLOTS = 1024

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and a password.

    Attributes:
        inline: given with the call: never cached, forgotten after it.
    """

    username: str
    password: SecretStr
    inline: bool = False

    @property
    def origin(self) -> str:
        """Whose credentials they are, for an error text."""
        return "given" if self.inline else "configured"

    def basic(self) -> str:
        """The value of an `Authorization` header."""
        pair = f"{self.username}:{self.password.get_secret_value()}".encode()
        return f"Basic {base64.b64encode(pair).decode('ascii')}"


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


class Authenticator:
    """Signs requests to one registry.

    Args:
        registry: the parsed registry.
        login: the credentials, None for anonymous.
        policy: which realms may be asked.
        wire: sends the token requests.
        grants: the shared cache; an inline login gets one of its own.
        token_bytes: largest answer of a realm.
    """

    def __init__(
        self, registry: str, login: Login | None, policy: HostPolicy, wire: Wire, grants: Grants, token_bytes: int
    ) -> None:
        self.login = login
        self._registry = registry
        self._policy = policy
        self._wire = wire
        self._grants = Grants(grants.clock) if login and login.inline else grants
        self._token_bytes = token_bytes

    def current(self, scope: str) -> Grant | None:
        """The grant to try first, None when there is none that still holds."""
        grant = self._slot(scope).grant
        return grant if grant and grant.expires > self._grants.clock() else None

    async def renew(self, scope: str, refusal: Answer, sent: Grant | None) -> Grant | None:
        """Get a grant after a 401.

        Args:
            scope: what it is for, such as `repository:library/alpine:pull`.
            refusal: the 401.
            sent: the grant that was refused; a newer one of somebody else is taken instead of a new exchange.

        Returns:
            The grant, or None when none of the challenges can be answered.

        Raises:
            LoginFailed: the realm refused (UNAUTHORIZED) or answered nonsense (TOKEN_FAILED).
            Blocked: BAD_REALM, BLOCKED_REALM.
        """
        challenges = parse_challenges(refusal.headers.get_list("www-authenticate"))
        slot = self._slot(scope)
        async with slot.lock:
            fresh = self.current(scope)
            if fresh is not None and fresh is not sent:
                return fresh
            slot.grant = None
            slot.grant = await self._grant(scope, challenges)
            return slot.grant

    async def _grant(self, scope: str, challenges: list[Challenge]) -> Grant | None:
        by_scheme = {challenge.scheme: challenge for challenge in reversed(challenges)}
        if bearer := by_scheme.get("bearer"):
            return await self._token(scope, bearer)
        if "basic" in by_scheme and self.login:
            return Grant(self.login.basic())
        return None

    async def _token(self, scope: str, challenge: Challenge) -> Grant:
        realm = challenge.parameters.get("realm")
        if not realm:
            raise Blocked("BAD_REALM", f"{self._registry} asks for a token but does not say where to get it")
        url = await self._policy.check_realm(self._registry, realm, with_credentials=self.login is not None)
        # The scope is ours: the server's text may ask for more rights than reading needs.
        wanted = {"scope": scope}
        if service := challenge.parameters.get("service"):
            wanted["service"] = service[:512]
        ask = Ask(
            "GET",
            url.copy_merge_params(wanted),
            self._token_bytes,
            authorization=self.login.basic() if self.login else None,
            keep_login=False,
        )
        answer = await self._wire.fetch(ask)
        if answer.status != 200:
            raise self._refusal(answer, url)
        return self._parsed(answer.body, url)

    def _refusal(self, answer: Answer, url: httpx2.URL) -> OciError:
        if answer.status in (400, 401, 403):
            return refused(self._registry, self.login.origin if self.login else None)
        if answer.status == 429:
            return rate_limited(answer, clean(url.host, 80))
        return LoginFailed("TOKEN_FAILED", f"{clean(url.host, 80)}, which makes the tokens, answered {answer.status}")

    def _parsed(self, body: bytes, url: httpx2.URL) -> Grant:
        try:
            answer = parse_object(body)
        except ValueError as error:
            raise LoginFailed("TOKEN_FAILED", f"the token of {clean(url.host, 80)} is unusable: {error}") from None
        token = answer.get("token") or answer.get("access_token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise LoginFailed("TOKEN_FAILED", f"the answer of {clean(url.host, 80)} holds no usable token")
        return Grant(f"Bearer {token}", self._grants.clock() + lifetime(answer.get("expires_in")))

    def _slot(self, scope: str) -> _Slot:
        return self._grants.slot(self._registry, scope, self.login.username if self.login else "")


def lifetime(expires_in: object) -> float:
    """Seconds for which a token is used: a little less than it lives, and never longer than an hour."""
    known = isinstance(expires_in, int | float) and not isinstance(expires_in, bool) and expires_in > 0
    lifetime = float(expires_in) if known and isinstance(expires_in, int | float) else _DEFAULT_LIFETIME
    return max(min(lifetime, _LONGEST_LIFETIME) - _EARLY, 1.0)
