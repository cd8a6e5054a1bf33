"""The address guard: what is public, and connections that go to the checked address only."""

from __future__ import annotations

import socket
import ssl

import anyio
import httpcore2
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuseboard_oci.errors import Blocked
from fuseboard_oci.transport.guard import AddressGuard, GuardedBackend, guarded_transport, is_public
from tests.plugins.oci.helpers import PATIENCE

PUBLIC = "8.8.8.8 1.1.1.1 2606:4700::1111 2001:4860:4860::8888 ::ffff:8.8.8.8 64:ff9b::808:808"
NOT_PUBLIC = """
0.0.0.0 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 168.63.129.16 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1
192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 :: ::1
::127.0.0.1 fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 fec0::1 ff02::1 2001:db8::1 2001:0:7f00:1:: ::ffff:127.0.0.1
::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b:1::1 2002:7f00:1:: 2002:a00:1::
"""


@pytest.mark.parametrize("address", PUBLIC.split())
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_an_address_that_leads_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@given(st.text(max_size=60))
def test_text_that_is_no_address_is_not_public(text: str) -> None:
    assert is_public(text) in (True, False)
    if not set(text) <= set("0123456789abcdefABCDEF:.%"):
        assert not is_public(text)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_the_same_in_all_its_wrappings(address: object) -> None:
    plain = is_public(str(address))
    assert is_public(f"::ffff:{address}") == plain
    assert is_public(f"64:ff9b::{address}") == plain


def _guard(*addresses: str, named: frozenset[tuple[str, int]] = frozenset()) -> AddressGuard:
    answers = [[address] for address in addresses]

    async def resolve(host: str, port: int) -> list[str]:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    return AddressGuard(named, resolve)


@pytest.mark.anyio
async def test_one_private_address_among_public_ones_blocks_the_host() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["8.8.8.8", "10.0.0.1"]

    with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS: mixed\.example"):
        await AddressGuard(frozenset(), resolve).public_addresses("mixed.example", 443)


@pytest.mark.anyio
async def test_the_backend_refuses_before_it_connects() -> None:
    backend = GuardedBackend(_guard("169.254.169.254"))
    with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS"):
        await backend.connect_tcp("metadata.example", 443, timeout=PATIENCE)


@pytest.mark.anyio
async def test_an_unnamed_host_is_asked_on_port_443_only() -> None:
    with pytest.raises(Blocked, match="port 8443"):
        await GuardedBackend(_guard("8.8.8.8")).connect_tcp("public.example", 8443, timeout=PATIENCE)


@pytest.mark.case(35)
@pytest.mark.anyio
@pytest.mark.parametrize("named", [443, 5000])
async def test_a_host_is_named_with_its_port_and_any_other_port_of_it_is_checked(named: int) -> None:
    backend = GuardedBackend(_guard("127.0.0.1", named=frozenset({("corp.example", named)})))
    for port in {80, 443, 5000, 5001} - {named}:
        with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS"):
            await backend.connect_tcp("corp.example", port, timeout=PATIENCE)
    with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS"):
        await backend.connect_tcp("x.corp.example", 443, timeout=PATIENCE)


@pytest.mark.anyio
async def test_a_name_that_resolves_differently_the_second_time_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The socket goes to the address that was checked: a second lookup, which would lead inside, does not happen."""
    asked: list[str] = []

    async def connect(self: object, host: str, port: int, *rest: object) -> object:
        asked.append(host)
        raise httpcore2.ConnectError("no internet here")

    monkeypatch.setattr(httpcore2.AnyIOBackend, "connect_tcp", connect)
    with pytest.raises(httpcore2.ConnectError):
        await GuardedBackend(_guard("8.8.8.8", "127.0.0.1")).connect_tcp("rebind.example", 443, timeout=PATIENCE)
    assert asked == ["8.8.8.8"]


@pytest.mark.anyio
async def test_a_silent_address_of_one_family_leaves_time_for_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, float | None]] = []

    class Connected(httpcore2.AsyncNetworkStream):
        def get_extra_info(self, info: str) -> object:
            return None

        async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            return b"connected"

    async def connect(self: object, host: str, port: int, timeout: float | None, *rest: object) -> object:
        asked.append((host, timeout))
        if ":" in host:
            raise httpcore2.ConnectTimeout("silence")
        return Connected()

    async def resolve(host: str, port: int) -> list[str]:
        return ["2606:4700::1111", "2606:4700::2222", "1.1.1.1"]

    monkeypatch.setattr(httpcore2.AnyIOBackend, "connect_tcp", connect)
    stream = await GuardedBackend(AddressGuard(frozenset(), resolve)).connect_tcp("both.example", 443, timeout=80)
    assert await stream.read(9) == b"connected"
    assert asked == [("2606:4700::1111", 40.0), ("1.1.1.1", 40.0)]


@pytest.mark.anyio
async def test_a_name_without_an_address_is_a_connection_error() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(httpcore2.ConnectError, match="no address"):
        await GuardedBackend(AddressGuard(frozenset(), resolve)).connect_tcp("nowhere.example", 443, timeout=PATIENCE)


@pytest.mark.anyio
async def test_httpx2_still_uses_the_pool_that_carries_the_guard() -> None:
    """`_pool` is private to httpx2: when a release stops using it, this test says so before the guard is gone."""
    transport = guarded_transport(_guard("127.0.0.1"), ssl.create_default_context(), connections=2)
    async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
        with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS"):
            await client.get("https://public.example/")


@pytest.mark.anyio
async def test_a_resolver_that_never_answers_ends_with_the_connect_timeout() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        await anyio.sleep_forever()
        return []

    with pytest.raises(httpcore2.ConnectTimeout):
        await GuardedBackend(AddressGuard(frozenset(), resolve)).connect_tcp("silent.example", 443, timeout=0.05)


@pytest.mark.anyio
async def test_the_name_of_this_machine_leads_inside() -> None:
    """The one test with the system's resolver; `localhost` needs no network."""
    with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS"):
        await AddressGuard(frozenset()).public_addresses("localhost", 443)


@pytest.mark.anyio
async def test_a_kept_connection_that_the_server_has_closed_is_noticed() -> None:
    """The pool asks this before it uses a connection again; a wrong answer would cost a failed request."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        backend = GuardedBackend(AddressGuard(frozenset({("127.0.0.1", port)})))
        stream = await backend.connect_tcp("127.0.0.1", port, timeout=PATIENCE)
        there, _ = server.accept()
        assert stream.get_extra_info("is_readable") is False
        there.close()
        with anyio.fail_after(PATIENCE):
            while not stream.get_extra_info("is_readable"):
                await anyio.lowlevel.checkpoint()
        await stream.aclose()
        assert stream.get_extra_info("is_readable") is True
