"""The same questions to a real registry: Debian's docker-registry 2.8, open, with passwords, and with tokens."""

from __future__ import annotations

import hashlib
import urllib.request
from pathlib import Path

import anyio
import pytest
from pydantic import SecretStr

from fuseboard_oci.documents import ACCEPT
from fuseboard_oci.errors import Blocked, LoginFailed, NotFound, Unreachable
from fuseboard_oci.health import registries
from fuseboard_oci.testing import Repository, seed_data
from tests.plugins.oci.debian_registry import DebianRegistry
from tests.plugins.oci.helpers import ALICE, PATIENCE, asking
from tests.plugins.oci.token_server import TokenServer

pytestmark = [pytest.mark.anyio, pytest.mark.external]


def _repository(name: str) -> Repository:
    return next(repository for repository in seed_data(many=120, parallel=0) if repository.name == name)


def _digest(registry: DebianRegistry, name: str, reference: str) -> str:
    """The digest of the bytes that the registry serves, read without our client."""
    request = urllib.request.Request(f"{registry.url}/v2/{name}/manifests/{reference}", headers={"Accept": ACCEPT})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return "sha256:" + hashlib.sha256(answer.read()).hexdigest()


@pytest.mark.case(1)
async def test_it_lists_tags(open_registry: DebianRegistry) -> None:
    async with asking(open_registry.host) as oci:
        assert await oci.tags("demo/app") == ["2.0.0-rc.1", "1.1.0", "1.0.0"]


@pytest.mark.case(2)
async def test_it_ignores_the_page_size_and_still_every_tag_comes_once(open_registry: DebianRegistry) -> None:
    tags = _repository("demo/manytags").items[-1].tags
    async with asking(open_registry.host, limits={"page_size": 10}) as oci:
        assert sorted(await oci.tags("demo/manytags")) == sorted(tags)


@pytest.mark.case(7)
async def test_its_emptied_repository_is_an_empty_list(open_registry: DebianRegistry) -> None:
    async with asking(open_registry.host) as oci:
        assert await oci.tags("demo/emptied") == []


@pytest.mark.case(8)
async def test_its_unknown_repository_is_name_unknown(open_registry: DebianRegistry) -> None:
    async with asking(open_registry.host) as oci:
        with pytest.raises(NotFound, match=r"^NAME_UNKNOWN"):
            await oci.tags("no/such")
        with pytest.raises(NotFound, match=r"^MANIFEST_UNKNOWN"):
            await oci.details("demo/single", "9.9")


@pytest.mark.parametrize(
    ("repository", "reference", "kind", "architectures"),
    [
        pytest.param("demo/single", "1.0", "image", ["amd64"], marks=pytest.mark.case(13)),
        pytest.param("demo/multi", "1.0", "index", ["amd64", "arm", "arm64", "s390x"], marks=pytest.mark.case(14)),
        pytest.param("demo/dockerlist", "1.0", "index", ["amd64", "arm64"], marks=pytest.mark.case(15)),
        pytest.param("demo/dockersingle", "1.0", "image", ["amd64"], marks=pytest.mark.case(15)),
        pytest.param("demo/nomt", "index", "index", ["amd64"], marks=pytest.mark.case(16)),
        pytest.param("demo/nomt", "manifest", "image", ["amd64"], marks=pytest.mark.case(16)),
        pytest.param("demo/nested", "1.0", "index", ["amd64", "riscv64"], marks=pytest.mark.case(17)),
        pytest.param("demo/noplat", "1.0", "index", ["amd64", "arm64"], marks=pytest.mark.case(18)),
        pytest.param("demo/chart", "0.1.0", "artifact", [], marks=pytest.mark.case(20)),
        pytest.param("demo/artifact", "1.0", "artifact", [], marks=pytest.mark.case(20)),
        ("demo/windows", "1.0", "index", ["amd64"]),
        ("demo/zstd", "1.0", "image", ["amd64"]),
        ("demo/a/b/c/d-e__f.g", "v1", "image", ["amd64"]),
    ],
)
async def test_it_gives_details_with_the_digest_of_what_it_holds(
    open_registry: DebianRegistry, repository: str, reference: str, kind: str, architectures: list[str]
) -> None:
    pushed = next(item for item in _repository(repository).items if reference in item.tags)
    async with asking(open_registry.host) as oci:
        details = await oci.details(repository, reference)
    assert (details.kind, details.architectures) == (kind, architectures)
    assert details.digest == pushed.digest == _digest(open_registry, repository, reference)
    assert details.digest_source == "verified"


@pytest.mark.case(14)
async def test_it_gives_the_annotations_and_attestations_of_an_index(open_registry: DebianRegistry) -> None:
    async with asking(open_registry.host) as oci:
        details = await oci.details("demo/multi")
        assert details.annotations == {"org.opencontainers.image.title": "demo/multi"}
        assert details.attestations == 2
        chosen = await oci.details("demo/multi", platform="linux/arm64")
        assert (chosen.platforms[0].platform, chosen.platforms[0].layers) == ("linux/arm64/v8", 2)


@pytest.mark.case(23)
async def test_its_large_index_is_read_and_its_annotations_cut(open_registry: DebianRegistry) -> None:
    async with asking(open_registry.host) as oci:
        details = await oci.details("demo/big")
    assert (len(details.annotations), details.annotations_omitted) == (64, 3436)


async def test_it_is_not_asked_unless_the_settings_name_it(open_registry: DebianRegistry) -> None:
    async with asking("127.0.0.1:1") as oci:
        with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS"):
            await oci.tags("demo/app", registry=open_registry.host)


async def test_fifty_questions_at_once_are_all_answered(open_registry: DebianRegistry) -> None:
    found: list[list[str]] = []

    async def ask() -> None:
        found.append((await oci.details("demo/multi")).architectures)

    async with asking(open_registry.host) as oci:
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                for _ in range(50):
                    group.start_soon(ask)
    assert found == [["amd64", "arm", "arm64", "s390x"]] * 50


async def test_with_a_password_it_opens(basic_registry: DebianRegistry) -> None:
    async with asking(basic_registry.host, **ALICE) as oci:
        assert await oci.tags("private/secret") == ["1.0"]
        assert (await oci.details("demo/single")).architectures == ["amd64"]


async def test_without_a_password_it_asks_for_a_login(basic_registry: DebianRegistry) -> None:
    async with asking(basic_registry.host) as oci:
        with pytest.raises(LoginFailed, match=r"^UNAUTHORIZED: .*asks for a login"):
            await oci.tags("demo/app")
        given = {"username": "alice", "password": SecretStr("secret")}
        assert await oci.tags("demo/app", **given) == ["2.0.0-rc.1", "1.1.0", "1.0.0"]


async def test_with_a_wrong_password_it_refuses(basic_registry: DebianRegistry) -> None:
    async with asking(basic_registry.host, username="alice", password="wrong") as oci:
        with pytest.raises(LoginFailed, match=r"^UNAUTHORIZED: .*refused the configured credentials"):
            await oci.tags("demo/app")


@pytest.mark.case(28, 29)
async def test_with_tokens_the_anonymous_may_pull_what_is_not_private(
    token_registry: DebianRegistry, token_server: TokenServer
) -> None:
    async with asking(token_registry.host, realm_hosts=[token_server.host]) as oci:
        assert await oci.tags("demo/app") == ["2.0.0-rc.1", "1.1.0", "1.0.0"]
        assert (await oci.details("demo/multi")).attestations == 2
        with pytest.raises(LoginFailed, match=r"^UNAUTHORIZED"):
            await oci.tags("private/secret")


@pytest.mark.case(29)
async def test_with_tokens_alice_may_pull_what_is_private(
    token_registry: DebianRegistry, token_server: TokenServer
) -> None:
    async with asking(token_registry.host, **ALICE, realm_hosts=[token_server.host]) as oci:
        assert await oci.tags("private/secret") == ["1.0"]
        assert (await oci.details("private/secret")).architectures == ["amd64"]


@pytest.mark.case(29)
async def test_with_tokens_a_wrong_password_is_refused(
    token_registry: DebianRegistry, token_server: TokenServer
) -> None:
    async with asking(token_registry.host, username="alice", password="wrong", realm_hosts=[token_server.host]) as oci:
        with pytest.raises(LoginFailed, match=r"^UNAUTHORIZED: .*refused the configured credentials"):
            await oci.tags("demo/app")


async def test_with_tokens_an_identity_token_opens_what_is_private(
    token_registry: DebianRegistry, token_server: TokenServer
) -> None:
    before = len(token_server.log)
    known = {"identity_token": "alice-identity", "realm_hosts": [token_server.host]}
    async with asking(token_registry.host, **known) as oci:
        assert await oci.tags("private/secret") == ["1.0"]
    assert [entry.method for entry in token_server.log[before:]] == ["POST"]
    async with asking(token_registry.host, **{**known, "identity_token": "other"}) as oci:
        with pytest.raises(LoginFailed, match=r"^UNAUTHORIZED: .*refused the configured credentials"):
            await oci.tags("private/secret")


async def test_its_token_realm_must_be_named_because_it_is_on_another_port(
    token_registry: DebianRegistry, token_server: TokenServer
) -> None:
    before = len(token_server.log)
    async with asking(token_registry.host, **ALICE) as oci:
        with pytest.raises(Blocked, match=r"^BLOCKED_REALM"):
            await oci.tags("demo/app")
    assert len(token_server.log) == before


async def test_over_https_the_certificate_bundle_of_the_settings_counts(https_registry: tuple[str, Path]) -> None:
    host, certificate = https_registry
    async with asking(host, insecure=False, ca_bundle=certificate) as oci:
        with pytest.raises(NotFound, match=r"^NAME_UNKNOWN"):
            await oci.tags("no/such")
    async with asking(host, insecure=False) as oci:
        with pytest.raises(Unreachable, match=r"^HTTP_ERROR: .*certificate verify failed"):
            await oci.tags("no/such")


async def test_all_three_are_well(
    open_registry: DebianRegistry,
    basic_registry: DebianRegistry,
    token_registry: DebianRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fuseboard_oci.health.PATIENCE", PATIENCE)
    hosts = (open_registry.host, basic_registry.host, token_registry.host)
    options = {"registries": {host: {"insecure": True} for host in hosts}}
    async with asking(hosts[0], options=options) as oci:
        report = await registries(oci.context)
    assert report.details == dict.fromkeys(hosts, "ok")
