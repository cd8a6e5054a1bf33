"""Signing in: the access key is exchanged for a token, as an authentication flow of httpx2.

The token is used until shortly before its end. However many callers need a new one, one exchange is in flight; the
others wait for it. A 401 renews the token once.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

import anyio
import httpx2
import pydantic_core

from fuseboard_cloudru.bounded import LIMIT
from fuseboard_cloudru.config import CloudruSettings
from fuseboard_cloudru.errors import BadAnswer, CloudruError, Facts, KeyRefused, NotConfigured
from fuseboard_cloudru.failures import failure, retry_after

HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "fuseboard-cloudru"}
"""Of every request."""

_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_DEFAULT_LIFETIME = 3600.0
_EARLY = 60.0
_LONGEST_LIFETIME = 24 * 3600.0
# Answers of a gateway that could not get at the service; a moment later it may.
BUSY = frozenset({502, 503, 504})
# The address exists, but not this path: a mistake in the settings. IAM answers 415 to a path that it does not know.
_WRONG_ADDRESS = frozenset({404, 405, 415, 501})

UNDER_WAY = "fuseboard_cloudru.under_way"
"""Name of the request extension that says whether the request itself was sent, not only the one for its token."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, eq=False)
class _Token:
    value: str = field(repr=False)
    expires: float


class IamAuth(httpx2.Auth):
    """Signs requests to the API, and nothing else, with a token of the settings' access key.

    Args:
        settings: key, secret and addresses.
        clock: monotonic seconds; tests bring their own.

    Raises:
        NotConfigured: there is no key.
    """

    def __init__(self, settings: CloudruSettings, clock: Clock = time.monotonic) -> None:
        if settings.key_id is None or settings.secret is None:
            raise NotConfigured(settings.missing())
        self._settings = settings
        self._limits = settings.limits
        self._key_id = settings.key_id
        self._secret = settings.secret
        self._clock = clock
        self._api = _origin(httpx2.URL(settings.api_url))
        self._url = httpx2.URL(settings.token_url)
        self._lock = anyio.Lock()
        self._token: _Token | None = None
        self._ended = 0
        self._refusal: CloudruError | None = None

    def secrets(self) -> list[str]:
        """What must never be in a text: the secret. A request has its token in its header."""
        return [self._secret.get_secret_value()]

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Send the request with a token, and once more with a new one after a 401.

        Raises:
            KeyRefused: IAM does not take the key.
            RateLimited: IAM limits how often it may be asked.
            BadAnswer: what IAM answers is no token.
            Unreachable: IAM has a fault.
        """
        if _origin(request.url) != self._api:
            yield request
            return
        for _ in range(2):
            token = self._current()
            if token is None:
                ended = self._ended
                async with self._lock:
                    exchange = self._exchange()
                    attempts = 0 if self._was_made(since=ended) else self._limits.retries + 1
                    for left in reversed(range(attempts)):
                        # A second token does no harm, so this POST may be repeated.
                        answer = yield exchange
                        if await self._is_over(exchange, answer, left):
                            break
                    token = self._token
                assert token is not None
            request.headers["Authorization"] = f"Bearer {token.value}"
            request.extensions[UNDER_WAY] = True
            answer = yield request
            if answer.status_code != 401:
                return
            # Unread it would keep its connection while we wait for others.
            await answer.aread()
            request.extensions[UNDER_WAY] = False
            if self._token is token:  # nobody has renewed it in the meantime
                self._token = None

    def _current(self) -> _Token | None:
        """The token to use, None when there is none that still holds."""
        return self._token if self._token and self._token.expires > self._clock() else None

    def _was_made(self, since: int) -> bool:
        """Whether somebody else made a token while this caller waited.

        Raises:
            CloudruError: they tried and failed; whoever waited for that gets its end, instead of asking the same again.
        """
        if self._current():
            return True
        if self._ended != since and self._refusal is not None:
            raise type(self._refusal)(self._refusal.text, self._refusal.facts)
        return False

    def _exchange(self) -> httpx2.Request:
        secret = self._secret.get_secret_value()
        headers = {**HEADERS, "X-Request-ID": str(uuid.uuid4())}
        timeout = httpx2.Timeout(self._limits.read_timeout, connect=self._limits.connect_timeout).as_dict()
        extensions = {LIMIT: self._limits.token_bytes, "timeout": timeout}
        if self._settings.token_door == "oauth":
            form = {"grant_type": "access_key", "client_id": self._key_id, "client_secret": secret}
            return httpx2.Request("POST", self._url, headers=headers, data=form, extensions=extensions)
        pair = {"keyId": self._key_id, "secret": secret}
        return httpx2.Request("POST", self._url, headers=headers, json=pair, extensions=extensions)

    async def _is_over(self, exchange: httpx2.Request, answer: httpx2.Response, left: int) -> bool:
        """Take the answer of an exchange in: a token, or its refusal. Not over after a pause before the next attempt.

        Raises:
            CloudruError: the refusal.
        """
        await answer.aread()
        if answer.status_code in BUSY and left:
            await anyio.sleep(self._limits.pause(self._limits.retries - left))
            return False
        self._ended += 1
        self._token = self._refusal = None
        try:
            self._token = self._read(exchange, answer)
        except CloudruError as error:
            self._refusal = error
            raise
        return True

    def _read(self, exchange: httpx2.Request, answer: httpx2.Response) -> _Token:
        facts = Facts(
            exchange.method,
            exchange.url.path,
            answer.status_code,
            request_id=exchange.headers["X-Request-ID"],
            retry_after=retry_after(answer.headers.get("retry-after", "")),
        )
        if not answer.is_success:
            raise _refusal(facts, answer.content, self.secrets())
        try:
            fields = pydantic_core.from_json(answer.content, allow_inf_nan=False)
        except ValueError:
            fields = None
        value = fields.get("access_token") if isinstance(fields, dict) else None
        if not isinstance(value, str) or not _TOKEN.fullmatch(value):
            raise BadAnswer(
                f"{facts.method} {facts.route} answered {facts.status} without a token in it (request "
                f"{facts.request_id}); the operator checks iam_url and token_door",
                facts,
            )
        return _Token(value, self._clock() + lifetime(fields.get("expires_in")))


def _refusal(facts: Facts, body: bytes, secrets: list[str]) -> CloudruError:
    error = failure(facts, body, secrets)
    words = f', "{error.facts.words}"' if error.facts and error.facts.words else ""
    story = f"{facts.method} {facts.route} answered {facts.status}{words} (request {facts.request_id})"
    if facts.status in (400, 401, 403):
        return KeyRefused(
            f"{story}; the operator checks CLOUD_RU_KEY_ID and CLOUD_RU_SECRET, and whether the key has ended",
            error.facts,
        )
    if facts.status in _WRONG_ADDRESS:
        return BadAnswer(f"{story}; no tokens are made there, the operator checks iam_url and token_door", error.facts)
    return error


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def lifetime(expires_in: object) -> float:
    """Seconds for which a token is used: until 60 s before its end, or half of a short life."""
    if not isinstance(expires_in, int | float) or isinstance(expires_in, bool) or expires_in <= 0:
        expires_in = _DEFAULT_LIFETIME
    # The smaller first: an integer of a stranger may be too large for a float.
    seconds = float(min(expires_in, _LONGEST_LIFETIME))
    return max(seconds - _EARLY, seconds / 2)
