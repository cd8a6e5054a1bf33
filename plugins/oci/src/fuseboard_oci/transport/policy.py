"""Who may be asked: which registries, where a redirect, a page link or a token realm may lead."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import httpx2

from fuseboard_oci.config import OciSettings, RegistrySettings, is_pattern, keys_for
from fuseboard_oci.errors import Blocked, Code, InvalidInput, Unreachable
from fuseboard_oci.reference import DOCKER_HUB, parse_registry, split_host
from fuseboard_oci.text import clean
from fuseboard_oci.transport.guard import AddressGuard, Resolve, is_address, resolve_host

# Registries whose token realm is known to be on another host than they are.
_REALM_HOSTS = {DOCKER_HUB: "auth.docker.io", "registry.gitlab.com": "gitlab.com"}
# Looser than the grammar of a registry: the hosts of object stores may contain an underscore.
_HOST = re.compile(r"[a-z0-9._:-]{1,253}")
_UNNAMED = RegistrySettings()
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class HostPolicy:
    """The operator's rules about hosts."""

    def __init__(self, settings: OciSettings, resolve: Resolve = resolve_host) -> None:
        self._settings = settings
        named: set[tuple[str, int]] = set()
        for name, registry in settings.registries.items():
            # A pattern allows a login, never a private address: it names no host.
            own = () if is_pattern(name) else (name,)
            for host in (*own, *registry.realm_hosts, *registry.redirect_hosts):
                named |= _endpoints(host, insecure=registry.insecure)
        self.guard = AddressGuard(frozenset(named), resolve)

    def settings_of(self, registry: str) -> RegistrySettings:
        """What the operator said about a registry, by its name or by the pattern that fits; the defaults if nothing."""
        known = self._settings.registries
        return next((known[key] for key in keys_for(registry) if key in known), _UNNAMED)

    def base_url(self, registry: str) -> httpx2.URL:
        """Return the URL of a parsed registry, without a path.

        Raises:
            Blocked: BLOCKED_ADDRESS for an unnamed registry that is an IP address, has a port of its own, or is not on
                the operator's list.
        """
        if registry in self._settings.registries:
            scheme = "http" if self._settings.registries[registry].insecure else "https"
            return httpx2.URL(f"{scheme}://{registry}")
        host, port = split_host(registry)
        remedy = "The operator can name it in plugins.oci.registries"
        if is_address(host):
            raise Blocked("BLOCKED_ADDRESS", f"{registry} is an IP address, and such a registry is not asked. {remedy}")
        if port is not None:
            raise Blocked("BLOCKED_ADDRESS", f"{registry} has a port other than 443. {remedy}")
        listed = any(fnmatchcase(registry, pattern) for pattern in self._settings.allowed_hosts)
        listed = listed or self.settings_of(registry) is not _UNNAMED
        if self._settings.host_policy == "allowlist" and not listed:
            raise Blocked("BLOCKED_ADDRESS", f"{registry} is not on the operator's list of registries. {remedy}")
        return httpx2.URL(f"https://{registry}")

    async def check_first(self, registry: str, url: httpx2.URL) -> None:
        """Allow the first request to a registry; where `url` is of an unnamed one, it must be a public host.

        The connection itself is refused to every private host but those that the operator named. A host that is named
        for the redirects or tokens of a registry is not named as a registry.

        Raises:
            Blocked: BLOCKED_ADDRESS.
        """
        if registry not in self._settings.registries and self.guard.is_named(url.host, url.port or 443):
            await self._require_public(url, "BLOCKED_ADDRESS")

    async def check_redirect(self, registry: str, origin: httpx2.URL, target: httpx2.URL) -> None:
        """Allow a redirect to the same origin, to the registry's `redirect_hosts`, and to any public https host.

        A host that the operator named for another registry gets no exception here: a stranger's redirect must not
        reach it.

        Raises:
            Blocked: BLOCKED_SCHEME, BLOCKED_REDIRECT.
        """
        if same_origin(origin, target) and not target.userinfo:
            return
        known = self.settings_of(registry)
        named = _is_named(target, known.redirect_hosts)
        if target.scheme != "https" and not (named and known.insecure and target.scheme == "http"):
            raise Blocked("BLOCKED_SCHEME", f"{origin.host} redirects to {_shown(target)}, which is not https")
        if target.userinfo or not _HOST.fullmatch(target.host):
            raise Blocked("BLOCKED_REDIRECT", f"{origin.host} redirects to something that is no plain URL")
        if not named:
            await self._require_public(target, "BLOCKED_REDIRECT")

    @staticmethod
    def check_link(origin: httpx2.URL, target: httpx2.URL) -> None:
        """Allow the link to a further page on the same origin, below `/v2/`.

        Raises:
            Blocked: BLOCKED_LINK.
        """
        inside = target.path.startswith("/v2/") and ".." not in target.path.split("/")
        if not same_origin(origin, target) or not inside or target.userinfo:
            raise Blocked("BLOCKED_LINK", f"{origin.host} links its next page at {_shown(target)}, outside of its API")

    async def check_realm(
        self, registry: str, realm: str, *, with_credentials: bool, vouched: frozenset[str] = frozenset()
    ) -> httpx2.URL:
        """Return the URL at which a token may be asked for.

        Args:
            registry: who names the realm.
            realm: the URL, as the registry wrote it.
            with_credentials: whether a login goes there.
            vouched: hosts for which whoever gave the login vouches. Only the operator can allow a private one.

        Raises:
            Blocked: BAD_REALM when it is no http(s) URL, BLOCKED_REALM when it may not be asked.
        """
        url = _realm_url(registry, realm)
        base = self.base_url(registry)
        if same_origin(base, url):
            return url
        settings = self.settings_of(registry)
        host = parse_registry(_netloc(url))
        trusted = host in settings.realm_hosts or (url.scheme == "https" and host == _REALM_HOSTS.get(registry))
        if url.scheme != "https" and not (trusted and settings.insecure):
            raise Blocked("BLOCKED_REALM", f"{registry} wants its tokens made at {_shown(url)}, which is not https")
        if trusted:
            return url
        if with_credentials and host not in vouched:
            raise Blocked(
                "BLOCKED_REALM",
                f"{registry} wants the credentials sent to {_shown(url)}. If that is right, the operator can add "
                f"{host} to plugins.oci.registries, {registry}, realm_hosts",
            )
        await self._require_public(url, "BLOCKED_REALM")
        return url

    async def _require_public(self, url: httpx2.URL, code: Code) -> None:
        try:
            await self.guard.public_addresses(url.host, url.port or 443, code)
        except OSError:
            raise Unreachable("HTTP_ERROR", f"the host {clean(url.host, 80)} has no address") from None


def redirect_target(origin: httpx2.URL, answer: httpx2.Response) -> httpx2.URL | None:
    """Where an answer redirects to; None when it is no redirect.

    Raises:
        Blocked: BLOCKED_REDIRECT, when that is no URL.
    """
    location = answer.headers.get("location")
    if answer.status_code not in _REDIRECTS or location is None:
        return None
    try:
        return origin.join(location).copy_with(fragment=None)
    except httpx2.InvalidURL:
        raise Blocked("BLOCKED_REDIRECT", f"{origin.host} redirects to something that is no URL") from None


def same_origin(one: httpx2.URL, other: httpx2.URL) -> bool:
    """Whether scheme, host and port are the same. (`URL.origin` raises for a URL without a host.)"""
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)


def _endpoints(registry: str, *, insecure: bool) -> set[tuple[str, int]]:
    host, port = split_host(registry)
    if port is not None:
        return {(host, port)}
    return {(host, 80), (host, 443)} if insecure else {(host, 443)}


def _is_named(url: httpx2.URL, hosts: frozenset[str]) -> bool:
    try:
        return parse_registry(_netloc(url)) in hosts
    except InvalidInput:
        return False


def _realm_url(registry: str, realm: str) -> httpx2.URL:
    bad = Blocked("BAD_REALM", f"{registry} names no usable place to make a token: {clean(realm, 80)!r}")
    try:
        url = httpx2.URL(realm)
        parse_registry(_netloc(url))
    except (httpx2.InvalidURL, InvalidInput):
        raise bad from None
    if url.scheme not in ("http", "https") or not url.host or url.userinfo:
        raise bad
    return url.copy_with(fragment=None)


def _netloc(url: httpx2.URL) -> str:
    return url.netloc.decode("ascii")


def _shown(url: httpx2.URL) -> str:
    return f"{clean(url.scheme, 16)}://{clean(url.host, 80)}"
