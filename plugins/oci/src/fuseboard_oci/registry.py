"""One registry: what can be asked of it, over `transport/`, signed by `login/`, remembered by `cache.py`."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import anyio
import httpx2

from fuseboard_oci.cache import Cache, Document
from fuseboard_oci.config import Limits
from fuseboard_oci.documents import ACCEPT, OCI_INDEX, Descriptor, Manifest, check_digest, descriptors, read_manifest
from fuseboard_oci.errors import BadAnswer, Code, LoginFailed, OciError, Unreachable
from fuseboard_oci.failures import RateLimit, failure, insufficient_scope
from fuseboard_oci.links import next_link, next_page
from fuseboard_oci.login.auth import Grants, RegistryAuth
from fuseboard_oci.login.challenge import challenges_by_scheme
from fuseboard_oci.login.credentials import Login
from fuseboard_oci.paging import RepositoryPage, TagList, TagPages, repository_page
from fuseboard_oci.reference import Image, is_digest
from fuseboard_oci.text import MAX_LIST_PARTS, parse_object
from fuseboard_oci.transport.policy import HostPolicy
from fuseboard_oci.transport.wire import Answer, Ask, Method, Wire

FindLogin = Callable[[str], Awaitable[Login | None]]
"""From a repository to the login for it, None for anonymous."""

_CATALOG_SCOPE = "registry:catalog:*"
_NO_SUCH_API = frozenset({400, 404, 405, 501})
_MOST_PAGES_OF_REFERRERS = 20
_WEIGHT_OF_A_ROW = 1024


class Memory(Protocol):
    """What the client keeps about a registry between calls: see `client.Known`."""

    limiter: anyio.CapacityLimiter
    rate_limit: RateLimit | None
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Probe:
    """What a registry tells about itself.

    Attributes:
        auth: how it wants to be logged in to.
        realm_host: who makes its tokens, None when it wants none.
        logged_in: whether a configured login was accepted.
        api_version: its `Docker-Distribution-API-Version`, None when it names none.
        latency: seconds until its first answer.
    """

    auth: Literal["none", "basic", "bearer"]
    realm_host: str | None
    logged_in: bool
    api_version: str | None
    latency: float


@dataclass(frozen=True, slots=True)
class ReferrerList:
    """What refers to a digest.

    Attributes:
        rows: descriptors, in the registry's order.
        complete: whether that is all; a registry may have more pages than are read, or break off.
    """

    rows: tuple[Descriptor, ...]
    complete: bool


class Registry:
    """One registry, asked with one login. Made by `RegistryClient.registry`."""

    def __init__(
        self,
        name: str,
        base: httpx2.URL,
        *,
        find_login: FindLogin,
        policy: HostPolicy,
        wire: Wire,
        grants: Grants,
        cache: Cache,
        limits: Limits,
        known: Memory,
    ) -> None:
        self.name = name
        self.limits = limits
        self._base = base
        self._find_login = find_login
        self._policy = policy
        self._wire = wire
        self._grants = grants
        self._cache = cache
        self._known = known

    @property
    def rate_limit(self) -> RateLimit | None:
        """What the registry said last about how often it may be asked."""
        return self._known.rate_limit

    @property
    def refusal(self) -> str | None:
        """Why the configured login did not work the last time; None when it did, or was not needed yet."""
        return self._known.refusal

    async def check(self) -> None:
        """Ask `/v2/` without a login. Anything that speaks the registry's protocol is fine, also a demand for one.

        Raises:
            Unreachable, Blocked, BadAnswer: no registry answers there.
        """
        await self._greet()

    async def probe(self, repository: str | None = None) -> Probe:
        """Ask `/v2/`, and once more with the configured login where there is one.

        Args:
            repository: what a token is asked for, where tokens are made; nothing in particular if absent.

        Raises:
            Unreachable, Blocked, BadAnswer: no registry answers there.
        """
        started = time.perf_counter()
        answer = await self._greet()
        latency = time.perf_counter() - started
        challenges = challenges_by_scheme(answer.headers) if answer.status == 401 else {}
        bearer = challenges.get("bearer")
        return Probe(
            auth="bearer" if bearer else "basic" if "basic" in challenges else "none",
            realm_host=_host_of(bearer.parameters.get("realm", "")) if bearer else None,
            logged_in=bool(challenges) and await self._accepts_login(repository),
            api_version=answer.headers.get("docker-distribution-api-version"),
            latency=latency,
        )

    async def tags(self, image: Image) -> TagList:
        """Return all tags of the repository of `image`, whatever order and page size the registry prefers.

        A list is used again for `Limits.tags_age` seconds.

        Raises:
            NotFound: NAME_UNKNOWN.
            BadAnswer: PAGINATION_LOOP, NOT_A_TAG_LIST and those of `transport.wire.Wire.fetch`.
            Blocked: BLOCKED_LINK.
        """
        login = await self._find_login(image.repository)
        key = self._key(login, image)
        if (kept := self._cache.tags(key)) is not None:
            return kept
        pages = TagPages(self._url(f"/v2/{image.repository}/tags/list"), self.limits)
        while pages.url is not None and not pages.over:
            answer = await self._ask(
                login, image, image.name, pages.url, self.limits.list_bytes, missing="NAME_UNKNOWN"
            )
            pages.add(answer)
        found = pages.result()
        self._cache.keep_tags(key, found)
        return found

    async def digest(self, image: Image) -> str | None:
        """Return the digest that the registry names for `image`, None when it names none. Costs no pull.

        Raises:
            NotFound: MANIFEST_UNKNOWN, NAME_UNKNOWN.
        """
        login = await self._find_login(image.repository)
        answer = await self._head(login, image)
        if answer.status not in (200, 405, 501):
            raise self._failure(answer, login, str(image), missing="MANIFEST_UNKNOWN")
        return _named_digest(answer)

    async def manifest(self, image: Image, digest: str | None = None) -> Manifest:
        """Return the manifest of `image`, or that of another digest in its repository.

        A digest that was read before is not read again; a tag is only asked where it points to.

        Raises:
            NotFound: MANIFEST_UNKNOWN, NAME_UNKNOWN.
            BadAnswer: DIGEST_MISMATCH, MEDIA_TYPE_MISMATCH, NOT_A_MANIFEST, TOO_LARGE.
        """
        asked = digest or image.reference
        login = await self._find_login(image.repository)
        key = self._key(login, image)
        current = asked if is_digest(asked) else await self._unmoved(login, image)
        kept = self._cache.document((*key, current)) if current else None
        if kept is not None:
            return read_manifest(kept.body, asked=asked, header_digest=current, content_type=kept.content_type)
        what = f"{image.name}@{digest}" if digest else str(image)
        url = self._url(f"/v2/{image.repository}/manifests/{asked}")
        answer = await self._ask(
            login, image, what, url, self.limits.manifest_bytes, missing="MANIFEST_UNKNOWN", accept=ACCEPT
        )
        content_type = answer.headers.get("content-type")
        manifest = read_manifest(
            answer.body,
            asked=asked,
            header_digest=answer.headers.get("docker-content-digest"),
            content_type=content_type,
        )
        self._cache.keep_document((*key, manifest.digest), Document(answer.body, content_type))
        if not is_digest(asked):
            self._cache.keep_digest((*key, asked), manifest.digest)
        return manifest

    async def blob(self, image: Image, pointer: Descriptor) -> bytes:
        """Return a small blob, such as a config. Layers are never read.

        Raises:
            BadAnswer: TOO_LARGE, DIGEST_MISMATCH.
            NotFound: NOT_FOUND.
        """
        limit = self.limits.config_bytes
        if pointer.size is not None and pointer.size > limit:
            raise BadAnswer(
                "TOO_LARGE", f"the config of {image} is said to have {pointer.size} bytes, more than {limit}"
            )
        login = await self._find_login(image.repository)
        key = (*self._key(login, image), pointer.digest)
        if (kept := self._cache.document(key)) is not None:
            return kept.body
        url = self._url(f"/v2/{image.repository}/blobs/{pointer.digest}")
        expected = limit if pointer.size is None else max(pointer.size, 1)
        what = f"blob {pointer.digest} of {image.name}"
        answer = await self._ask(login, image, what, url, expected, missing="NOT_FOUND")
        check_digest(answer.body, pointer.digest)
        self._cache.keep_document(key, Document(answer.body))
        return answer.body

    async def referrers(self, image: Image, digest: str) -> ReferrerList | None:
        """Return what refers to a digest in the repository of `image`; None when the registry has no such list.

        Raises:
            BadAnswer: PAGINATION_LOOP.
            Blocked: BLOCKED_LINK.
        """
        login = await self._find_login(image.repository)
        first = self._url(f"/v2/{image.repository}/referrers/{digest}")
        url: httpx2.URL | None = first
        visited: set[str] = set()
        found: list[Descriptor] = []
        room = self.limits.list_bytes
        while url is not None and room > 0 and len(visited) < _MOST_PAGES_OF_REFERRERS:
            visited.add(str(url))
            ask = self._request("GET", login, f"repository:{image.repository}:pull", url, self.limits.manifest_bytes)
            answer = await self._send(replace(ask, accept=OCI_INDEX))
            if answer.status != 200 and answer.status not in _NO_SUCH_API:
                raise self._failure(answer, login, f"the referrers of {digest}", missing="NOT_FOUND")
            rows = _rows(answer)
            if rows is None:
                return ReferrerList(tuple(found), complete=False) if found else None
            found += rows
            # A row weighs more in memory than in its text.
            room -= max(len(answer.body), len(rows) * _WEIGHT_OF_A_ROW)
            target = next_link(answer)
            url = next_page(first, target, visited) if target else None
        return ReferrerList(tuple(found), complete=url is None)

    async def repositories(self, last: str | None, count: int) -> RepositoryPage | None:
        """Return one page of the registry's catalogue; None when it has none.

        Args:
            last: the name after which the page begins, None for the first page.
            count: how many names to ask for; the registry may send more or fewer.

        Raises:
            LoginFailed: it wants a login, or the login gives no right to the catalogue.
        """
        login = await self._find_login("")
        url = self._url("/v2/_catalog").copy_merge_params({"n": str(count), **({"last": last} if last else {})})
        answer = await self._send(self._request("GET", login, _CATALOG_SCOPE, url, self.limits.list_bytes))
        if answer.status in _NO_SUCH_API:
            return None
        if answer.status != 200:
            raise self._failure(answer, login, f"the catalogue of {self.name}", missing="NOT_FOUND")
        return repository_page(answer, count)

    def _url(self, path: str) -> httpx2.URL:
        """The URL of a path, whose parts the grammar has checked: joining would parse all of it again."""
        return self._base.copy_with(raw_path=path.encode("ascii"))

    async def _greet(self) -> Answer:
        answer = await self._send(Ask("GET", self._url("/v2/"), self.limits.error_bytes, self.name))
        if answer.status not in (200, 401, 403, 429):
            raise Unreachable("HTTP_ERROR", f"{self.name} answered {answer.status} to /v2/")
        return answer

    async def _accepts_login(self, repository: str | None) -> bool:
        login = await self._find_login(repository or "")
        if login is None:
            return False
        scope = f"repository:{repository}:pull" if repository else ""
        try:
            answer = await self._send(self._request("GET", login, scope, self._url("/v2/"), self.limits.error_bytes))
        except LoginFailed:
            return False
        return answer.status == 200

    async def _unmoved(self, login: Login | None, image: Image) -> str | None:
        """The digest of a tag that still points to what was read before, None when it must be read."""
        key = self._key(login, image)
        known = self._cache.digest((*key, image.reference))
        if known is None or self._cache.document((*key, known)) is None:
            return None
        answer = await self._head(login, image)
        if answer.status in (401, 429):
            raise self._failure(answer, login, str(image), missing="MANIFEST_UNKNOWN")
        # Another refusal may be of HEAD alone (object stores sign a redirect for one method): GET has the last word.
        return known if _named_digest(answer) == known else None

    async def _head(self, login: Login | None, image: Image) -> Answer:
        url = self._url(f"/v2/{image.repository}/manifests/{image.reference}")
        scope = f"repository:{image.repository}:pull"
        ask = self._request("HEAD", login, scope, url, self.limits.error_bytes)
        return await self._send(replace(ask, accept=ACCEPT))

    async def _ask(
        self,
        login: Login | None,
        image: Image,
        what: str,
        url: httpx2.URL,
        limit: int,
        *,
        missing: Code,
        accept: str | None = None,
    ) -> Answer:
        """GET something of a repository that must be there."""
        ask = self._request("GET", login, f"repository:{image.repository}:pull", url, limit)
        answer = await self._send(replace(ask, accept=accept))
        if answer.status != 200:
            raise self._failure(answer, login, what, missing=missing)
        return answer

    def _request(self, method: Method, login: Login | None, scope: str, url: httpx2.URL, limit: int) -> Ask:
        auth = RegistryAuth(self.name, scope, login, self._policy, self._grants, self.limits)
        return Ask(method, url, limit, self.name, auth=auth)

    async def _send(self, ask: Ask) -> Answer:
        """Every request of this registry: at most so many at once, and its rate limit remembered."""
        login = ask.auth.login if isinstance(ask.auth, RegistryAuth) else None
        configured = login is not None and login.origin == "configured"
        async with self._known.limiter:
            try:
                answer = await self._wire.fetch(ask)
            except LoginFailed as error:
                self._known.refusal = error.text if configured else self._known.refusal
                raise
        if configured and answer.authorization and answer.status in (200, 401) and not insufficient_scope(answer):
            self._known.refusal = None if answer.status == 200 else "it refused the configured credentials"
        self._known.rate_limit = RateLimit.of(answer.headers) or self._known.rate_limit
        return answer

    def _failure(self, answer: Answer, login: Login | None, what: str, *, missing: Code) -> OciError:
        return failure(answer, what, self.name, missing=missing, login=login.origin if login else None)

    def _key(self, login: Login | None, image: Image) -> tuple[str, ...]:
        return (self.name, login.user if login else "", image.repository)


def _named_digest(answer: Answer) -> str | None:
    """The digest that the answer to a HEAD names, None when there is none."""
    digest = answer.headers.get("docker-content-digest", "")
    return digest if answer.status == 200 and is_digest(digest) else None


def _rows(answer: Answer) -> list[Descriptor] | None:
    """The descriptors of a list of referrers, None when the answer is none."""
    if answer.status != 200:
        return None
    try:
        rows = parse_object(answer.body, parts=MAX_LIST_PARTS).get("manifests")
    except ValueError:
        return None
    return descriptors(rows) if isinstance(rows, list) else None


def _host_of(realm: str) -> str | None:
    try:
        return httpx2.URL(realm).host or None
    except httpx2.InvalidURL:
        return None
