"""Which hosts may be asked at all."""

from __future__ import annotations

import httpx2
import pytest

from fuseboard_oci.config import OciSettings
from fuseboard_oci.errors import Blocked, InvalidInput, Unreachable
from fuseboard_oci.transport.policy import HostPolicy
from tests.plugins.oci.helpers import asking_nobody
from tests.plugins.oci.test_guard import NOT_PUBLIC, PUBLIC

pytestmark = pytest.mark.anyio


def policy(*addresses: str, **settings: object) -> HostPolicy:
    """A policy for which every name has these addresses."""

    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return HostPolicy(OciSettings.model_validate(settings), resolve)


@pytest.mark.case(35)
@pytest.mark.parametrize("registry", ["127.0.0.1", "[::1]", "169.254.169.254", "10.1.2.3", "8.8.8.8", "ghcr.io:8443"])
async def test_an_address_or_a_port_of_its_own_must_be_named_in_the_settings(registry: str) -> None:
    async with asking_nobody() as oci:
        with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS: .*plugins\.oci\.registries"):
            await oci.tags("demo/app", registry=registry)


@pytest.mark.case(35)
@pytest.mark.parametrize("registry", ["2130706433", "0x7f000001", "127.1", "localhost", "internal.example"])
async def test_a_name_that_leads_inside_is_refused_before_connecting(registry: str) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async with asking_nobody(resolve=resolve) as oci:
        with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS: .*not public"):
            await oci.tags("demo/app", registry=registry)


@pytest.mark.case(36)
@pytest.mark.parametrize("registry", ["u:p@ghcr.io", "ghcr.io/x", "ghcr.io#x", "gh cr.io", "ghcr.io:99999"])
async def test_what_is_no_registry_is_refused_without_a_look_up(registry: str) -> None:
    async with asking_nobody() as oci:
        with pytest.raises(InvalidInput, match=r"^INVALID_REGISTRY"):
            await oci.tags("demo/app", registry=registry)


@pytest.mark.case(37)
@pytest.mark.parametrize("repository", ["../x", "Lib/App", "a//b", "%2e", "a" * 300])
async def test_what_is_no_repository_is_refused_without_a_look_up(repository: str) -> None:
    async with asking_nobody() as oci:
        with pytest.raises(InvalidInput, match=r"^INVALID_REPOSITORY"):
            await oci.details(repository, registry="ghcr.io")


@pytest.mark.case(37)
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


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("ghcr.io", "https://auth.docker.io/token"),
        ("ghcr.io", "https://gitlab.com/jwt/auth"),
        ("registry.gitlab.com", "https://auth.docker.io/token"),
        ("registry-1.docker.io", "http://auth.docker.io/token"),
        ("registry-1.docker.io", "https://auth.docker.io.evil.example/token"),
        ("registry-1.docker.io", "https://auth.docker.io:8443/token"),
        ("corp.example", "http://auth.corp.example/token"),
    ],
)
async def test_a_realm_is_known_for_one_registry_and_by_https_only(registry: str, realm: str) -> None:
    rules = policy("8.8.8.8", registries={"corp.example": {"realm_hosts": ["auth.corp.example"]}})
    with pytest.raises(Blocked, match=r"^BLOCKED_REALM"):
        await rules.check_realm(registry, realm, with_credentials=True)


async def test_a_realm_of_an_insecure_registry_may_be_without_https_where_the_operator_names_it() -> None:
    rules = policy("10.0.0.1", registries={"corp": {"insecure": True, "realm_hosts": ["auth.corp"]}})
    assert (
        str(await rules.check_realm("corp", "http://auth.corp/token", with_credentials=True))
        == "http://auth.corp/token"
    )
    with pytest.raises(Blocked, match=r"^BLOCKED_REALM"):
        await rules.check_realm("corp", "http://auth.example/token", with_credentials=False)


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


def literal(address: str) -> str:
    """An address as the host of a URL."""
    return f"[{address.partition('%')[0]}]" if ":" in address else address


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
async def test_no_redirect_realm_or_link_leads_to_an_address_that_is_not_public(address: str) -> None:
    """By a name that has the address, and by the address itself."""
    origin = httpx2.URL("https://ghcr.io/v2/x")
    for host in ("internal.example", literal(address)):
        url = httpx2.URL(f"https://{host}/v2/x")
        with pytest.raises(Blocked, match=r"^BLOCKED_REDIRECT"):
            await policy(address).check_redirect("ghcr.io", origin, url)
        for login in (True, False):
            with pytest.raises(Blocked, match=r"^BLOCKED_REALM"):
                await policy(address).check_realm("ghcr.io", str(url), with_credentials=login)
        with pytest.raises(Blocked, match=r"^BLOCKED_LINK"):
            HostPolicy.check_link(origin, url)


@pytest.mark.parametrize("address", PUBLIC.split())
async def test_a_redirect_and_an_anonymous_realm_may_lead_to_any_public_address(address: str) -> None:
    for host in ("cdn.example", literal(address)):
        url = f"https://{host}/x"
        await policy(address).check_redirect("ghcr.io", httpx2.URL("https://ghcr.io/v2/x"), httpx2.URL(url))
        assert str(await policy(address).check_realm("ghcr.io", url, with_credentials=False)) == url
        with pytest.raises(Blocked, match=r"^BLOCKED_REALM"):
            await policy(address).check_realm("ghcr.io", url, with_credentials=True)


async def test_a_host_without_an_address_is_neither_redirected_to_nor_a_realm() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    rules = HostPolicy(OciSettings(), resolve)
    with pytest.raises(Unreachable, match=r"^HTTP_ERROR: the host cdn\.example has no address"):
        await rules.check_redirect("ghcr.io", httpx2.URL("https://ghcr.io/"), httpx2.URL("https://cdn.example/"))
    with pytest.raises(Unreachable, match=r"^HTTP_ERROR"):
        await rules.check_realm("ghcr.io", "https://auth.example/token", with_credentials=False)


async def test_redirect_hosts_are_for_their_own_registry_and_may_be_private() -> None:
    corp = {"redirect_hosts": ["store.corp:9000", "blobs.corp"]}
    rules = policy("10.0.0.1", registries={"corp:5000": corp, "other.corp": {}})
    for target in ("https://store.corp:9000/blob?signature=x", "https://blobs.corp/blob"):
        url = httpx2.URL(target)
        await rules.check_redirect("corp:5000", httpx2.URL("https://corp:5000/v2/x"), url)
        for stranger in ("other.corp", "ghcr.io"):
            with pytest.raises(Blocked, match=r"^BLOCKED_REDIRECT"):
                await rules.check_redirect(stranger, httpx2.URL(f"https://{stranger}/v2/x"), url)
    for target in (
        "https://store.corp/",
        "https://blobs.corp:9000/",
        "https://u:p@blobs.corp/",
        "https://x.blobs.corp/",
    ):
        with pytest.raises(Blocked, match=r"^BLOCKED_REDIRECT"):
            await rules.check_redirect("corp:5000", httpx2.URL("https://corp:5000/v2/x"), httpx2.URL(target))


@pytest.mark.parametrize(("insecure", "target"), [(True, "http://store.corp/"), (False, "https://store.corp/")])
async def test_a_redirect_host_is_asked_by_http_only_by_an_insecure_registry(insecure: bool, target: str) -> None:
    rules = policy("10.0.0.1", registries={"corp": {"insecure": insecure, "redirect_hosts": ["store.corp"]}})
    origin = httpx2.URL(f"{'http' if insecure else 'https'}://corp/v2/x")
    await rules.check_redirect("corp", origin, httpx2.URL(target))
    if not insecure:
        with pytest.raises(Blocked, match=r"^BLOCKED_SCHEME"):
            await rules.check_redirect("corp", origin, httpx2.URL("http://store.corp/"))


async def test_a_redirect_host_is_no_realm_and_a_realm_host_no_target_of_redirects() -> None:
    corp = {"redirect_hosts": ["store.corp"], "realm_hosts": ["auth.corp"]}
    rules = policy("10.0.0.1", registries={"corp": corp})
    with pytest.raises(Blocked, match=r"^BLOCKED_REALM"):
        await rules.check_realm("corp", "https://store.corp/token", with_credentials=True)
    with pytest.raises(Blocked, match=r"^BLOCKED_REDIRECT"):
        await rules.check_redirect("corp", httpx2.URL("https://corp/v2/x"), httpx2.URL("https://auth.corp/"))
    assert await rules.check_realm("corp", "https://auth.corp/token", with_credentials=True)
    with pytest.raises(Blocked, match=r"^BLOCKED_REALM"):
        await rules.check_realm("ghcr.io", "https://auth.corp/token", with_credentials=True)


@pytest.mark.parametrize("role", ["realm_hosts", "redirect_hosts"])
async def test_a_private_host_that_serves_a_registry_is_no_registry_for_callers(role: str) -> None:
    """The operator named it for the redirects or tokens of one registry, not to be asked as another."""

    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async with asking_nobody(resolve=resolve, registries={"corp.example": {role: ["localhost"]}}) as oci:
        with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS: .*not public"):
            await oci.tags("demo/app", registry="localhost")


@pytest.mark.parametrize(
    ("registry", "user"),
    [
        ("team.example.com", "wide"),
        ("x-1.example.com", "wide"),
        ("exact.example.com", "narrow"),
        ("example.com", None),
        ("a.b.example.com", None),
        ("teamexample.com", None),
        ("team.example.com.evil.org", None),
        ("team.example.org", None),
        ("team.example.com:5000", None),
    ],
)
def test_a_pattern_fits_one_label_without_a_port_and_a_name_of_its_own_wins(registry: str, user: str | None) -> None:
    known = {
        "*.example.com": {"username": "wide", "password": "w"},
        "exact.example.com": {"username": "narrow", "password": "n"},
    }
    assert policy(registries=known).settings_of(registry).username == user


def test_an_exact_name_without_a_login_takes_none_from_the_pattern() -> None:
    known: dict[str, object] = {"*.example.com": {"username": "wide", "password": "w"}, "open.example.com": {}}
    assert policy(registries=known).settings_of("open.example.com").username is None


async def test_a_pattern_never_opens_a_private_address() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["10.0.0.1"]

    registries = {"*.example.com": {"username": "a", "password": "b"}}
    async with asking_nobody(resolve=resolve, registries=registries) as oci:
        with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS: .*not public"):
            await oci.tags("demo/app", registry="team.example.com")
        for registry in ("team.example.com:5000", "team.example.com:80"):
            with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS: .*port other than 443"):
                await oci.tags("demo/app", registry=registry)


def test_a_pattern_counts_for_the_list_of_allowed_registries() -> None:
    rules = policy(host_policy="allowlist", registries={"*.example.com": {}})
    assert str(rules.base_url("team.example.com")) == "https://team.example.com"
    for registry in ("example.com", "a.b.example.com", "ghcr.io"):
        with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS: .*not on the operator's list"):
            rules.base_url(registry)


async def test_a_pattern_may_name_realms_for_all_that_fit_it() -> None:
    rules = policy("10.0.0.1", registries={"*.example.com": {"realm_hosts": ["auth.example.org"]}})
    realm = "https://auth.example.org/token"
    assert str(await rules.check_realm("team.example.com", realm, with_credentials=True)) == realm
    with pytest.raises(Blocked, match=r"^BLOCKED_REALM"):
        await rules.check_realm("a.b.example.com", realm, with_credentials=True)


async def test_the_realm_of_a_registry_under_a_pattern_is_not_its_neighbour() -> None:
    """Whoever may make registries below the pattern must not get the login of all."""
    rules = policy("8.8.8.8", registries={"*.example.com": {"username": "a", "password": "b"}})
    with pytest.raises(Blocked, match=r"^BLOCKED_REALM"):
        await rules.check_realm("team.example.com", "https://evil.example.com/token", with_credentials=True)
