"""One guarded HTTP exchange: bounded in bytes and time, redirects followed by hand, retried once.

Knows nothing of registries; `client.py` puts its requests through it, `login/auth.py` signs them.
"""

from __future__ import annotations

import random
import re
import ssl
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Literal, Self

import anyio
import httpx2

from fuseboard_oci.config import Limits, OciSettings, is_pattern
from fuseboard_oci.errors import BadAnswer, Unreachable
from fuseboard_oci.text import clean
from fuseboard_oci.transport.bounded import LIMIT, BoundedTransport
from fuseboard_oci.transport.guard import guarded_transport
from fuseboard_oci.transport.policy import HostPolicy, redirect_target, same_origin

Method = Literal["GET", "HEAD"]
_CONNECTIONS = 64
_STEPS_OF_A_LOGIN = 8
_SECONDS = re.compile(r"[0-9]{1,4}")
# How long a call may wait because a registry asks for it; beyond, the caller is told instead.
_LONGEST_WAIT = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: the HTTP status.
        headers: the response's headers.
        body: the whole body; of an error at most `Limits.error_bytes` of it.
        url: the URL that answered, after redirects.
        authorization: what the request was signed with.
    """

    status: int
    headers: httpx2.Headers
    body: bytes
    url: httpx2.URL
    authorization: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request; its method may be repeated without harm.

    Attributes:
        method: GET or HEAD.
        url: where to.
        limit: bytes of body that are accepted.
        registry: whose rules hold for redirects.
        accept: value of the `Accept` header, None for any.
        auth: signs the request; nobody signs what is redirected to another origin.
    """

    method: Method
    url: httpx2.URL
    limit: int
    registry: str
    accept: str | None = None
    auth: httpx2.Auth | None = None

    def __repr__(self) -> str:
        return f"Ask({self.method} {self.url.scheme}://{self.url.host}{self.url.path})"


class Wire:
    """The plugin's one HTTP client. An async context manager.

    Args:
        settings: for the limits and the certificate bundles.
        policy: says where a redirect may lead, and whose addresses are checked.
    """

    def __init__(self, settings: OciSettings, policy: HostPolicy) -> None:
        self._limits: Limits = settings.limits
        self._policy = policy
        self._client = _client(settings, policy)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._client.aclose()

    async def fetch(self, ask: Ask) -> Answer:
        """Send a request, follow its redirects, and repeat it once when the server or the connection failed.

        Raises:
            Blocked: a redirect leads where nothing may be asked.
            BadAnswer: TOO_MANY_REDIRECTS, TOO_LARGE, BAD_ENCODING.
            LoginFailed: what `ask.auth` raises.
            Unreachable: TIMEOUT, or HTTP_ERROR when there is no connection.
        """
        host = clean(ask.url.netloc.decode("ascii"), 80)
        try:
            with anyio.fail_after(self._limits.request_timeout):
                return await self._twice(ask)
        except httpx2.PoolTimeout:
            # The others are bounded each, but share the connections; this one has not even been asked.
            text = f"{host} was not asked, because all connections wait for other registries; try again later"
            raise Unreachable("TIMEOUT", text) from None
        except (TimeoutError, httpx2.TimeoutException):
            raise Unreachable("TIMEOUT", f"{host} did not answer in time; try again later") from None
        except httpx2.TransportError as error:
            reason = clean(str(error), 120) or type(error).__name__
            raise Unreachable("HTTP_ERROR", f"{host} cannot be reached: {reason}") from None

    async def _twice(self, ask: Ask) -> Answer:
        try:
            answer = await self._follow(ask)
            wait = self._pause_after(answer)
        except (httpx2.NetworkError, httpx2.RemoteProtocolError) as error:
            # Also what a kept connection says that the server has closed in the meantime. A POST for a token may have
            # arrived, and is not sent again.
            if error.request.method == "POST":
                raise
            wait = self._limits.retry_delay
        if wait is None:
            return answer
        await anyio.sleep(wait * random.uniform(1.0, 1.4))
        return await self._follow(ask)

    def _pause_after(self, answer: Answer) -> float | None:
        """Seconds after which it makes sense to ask again, None when it makes none."""
        if answer.status >= 500:
            return self._limits.retry_delay
        retry = answer.headers.get("retry-after", "") if answer.status == 429 else ""
        if _SECONDS.fullmatch(retry) and int(retry) <= _LONGEST_WAIT:
            return float(retry)
        return None

    async def _follow(self, ask: Ask) -> Answer:
        url, auth = ask.url, ask.auth
        await self._policy.check_first(ask.registry, url)
        for _ in range(self._limits.redirects + 1):
            response = await self._send(ask, url, auth)
            target = redirect_target(url, response)
            if target is None:
                signed = response.request.headers.get("authorization", "")
                return Answer(response.status_code, response.headers, response.content, url, signed)
            await self._policy.check_redirect(ask.registry, url, target)
            if not same_origin(url, target):
                auth = None
            url = target
        raise BadAnswer(
            "TOO_MANY_REDIRECTS", f"{ask.url.host} redirects more than {self._limits.redirects} times; gave up"
        )

    async def _send(self, ask: Ask, url: httpx2.URL, auth: httpx2.Auth | None) -> httpx2.Response:
        # Bodies come unpacked, so that a small answer cannot inflate into a large one.
        headers = {"Accept-Encoding": "identity", "Accept": ask.accept or "*/*"}
        request = self._client.build_request(ask.method, url, headers=headers, extensions={LIMIT: ask.limit})
        return await self._client.send(request, auth=auth)


def _client(settings: OciSettings, policy: HostPolicy) -> httpx2.AsyncClient:
    limits = settings.limits

    def transport(context: ssl.SSLContext) -> httpx2.AsyncBaseTransport:
        return BoundedTransport(guarded_transport(policy.guard, context, _CONNECTIONS), limits.error_bytes)

    mounts: dict[str, httpx2.AsyncBaseTransport | None] = {}
    # Names before patterns, also those without a bundle: of two keys that fit equally well the first one counts.
    for registry, known in sorted(settings.registries.items(), key=lambda item: is_pattern(item[0])):
        mounts.setdefault(f"https://{registry}", None)
        if known.ca_bundle is not None:
            context = ssl.create_default_context(cafile=known.ca_bundle)
            for host in (registry, *known.realm_hosts, *known.redirect_hosts):
                mounts[f"https://{host}"] = transport(context)
    return httpx2.AsyncClient(
        transport=transport(httpx2.create_ssl_context(trust_env=False)),
        mounts=mounts,
        trust_env=False,
        follow_redirects=False,
        # Not ours, which are followed by hand: this counts the steps of a login, with the redirects of its realm.
        max_redirects=limits.redirects + _STEPS_OF_A_LOGIN,
        # Some registries set a session cookie and then demand a CSRF token for it.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"User-Agent": "fuseboard-oci"},
        timeout=httpx2.Timeout(limits.read_timeout, connect=limits.connect_timeout),
    )
