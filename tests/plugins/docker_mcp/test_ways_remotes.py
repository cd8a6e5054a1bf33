"""Which addresses of a catalogue may be asked."""

from __future__ import annotations

import socket

import anyio
import pytest

from fuseboard_docker_mcp.errors import NotAllowed
from fuseboard_docker_mcp.ways import remotes

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "url",
    [
        "http://tracker.example.com/mcp",
        "ftp://tracker.example.com/",
        "https:///mcp",
        "https://user:secret@tracker.example.com/mcp",
        "https://tracker.example.com:port/mcp",
        "https://tracker.example.com:99999/mcp",
        "https://[::1/mcp",
        "https://tracker.example.com/a b",
        "https://tracker.example.com/a\nb",
        "file:///etc/passwd",
        "",
    ],
)
async def test_an_address_that_is_not_plain_https_is_refused(url: str) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.215.14"]

    with pytest.raises(NotAllowed):
        await remotes.check_url(url, resolve)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"),
        *("2002:7f00:1::", "240.0.0.1", "255.255.255.255"),
    ],
)
async def test_a_host_with_an_address_that_is_not_public_is_refused(address: str) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.215.14", address]

    with pytest.raises(NotAllowed, match=r"not public.*plugins\.docker_mcp\.servers"):
        await remotes.check_url("https://tracker.example.com/mcp", resolve)


async def test_a_public_host_is_allowed_on_any_port() -> None:
    asked = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["93.184.215.14", "2606:2800:220:1::1", "64:ff9b::5db8:d70e"]

    await remotes.check_url("https://tracker.example.com/mcp?x=y", resolve)
    await remotes.check_url("https://tracker.example.com:8443/mcp", resolve)
    assert asked == [("tracker.example.com", 443), ("tracker.example.com", 8443)]


async def test_a_host_that_cannot_be_looked_up_is_left_to_the_connection() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror("no such host")

    await remotes.check_url("https://tracker.example.com/mcp", resolve)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.1", "0x7f000001", "2130706433"])
async def test_every_spelling_of_this_machine_is_found_by_the_systems_resolver(host: str) -> None:
    with anyio.fail_after(60), pytest.raises(NotAllowed, match="not public"):
        await remotes.check_url(f"https://{host}/mcp")
