"""One guarded HTTP exchange: bounded in bytes and time, redirects followed by hand, retried once.

Knows nothing of registries; `client.py` and `auth.py` put their requests through it.
"""

from __future__ import annotations

import random
import ssl
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Literal, Self

import anyio
import httpx2

from fuseboard_oci.config import Limits, OciSettings
from fuseboard_oci.errors import BadAnswer, Blocked, Unreachable
from fuseboard_oci.text import clean
from fuseboard_oci.transport.guard import guarded_transport
from fuseboard_oci.transport.policy import HostPolicy, same_origin

Method = Literal["GET", "HEAD"]
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: the HTTP status.
        headers: the response's headers.
        body: the whole body; of an error at most `Limits.error_bytes` of it.
        url: the URL that answered, after redirects.
    """

    status: int
    headers: httpx2.Headers
    body: bytes
    url: httpx2.URL


@dataclass(frozen=True, slots=True)
class Ask:
    """One request.

    Attributes:
        method: GET or HEAD; both may be repeated without harm.
        url: where to.
        limit: bytes of body that are accepted.
        accept: value of the `Accept` header, None for none.
        authorization: value of the `Authorization` header; it is not sent on to another origin.
        keep_login: whether a redirect to the same origin keeps it; the makers of tokens never see it twice.
    """

    method: Method
    url: httpx2.URL
    limit: int
    accept: str | None = None
    authorization: str | None = None
    keep_login: bool = True

    def headers(self, authorization: str | None) -> dict[str, str]:
        """The headers to send; bodies come unpacked, so a small answer cannot inflate into a large one."""
        headers = {"Accept-Encoding": "identity", "Accept": self.accept or "*/*"}
        if authorization:
            headers["Authorization"] = authorization
        return headers

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
            Unreachable: TIMEOUT, or HTTP_ERROR when there is no connection.
        """
        host = clean(ask.url.netloc.decode("ascii"), 80)
        try:
            with anyio.fail_after(self._limits.request_timeout):
                return await self._twice(ask)
        except (TimeoutError, httpx2.TimeoutException):
            raise Unreachable("TIMEOUT", f"{host} did not answer in time; try again later") from None
        except httpx2.TransportError as error:
            reason = clean(str(error), 120) or type(error).__name__
            raise Unreachable("HTTP_ERROR", f"{host} cannot be reached: {reason}") from None

    async def _twice(self, ask: Ask) -> Answer:
        try:
            answer = await self._follow(ask)
            if answer.status < 500:
                return answer
        except (httpx2.NetworkError, httpx2.RemoteProtocolError):
            # Also what a kept connection says that the server has closed in the meantime.
            pass
        await anyio.sleep(self._limits.retry_delay * random.uniform(0.8, 1.2))
        return await self._follow(ask)

    async def _follow(self, ask: Ask) -> Answer:
        url, authorization = ask.url, ask.authorization
        for _ in range(self._limits.redirects + 1):
            answer = await self._send(ask, url, authorization)
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or location is None:
                return answer
            target = _joined(url, location)
            await self._policy.check_redirect(url, target)
            if not same_origin(url, target) or not ask.keep_login:
                authorization = None
            url = target
        raise BadAnswer(
            "TOO_MANY_REDIRECTS", f"{ask.url.host} redirects more than {self._limits.redirects} times; gave up"
        )

    async def _send(self, ask: Ask, url: httpx2.URL, authorization: str | None) -> Answer:
        headers = ask.headers(authorization)
        async with self._client.stream(ask.method, url, headers=headers) as response:
            body = b"" if ask.method == "HEAD" else await self._body(response, ask.limit)
            return Answer(response.status_code, response.headers, body, url)

    async def _body(self, response: httpx2.Response, limit: int) -> bytes:
        if not response.is_success:
            return await _read(response, self._limits.error_bytes, cut=True)
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", ""):
            raise BadAnswer(
                "BAD_ENCODING", f"{response.url.host} sent a packed body ({clean(encoding, 20)}) though none was asked"
            )
        return await _read(response, limit, cut=False)


async def _read(response: httpx2.Response, limit: int, *, cut: bool) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            if cut:
                break
            raise BadAnswer("TOO_LARGE", f"{response.url.host} sent more than {limit} bytes, the limit for this")
    return bytes(body[:limit])


def _joined(url: httpx2.URL, location: str) -> httpx2.URL:
    try:
        return url.join(location).copy_with(fragment=None)
    except httpx2.InvalidURL:
        raise Blocked("BLOCKED_REDIRECT", f"{url.host} redirects to something that is no URL") from None


def _client(settings: OciSettings, policy: HostPolicy) -> httpx2.AsyncClient:
    limits = settings.limits
    default = httpx2.create_ssl_context(trust_env=False)
    mounts: dict[str, httpx2.AsyncBaseTransport] = {}
    for registry, known in settings.registries.items():
        if known.ca_bundle is not None:
            context = ssl.create_default_context(cafile=known.ca_bundle)
            for host in (registry, *known.realm_hosts):
                mounts[f"https://{host}"] = guarded_transport(policy.guard, context, _CONNECTIONS)
    return httpx2.AsyncClient(
        transport=guarded_transport(policy.guard, default, _CONNECTIONS),
        mounts=mounts,
        trust_env=False,
        follow_redirects=False,
        # Some registries set a session cookie and then demand a CSRF token for it.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"User-Agent": "fuseboard-oci"},
        timeout=httpx2.Timeout(limits.read_timeout, connect=limits.connect_timeout),
    )
