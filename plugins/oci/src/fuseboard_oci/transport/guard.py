"""The address guard: what is a public address, and connections that go nowhere else.

The check and the connection use one and the same address, so a name that resolves differently a moment later (DNS
rebinding) gains nothing.
"""

from __future__ import annotations

import ipaddress
import select
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import anyio
import httpcore2
import httpx2

from fuseboard_oci.errors import Blocked, Code

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Look a host up: its addresses as text. Raises OSError when it has none."""

SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Python counts these as global (some only in older patch releases); none of them is a place for a registry.
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in ("168.63.129.16/32", "192.88.99.0/24", "fec0::/10", "64:ff9b:1::/48", "2001::/32", "::/96")
)


def is_public(text: str) -> bool:
    """Whether an IP address is one that anybody on the internet could be reached at. Other text is not."""
    try:
        address = _unwrapped(ipaddress.ip_address(text))
    except ValueError:
        return False
    if address.is_multicast or address.is_reserved or address.is_unspecified or not address.is_global:
        return False
    return not any(address.version == network.version and address in network for network in _NOT_PUBLIC)


def is_address(host: str) -> bool:
    """Whether a host is an IP literal in its usual spelling."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _unwrapped(address: IPAddress) -> IPAddress:
    """The IPv4 address that an IPv6 address leads to, where it is a mapped, 6to4 or NAT64 one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


async def resolve_host(host: str, port: int) -> list[str]:
    """Look a host up with the system's resolver, in the order in which the addresses should be tried."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(item[4][0]) for item in found]


class AddressGuard:
    """Decides which hosts may be connected to.

    Args:
        named: (host, port) pairs that the operator named: any address is fine there.
        resolve: looks a host up; a test can put its own here.
    """

    def __init__(self, named: frozenset[tuple[str, int]], resolve: Resolve = resolve_host) -> None:
        self._named = named
        self._resolve = resolve

    def is_named(self, host: str, port: int) -> bool:
        """Whether the operator named this host with this port."""
        return (host, port) in self._named

    async def public_addresses(self, host: str, port: int, code: Code = "BLOCKED_ADDRESS") -> list[str]:
        """Return the addresses of `host`.

        Raises:
            Blocked: with `code`, when the port is not 443 or one of the addresses is not public.
            OSError: the host has no address.
        """
        if port != 443:
            raise Blocked(code, f"{host} on port {port}: an unnamed host is asked on port 443 only. {_REMEDY}")
        addresses = await self._resolve(host, port)
        if not addresses or not all(map(is_public, addresses)):
            raise Blocked(code, f"{host} has an address that is not public, so it is not asked. {_REMEDY}")
        return addresses


_REMEDY = "The operator can name a private registry in plugins.oci.registries"


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections to hosts that the operator named, and otherwise to the very addresses that were checked."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._sockets = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect within `timeout` seconds.

        Raises:
            Blocked: BLOCKED_ADDRESS.
        """
        if self._guard.is_named(host, port):
            return _Watched(await self._sockets.connect_tcp(host, port, timeout, local_address, socket_options))
        try:
            with anyio.fail_after(timeout):
                addresses = await self._guard.public_addresses(host, port)
                return await self._first_answering(addresses, port, timeout)
        except TimeoutError:
            raise httpcore2.ConnectTimeout("no connection in time") from None
        except OSError:
            raise httpcore2.ConnectError("the host name has no address") from None

    async def _first_answering(
        self, addresses: list[str], port: int, timeout: float | None
    ) -> httpcore2.AsyncNetworkStream:
        tried = _one_per_family(addresses)
        share = None if timeout is None else timeout / len(tried)
        for address in tried[:-1]:
            try:
                return _Watched(await self._sockets.connect_tcp(address, port, share))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return _Watched(await self._sockets.connect_tcp(tried[-1], port, share))


class _Watched(httpcore2.AsyncNetworkStream):
    """A connection whose socket is at hand.

    The pool asks every idle connection with every request whether the server has closed it. To learn the socket for
    that, anyio looks up both of its addresses each time, which was a tenth of all the time that a request costs.
    """

    def __init__(self, inner: httpcore2.AsyncNetworkStream) -> None:
        self._inner = inner
        self._socket = inner.get_extra_info("socket")

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        return _Watched(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable" and self._socket is not None:
            return _is_readable(self._socket)
        return self._inner.get_extra_info(info)


def _is_readable(watched: socket.socket) -> bool:
    """Whether a socket has something to say: for one that is idle, that it was closed."""
    if (number := watched.fileno()) < 0:
        return True
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return bool(poll.poll(0))


def _one_per_family(addresses: list[str]) -> list[str]:
    first: dict[bool, str] = {}
    for address in addresses:
        first.setdefault(":" in address, address)
    return list(first.values())


def guarded_transport(guard: AddressGuard, context: ssl.SSLContext, connections: int) -> httpx2.AsyncHTTPTransport:
    """A transport without proxies whose connections all pass the guard, `connections` at most at once."""
    transport = httpx2.AsyncHTTPTransport(verify=context, trust_env=False)
    # httpx2 has no public parameter for a network backend; a test pins that this attribute is what it uses.
    transport._pool = httpcore2.AsyncConnectionPool(
        ssl_context=context,
        max_connections=connections,
        max_keepalive_connections=connections // 2,
        keepalive_expiry=15.0,
        network_backend=GuardedBackend(guard),
    )
    return transport
