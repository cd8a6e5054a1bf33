"""The registry client: manifests, tags and blobs of any registry, over `wire.py` and `auth.py`."""

from __future__ import annotations

from typing import Self

import anyio
import httpx2
from pydantic import SecretStr

from fuseboard_oci.config import Limits, OciSettings
from fuseboard_oci.documents import ACCEPT, Descriptor, Manifest, check_digest, read_manifest
from fuseboard_oci.errors import BadAnswer, Code, LoginFailed, Unreachable
from fuseboard_oci.failures import failure
from fuseboard_oci.login.auth import Authenticator, Grants, Login
from fuseboard_oci.paging import TagList, TagPages
from fuseboard_oci.reference import Image
from fuseboard_oci.transport.guard import Resolve, resolve_host
from fuseboard_oci.transport.policy import HostPolicy, same_origin
from fuseboard_oci.transport.wire import Answer, Ask, Wire

_MAX_LIMITERS = 256


class RegistryClient:
    """A client for all registries, for the plugin's whole life. An async context manager.

    Args:
        settings: the plugin's settings.
        resolve: looks host names up; only tests give another.
    """

    def __init__(self, settings: OciSettings, *, resolve: Resolve = resolve_host) -> None:
        self.settings = settings
        self.policy = HostPolicy(settings, resolve)
        self.grants = Grants()
        self._wire = Wire(settings, self.policy)
        self._limiters: dict[str, anyio.CapacityLimiter] = {}

    async def __aenter__(self) -> Self:
        await self._wire.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._wire.__aexit__(*exc_info)

    def registry(self, name: str, username: str | None = None, password: SecretStr | None = None) -> Registry:
        """Return the registry `name` (as `reference.parse_registry` gives it), to be asked with a login.

        Args:
            name: `host` or `host:port`.
            username: credentials for this call only; the configured ones when not given.
            password: belongs to `username`.

        Raises:
            Blocked: BLOCKED_ADDRESS.
            LoginFailed: only one of `username` and `password`, or the operator does not allow them as arguments.
        """
        base = self.policy.base_url(name)
        login = self._inline_login(username, password) or self._configured_login(name)
        limits = self.settings.limits
        auth = Authenticator(name, login, self.policy, self._wire, self.grants, limits.token_bytes)
        return Registry(name, base, auth, self._wire, limits, self._limiter(name))

    def _inline_login(self, username: str | None, password: SecretStr | None) -> Login | None:
        # Clients send "" for an optional argument that they leave out.
        secret = password if password and password.get_secret_value() else None
        if not username and secret is None:
            return None
        if not self.settings.allow_inline_credentials:
            raise LoginFailed("DENIED", "the operator does not allow credentials as arguments; leave them out")
        if not username or secret is None:
            raise LoginFailed("UNAUTHORIZED", "username and password come together; one of them is missing")
        return Login(username, secret, inline=True)

    def _configured_login(self, registry: str) -> Login | None:
        known = self.policy.settings_of(registry)
        if known.username is None or known.password is None:
            return None
        return Login(known.username, known.password)

    def _limiter(self, registry: str) -> anyio.CapacityLimiter:
        if len(self._limiters) > _MAX_LIMITERS:
            self._limiters = {name: one for name, one in self._limiters.items() if one.borrowed_tokens}
        return self._limiters.setdefault(registry, anyio.CapacityLimiter(self.settings.limits.parallel))


class Registry:
    """One registry, asked with one login. Made by `RegistryClient.registry`."""

    def __init__(
        self,
        name: str,
        base: httpx2.URL,
        auth: Authenticator,
        wire: Wire,
        limits: Limits,
        limiter: anyio.CapacityLimiter,
    ) -> None:
        self.name = name
        self.limits = limits
        self._base = base
        self._auth = auth
        self._wire = wire
        self._limiter = limiter

    async def check(self) -> None:
        """Ask `/v2/`. Anything that speaks the registry's protocol is fine, also a demand for a login.

        Raises:
            Unreachable, Blocked, BadAnswer: no registry answers there.
        """
        answer = await self._wire.fetch(Ask("GET", self._base.join("/v2/"), self.limits.error_bytes))
        if answer.status not in (200, 401, 403, 429):
            raise Unreachable("HTTP_ERROR", f"{self.name} answered {answer.status} to /v2/")

    async def tags(self, image: Image) -> TagList:
        """Return all tags of the repository of `image`, whatever order and page size the registry prefers.

        Raises:
            NotFound: NAME_UNKNOWN.
            BadAnswer: PAGINATION_LOOP, NOT_A_TAG_LIST and those of `wire.Wire.fetch`.
            Blocked: BLOCKED_LINK.
        """
        pages = TagPages(self._base.join(f"/v2/{image.repository}/tags/list"), self.limits)
        while pages.url is not None and not pages.over:
            answer = await self._ask(image, image.name, pages.url, self.limits.list_bytes, missing="NAME_UNKNOWN")
            pages.add(answer)
        return pages.result()

    async def manifest(self, image: Image, digest: str | None = None) -> Manifest:
        """Return the manifest of `image`, or that of another digest in its repository.

        Raises:
            NotFound: MANIFEST_UNKNOWN, NAME_UNKNOWN.
            BadAnswer: DIGEST_MISMATCH, MEDIA_TYPE_MISMATCH, NOT_A_MANIFEST, TOO_LARGE.
        """
        asked = digest or image.reference
        what = f"{image.name}@{digest}" if digest else str(image)
        url = self._base.join(f"/v2/{image.repository}/manifests/{asked}")
        limit = self.limits.manifest_bytes
        answer = await self._ask(image, what, url, limit, missing="MANIFEST_UNKNOWN", accept=ACCEPT)
        return read_manifest(
            answer.body,
            asked=asked,
            header_digest=answer.headers.get("docker-content-digest"),
            content_type=answer.headers.get("content-type"),
        )

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
        url = self._base.join(f"/v2/{image.repository}/blobs/{pointer.digest}")
        expected = limit if pointer.size is None else max(pointer.size, 1)
        what = f"blob {pointer.digest} of {image.name}"
        answer = await self._ask(image, what, url, expected, missing="NOT_FOUND")
        check_digest(answer.body, pointer.digest)
        return answer.body

    async def _ask(
        self, image: Image, what: str, url: httpx2.URL, limit: int, *, missing: Code, accept: str | None = None
    ) -> Answer:
        scope = f"repository:{image.repository}:pull"
        ask = Ask("GET", url, limit, accept=accept)
        async with self._limiter:
            answer = await self._signed(ask, scope)
        if answer.status != 200:
            login = self._auth.login.origin if self._auth.login else None
            raise failure(answer, what, self.name, missing=missing, login=login)
        return answer

    async def _signed(self, ask: Ask, scope: str) -> Answer:
        grant = self._auth.current(scope)
        answer = await self._wire.fetch(_with(ask, grant.header if grant else None))
        # A 401 from where a redirect led is not the registry's, and gets no credentials.
        if answer.status != 401 or not same_origin(answer.url, self._base):
            return answer
        renewed = await self._auth.renew(scope, answer, grant)
        return answer if renewed is None else await self._wire.fetch(_with(ask, renewed.header))


def _with(ask: Ask, authorization: str | None) -> Ask:
    return Ask(ask.method, ask.url, ask.limit, ask.accept, authorization)
