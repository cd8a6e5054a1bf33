"""Which hosts may be asked at all."""

from __future__ import annotations

import httpx2
import pytest

from fuseboard_oci.config import OciSettings
from fuseboard_oci.errors import Blocked, InvalidInput
from fuseboard_oci.transport.policy import HostPolicy
from tests.plugins.oci.helpers import asking_nobody

pytestmark = pytest.mark.anyio


def policy(*addresses: str, **settings: object) -> HostPolicy:
    """A policy for which every name has these addresses."""

    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return HostPolicy(OciSettings.model_validate(settings), resolve)


@pytest.mark.parametrize("registry", ["127.0.0.1", "[::1]", "169.254.169.254", "10.1.2.3", "8.8.8.8", "ghcr.io:8443"])
async def test_an_address_or_a_port_of_its_own_must_be_named_in_the_settings(registry: str) -> None:
    async with asking_nobody() as oci:
        with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS: .*plugins\.oci\.registries"):
            await oci.tags("demo/app", registry=registry)


@pytest.mark.parametrize("registry", ["2130706433", "0x7f000001", "127.1", "localhost", "internal.example"])
async def test_a_name_that_leads_inside_is_refused_before_connecting(registry: str) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async with asking_nobody(resolve=resolve) as oci:
        with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS: .*not public"):
            await oci.tags("demo/app", registry=registry)


@pytest.mark.parametrize("registry", ["u:p@ghcr.io", "ghcr.io/x", "ghcr.io#x", "gh cr.io", "ghcr.io:99999"])
async def test_what_is_no_registry_is_refused_without_a_look_up(registry: str) -> None:
    async with asking_nobody() as oci:
        with pytest.raises(InvalidInput, match=r"^INVALID_REGISTRY"):
            await oci.tags("demo/app", registry=registry)


@pytest.mark.parametrize("repository", ["../x", "Lib/App", "a//b", "%2e", "a" * 300])
async def test_what_is_no_repository_is_refused_without_a_look_up(repository: str) -> None:
    async with asking_nobody() as oci:
        with pytest.raises(InvalidInput, match=r"^INVALID_REPOSITORY"):
            await oci.details(repository, registry="ghcr.io")


@pytest.mark.parametrize("reference", ["a\r\nX: y", "-x", "t" * 129])
async def test_what_is_no_reference_is_refused_without_a_look_up(reference: str) -> None:
    async with asking_nobody() as oci:
        with pytest.raises(InvalidInput, match=r"^INVALID_REFERENCE"):
            await oci.details("o/i", reference, registry="ghcr.io")


def test_an_allow_list_admits_its_patterns_and_the_named_registries_only() -> None:
    rules = policy(
        host_policy="allowlist",
        allowed_hosts=["*.example.com"],
        registries={"corp:5000": {"insecure": True}, "named.example.org": {}},
    )
    assert str(rules.base_url("a.example.com")) == "https://a.example.com"
    assert str(rules.base_url("corp:5000")) == "http://corp:5000"
    assert str(rules.base_url("named.example.org")) == "https://named.example.org"
    with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS: ghcr\.io is not on the operator's list"):
        rules.base_url("ghcr.io")


async def test_a_redirect_may_lead_to_any_public_https_host() -> None:
    await policy("8.8.8.8").check_redirect(
        "ghcr.io", httpx2.URL("https://ghcr.io/v2/x"), httpx2.URL("https://cdn.example/blob")
    )


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("https://internal.example/", "BLOCKED_REDIRECT"),
        ("http://ghcr.io/", "BLOCKED_SCHEME"),
        ("https://u:p@cdn.example/", "BLOCKED_REDIRECT"),
        ("https://cdn.example:8443/", "BLOCKED_REDIRECT"),
        ("ftp://cdn.example/", "BLOCKED_SCHEME"),
        ("file:///etc/passwd", "BLOCKED_SCHEME"),
        ("https:///x", "BLOCKED_REDIRECT"),
        ("https://u:p@ghcr.io/", "BLOCKED_REDIRECT"),
    ],
)
async def test_a_redirect_inside_or_off_https_is_blocked(target: str, code: str) -> None:
    rules = policy("10.0.0.1")
    with pytest.raises(Blocked, match=f"^{code}"):
        await rules.check_redirect("ghcr.io", httpx2.URL("https://ghcr.io/v2/x"), httpx2.URL(target))


async def test_a_stranger_cannot_redirect_to_a_private_registry_that_the_operator_named() -> None:
    """Naming a registry lets a caller ask it; it does not open it to the redirects of others."""
    rules = policy("10.0.0.1", registries={"corp": {}})
    with pytest.raises(Blocked, match=r"^BLOCKED_REDIRECT"):
        await rules.check_redirect("ghcr.io", httpx2.URL("https://ghcr.io/v2/x"), httpx2.URL("https://corp/v2/secret"))
    await rules.check_redirect("corp", httpx2.URL("https://corp/v2/x"), httpx2.URL("https://corp/other"))


async def test_docker_hub_and_gitlab_make_their_tokens_elsewhere() -> None:
    rules = policy("10.0.0.1")
    for registry, realm in (
        ("registry-1.docker.io", "https://auth.docker.io/token"),
        ("registry.gitlab.com", "https://gitlab.com/jwt/auth"),
    ):
        assert str(await rules.check_realm(registry, realm, with_credentials=True)) == realm


async def test_credentials_go_to_no_realm_that_nobody_named_but_anonymous_questions_may() -> None:
    rules = policy("8.8.8.8")
    realm = "https://auth.example/token"
    with pytest.raises(Blocked, match=r"^BLOCKED_REALM: .*realm_hosts"):
        await rules.check_realm("ghcr.io", realm, with_credentials=True)
    assert str(await rules.check_realm("ghcr.io", realm, with_credentials=False)) == realm


@pytest.mark.parametrize("realm", ["http://ghcr.io/token", "http://auth.example/token"])
async def test_a_realm_without_https_is_blocked(realm: str) -> None:
    with pytest.raises(Blocked, match=r"^BLOCKED_REALM"):
        await policy("8.8.8.8").check_realm("ghcr.io", realm, with_credentials=False)


@pytest.mark.parametrize(
    "realm", ["", "token", "//x/y", "https://u:p@ghcr.io/", "https://h:99999/", "https://[x", "a\x00b"]
)
async def test_a_realm_that_is_no_plain_url_is_bad(realm: str) -> None:
    with pytest.raises(Blocked, match=r"^BAD_REALM"):
        await policy("8.8.8.8").check_realm("ghcr.io", realm, with_credentials=False)


@pytest.mark.parametrize(
    ("target", "fine"),
    [
        ("https://ghcr.io/v2/x/tags/list?last=a", True),
        ("https://ghcr.io/other", False),
        ("https://ghcr.io/v2/%2e%2e/other", False),
        ("https://ghcr.io:444/v2/x", False),
        ("http://ghcr.io/v2/x", False),
        ("https://quay.io/v2/x", False),
        ("https://u@ghcr.io/v2/x", False),
        ("file:///v2/x", False),
    ],
)
def test_a_link_stays_on_its_origin_below_v2(target: str, fine: bool) -> None:
    origin = httpx2.URL("https://ghcr.io/v2/x/tags/list")
    if fine:
        HostPolicy.check_link(origin, httpx2.URL(target))
        return
    with pytest.raises(Blocked, match=r"^BLOCKED_LINK"):
        HostPolicy.check_link(origin, httpx2.URL(target))
