"""One HTTP exchange with the API: signed, bounded in bytes and time, repeated only where that does no harm."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Self

import anyio
import httpx2
import pydantic_core

from fuseboard_cloudru.bounded import LIMIT, BoundedTransport
from fuseboard_cloudru.config import CloudruSettings
from fuseboard_cloudru.errors import BadAnswer, CloudruError, Facts
from fuseboard_cloudru.failures import failure, lost, retry_after
from fuseboard_cloudru.iam import BUSY, HEADERS, UNDER_WAY, Clock, IamAuth
from fuseboard_cloudru.routes import Route
from fuseboard_cloudru.text import clean

# How long a request waits because the service asks for it; beyond, the caller is told instead.
_LONGEST_WAIT = 5.0
# Nothing of the request was sent when these happen.
_BEFORE_SENDING = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_WORTH_REPEATING = (httpx2.NetworkError, httpx2.RemoteProtocolError, httpx2.ConnectTimeout)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to the API.

    Attributes:
        route: how to ask.
        ids: what goes into the places of its path.
        query: parameters; None is left out.
        body: a JSON object, None for no body.
    """

    route: Route
    ids: Mapping[str, str]
    query: Mapping[str, str | int | None]
    body: Mapping[str, Any] | None = None

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing, so that it may be repeated."""
        return self.route.verb == "GET"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        fields: the JSON object.
        facts: of the exchange, for errors about the object.
    """

    fields: dict[str, Any]
    facts: Facts


class Client:
    """The plugin's one HTTP client. An async context manager.

    Args:
        settings: for the addresses, the key and the limits.
        clock: monotonic seconds, for the life of a token; tests bring their own.

    Raises:
        NotConfigured: there is no key.
    """

    def __init__(self, settings: CloudruSettings, clock: Clock = time.monotonic) -> None:
        limits = settings.limits
        self._limits = limits
        self._base = settings.api_url
        self._auth = IamAuth(settings, clock)
        pool = httpx2.Limits(max_connections=limits.connections, max_keepalive_connections=limits.connections)
        context = httpx2.create_ssl_context(trust_env=False)
        self._http = httpx2.AsyncClient(
            transport=BoundedTransport(
                httpx2.AsyncHTTPTransport(verify=context, trust_env=False, limits=pool), limits.error_bytes
            ),
            auth=self._auth,
            trust_env=False,
            follow_redirects=False,
            # A gateway's cookie would be sent to whoever has the same host name.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers=HEADERS,
            timeout=httpx2.Timeout(limits.read_timeout, connect=limits.connect_timeout),
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._http.aclose()

    async def call(self, ask: Ask) -> Answer:
        """Send a request and return the JSON object of its answer.

        A read is repeated when the connection or a gateway fails, or when the service asks for a short wait. A write is
        repeated only when it surely was not sent.

        Raises:
            CloudruError: see `errors.py`; of a write, `may_have_acted` says whether it may have had its effect.
        """
        facts = Facts(ask.route.verb, ask.route.fill(ask.ids), request_id=str(uuid.uuid4()))
        request = self._request(ask, facts)
        try:
            answer = await self._answer(ask, request, facts)
            after = retry_after(answer.headers.get("retry-after", ""))
            facts = replace(facts, status=answer.status_code, retry_after=after)
            if not answer.is_success:
                signed = answer.request.headers.get("authorization", "").removeprefix("Bearer ")
                raise failure(facts, answer.content, [*self._auth.secrets(), *([signed] if signed else [])])
            return Answer(_object(answer, facts), facts)
        except CloudruError as error:
            status = error.facts.status if error.facts else None
            # A redirect or a refusal (4xx) did nothing, nor does a method that is not implemented.
            refused = status is not None and (300 <= status < 500 or status == 501)
            error.may_have_acted |= not ask.is_read and _is_under_way(request) and not refused
            raise

    async def _answer(self, ask: Ask, request: httpx2.Request, facts: Facts) -> httpx2.Response:
        try:
            with anyio.fail_after(self._limits.request_timeout):
                return await self._repeated(ask, request)
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise lost(_told(facts, request, error), f"was not answered in time by {_asked(request, error)}") from None
        except httpx2.TransportError as error:
            reason = clean(str(error), 120) or type(error).__name__
            raise lost(_told(facts, request, error), f"got no answer from {_asked(request, error)}: {reason}") from None

    def _request(self, ask: Ask, facts: Facts) -> httpx2.Request:
        query = {name: value for name, value in ask.query.items() if value is not None}
        return self._http.build_request(
            ask.route.verb,
            self._base + facts.route,
            params=query or None,
            json=ask.body,
            headers={"X-Request-ID": facts.request_id},
            extensions={LIMIT: self._limits.answer_bytes},
        )

    async def _repeated(self, ask: Ask, request: httpx2.Request) -> httpx2.Response:
        """Send until there is an answer to keep. A library for this would need as many lines to be told the rules."""
        for attempt in range(self._limits.retries):
            try:
                answer = await self._send(request)
            except _WORTH_REPEATING:
                if not ask.is_read and _is_under_way(request):
                    raise
                wait = self._limits.pause(attempt)
            else:
                asked = self._pause_after(answer, attempt) if ask.is_read else None
                if asked is None:
                    return answer
                wait = asked
            await anyio.sleep(wait)
        return await self._send(request)

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        request.extensions[UNDER_WAY] = False
        try:
            return await self._http.send(request)
        except _BEFORE_SENDING:
            request.extensions[UNDER_WAY] = False
            raise

    def _pause_after(self, answer: httpx2.Response, attempt: int) -> float | None:
        """Seconds after which it makes sense to ask again, None when it makes none."""
        if answer.status_code in BUSY:
            return self._limits.pause(attempt)
        after = retry_after(answer.headers.get("retry-after", "")) if answer.status_code == 429 else None
        return after + self._limits.pause(0) if after is not None and after <= _LONGEST_WAIT else None


def _is_under_way(request: httpx2.Request) -> bool:
    """Whether the API may have seen it: there was a token and a connection."""
    return bool(request.extensions.get(UNDER_WAY))


def _told(facts: Facts, request: httpx2.Request, error: Exception) -> Facts:
    """The facts of the request that failed: the caller's own, or the one for a token."""
    found = error.request if isinstance(error, httpx2.RequestError) else request
    if found.url == request.url:
        return facts
    sent_as = found.headers.get("X-Request-ID", "")
    return replace(facts, method=found.method, route=found.url.path, request_id=sent_as)


def _asked(request: httpx2.Request, error: Exception) -> str:
    found = error.request if isinstance(error, httpx2.RequestError) else request
    return clean(found.url.netloc.decode("ascii"), 80)


def _object(answer: httpx2.Response, facts: Facts) -> dict[str, Any]:
    try:
        fields = pydantic_core.from_json(answer.content, allow_inf_nan=False)
    except ValueError:
        fields = None
    if isinstance(fields, dict):
        return fields
    if not answer.content:
        found = "nothing"
    elif answer.content.lstrip()[:1] == b"<":
        found = "an HTML page"
    else:
        found = "something else"
    raise BadAnswer(
        f"{facts.method} {facts.route} answered {facts.status} with {found} instead of a JSON object "
        f"(request {facts.request_id}); check api_url, or tell the provider",
        facts,
    )
