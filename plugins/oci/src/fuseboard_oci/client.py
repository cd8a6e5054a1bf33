"""The plugin's one client: it knows every registry, and gives out `Registry` objects to ask them with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import anyio
from pydantic import SecretStr

from fuseboard_oci.cache import Cache
from fuseboard_oci.config import OciSettings
from fuseboard_oci.credentials import shared_login
from fuseboard_oci.failures import RateLimit
from fuseboard_oci.login.auth import Grants
from fuseboard_oci.login.credentials import Login, configured_login, docker_login, given_login
from fuseboard_oci.login.docker_config import DockerCredentials
from fuseboard_oci.registry import FindLogin, Registry
from fuseboard_oci.transport.guard import Resolve, resolve_host
from fuseboard_oci.transport.policy import HostPolicy
from fuseboard_oci.transport.wire import Wire

_MAX_KNOWN = 256


@dataclass(slots=True)
class Known:
    """What the client keeps about one registry between calls.

    Attributes:
        limiter: bounds the requests that are under way.
        rate_limit: what the registry said last about its limit.
        refusal: why the configured login did not work the last time, None when it did.
    """

    limiter: anyio.CapacityLimiter
    rate_limit: RateLimit | None = None
    refusal: str | None = None


class RegistryClient:
    """A client for all registries, for the plugin's whole life. An async context manager.

    Args:
        settings: the plugin's settings.
        resolve: looks host names up; only tests give another.
        environ: says where docker keeps its configuration; only tests give another.
    """

    def __init__(
        self, settings: OciSettings, *, resolve: Resolve = resolve_host, environ: Mapping[str, str] = os.environ
    ) -> None:
        self.settings = settings
        self.policy = HostPolicy(settings, resolve)
        self.grants = Grants()
        self.cache = Cache(settings.limits)
        self.docker: DockerCredentials | None = None
        if settings.docker_config:
            self.docker = DockerCredentials(use_helpers=settings.credential_helpers, environ=environ)
        self._wire = Wire(settings, self.policy)
        self._known: dict[str, Known] = {}

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
        given = given_login(username, password, allowed=self.settings.allow_inline_credentials)
        return Registry(
            name,
            base,
            find_login=self._finder(name, given),
            policy=self.policy,
            wire=self._wire,
            # Nothing of a login that came with a call is remembered: neither its tokens nor what they let it see.
            grants=Grants(self.grants.clock) if given else self.grants,
            cache=Cache(self.settings.limits) if given else self.cache,
            limits=self.settings.limits,
            known=self.known(name),
        )

    def known(self, name: str) -> Known:
        """What is kept about a registry."""
        if len(self._known) > _MAX_KNOWN:
            named = self.settings.registries
            self._known = {
                name: one for name, one in self._known.items() if one.limiter.borrowed_tokens or name in named
            }
        limiter = anyio.CapacityLimiter(self.settings.limits.parallel)
        return self._known.setdefault(name, Known(limiter))

    def _finder(self, name: str, given: Login | None) -> FindLogin:
        async def find(repository: str) -> Login | None:
            login = given or configured_login(self.policy.settings_of(name)) or shared_login(name)
            if login is not None or self.docker is None:
                return login
            return docker_login(await self.docker.find(name, repository))

        return find
