"""Servers behind an address: which addresses may be asked, and the headers that carry secrets to them."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

import anyio

from fuseboard_docker_mcp.errors import NotAllowed, WrongConfiguration
from fuseboard_docker_mcp.text import clean
from fuseboard_docker_mcp.ways import templates

LOOKUP_SECONDS = 5
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Looks a host up: its addresses as text. Raises OSError when it has none."""


async def resolve_host(host: str, port: int) -> list[str]:
    """Look a host up with the system's resolver, which gets `LOOKUP_SECONDS`."""

    def look_up() -> list[str]:
        return [str(item[4][0]) for item in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

    # A thread of the loop's own pool would hold up the end of the process for as long as the resolver takes.
    with anyio.fail_after(LOOKUP_SECONDS):
        return await anyio.to_thread.run_sync(look_up, abandon_on_cancel=True)


async def check_url(url: str, resolve: Resolve = resolve_host) -> None:
    """Refuse an address of a catalogue that is not https, or whose host has an address that is not public.

    A host that cannot be looked up passes: the connection will say so, and behind a proxy it may even work.

    Raises:
        NotAllowed: it breaks a rule; an operator who writes it into the settings himself may use any address.
    """
    shown = clean(url, 120)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 443
    except ValueError:
        raise NotAllowed(f"the address {shown!r} is no URL") from None
    if parts.scheme != "https" or not host or parts.username is not None or not url.isprintable() or " " in url:
        raise NotAllowed(f"the address {shown!r} must be https://<host>/... without a login in it. {_REMEDY}")
    try:
        addresses = await resolve(host, port)
    except (OSError, UnicodeError):
        addresses = []
    if not all(map(is_public, addresses)):
        raise NotAllowed(f"the address {shown!r} leads to a host that is not public. {_REMEDY}")


_REMEDY = "The operator can name such a server in plugins.docker_mcp.servers with its url"


def is_public(address: str) -> bool:
    """Whether an IP address is one that anybody on the internet could be reached at."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        found = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF) if found in _NAT64 else inner or found
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


def headers(patterns: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """Fill `${NAME}` in headers; one that becomes empty is left out.

    Args:
        patterns: name and value of each header.
        variables: value of each NAME.

    Raises:
        WrongConfiguration: a NAME without a value, or a header that HTTP cannot carry. The text names no value.
    """
    filled = {}
    for name, pattern in patterns.items():
        shown = clean(name, 60)
        try:
            text = templates.expand_braced(pattern, variables)
        except KeyError as unknown:
            missing = clean(str(unknown.args[0]), 60)
            raise WrongConfiguration(f"the header {shown!r} wants ${{{missing}}}, which is no secret of it") from None
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(text):
            raise WrongConfiguration(f"the header {shown!r}, or its value, holds characters that HTTP cannot carry")
        if text.strip():
            filled[name] = text
    return filled
