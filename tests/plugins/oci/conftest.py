"""Fixtures of the OCI tests: Debian's docker-registry in three modes, each started once and seeded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bcrypt
import hypothesis
import pytest
from pydantic import SecretStr

from fuseboard_oci.login.credentials import Login
from fuseboard_oci.testing import Refusal, push, seed_data
from fuseboard_oci.testing.pusher import Authorize
from tests.debian import Program, fetched
from tests.plugins.oci.debian_registry import DebianRegistry
from tests.plugins.oci.token_server import SERVICE, TokenServer, write_certificate, write_key

# A machine that is busy with other tests is no failure of a property.
hypothesis.settings.register_profile("oci", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("oci")

# Enough for the modes with a login, where every request of the seeding costs a password hash or a signature.
_FEW = frozenset({"demo/app", "demo/single", "demo/multi", "private/secret"})
_ALICE = Login("alice", SecretStr("secret"))


@pytest.fixture(scope="session")
def docker_registry() -> Path:
    """The unpacked program. Fails when it cannot be had, unless FUSEBOARD_SKIP_DEBIAN=1."""
    return fetched("docker-registry").program("docker-registry").path


@pytest.fixture(scope="session")
def skopeo() -> Program:
    """The unpacked program and its libraries, under the same condition."""
    return fetched("skopeo").program("skopeo")


@pytest.fixture(scope="session")
def open_registry(docker_registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianRegistry]:
    """A docker-registry without a login, with all test data that it takes."""
    with DebianRegistry(docker_registry, tmp_path_factory.mktemp("open")) as registry:
        refused = push(seed_data(many=120, parallel=0), registry.url)
        assert {refusal.repository for refusal in refused} == {"demo/unknown", "demo/oldartifact", "demo/sparse"}
        yield registry


@pytest.fixture(scope="session")
def basic_registry(docker_registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianRegistry]:
    """A docker-registry that asks for alice's password."""
    folder = tmp_path_factory.mktemp("basic")
    # The lowest cost keeps the tests fast; the registry knows no other hash, and bcrypt only in this version of it.
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(5, b"2a")).decode()
    (folder / "htpasswd").write_text(f"alice:{hashed}\n")
    auth = f"{{htpasswd: {{realm: test-realm, path: '{folder / 'htpasswd'}'}}}}"
    with DebianRegistry(docker_registry, folder, auth) as registry:
        assert _seed(registry, lambda name: _ALICE.basic()) == []
        yield registry


@pytest.fixture(scope="session")
def token_server() -> Iterator[TokenServer]:
    """The realm of `token_registry`."""
    with TokenServer() as server:
        yield server


@pytest.fixture(scope="session")
def token_registry(
    docker_registry: Path, token_server: TokenServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DebianRegistry]:
    """A docker-registry that wants tokens of `token_server`."""
    folder = tmp_path_factory.mktemp("token")
    token_server.write_certificate(folder / "token.crt")
    auth = (
        f"{{token: {{realm: '{token_server.url}/token', service: {SERVICE}, issuer: test-issuer, "
        f"rootcertbundle: '{folder / 'token.crt'}'}}}}"
    )
    with DebianRegistry(docker_registry, folder, auth) as registry:
        assert _seed(registry, token_server.push_header) == []
        yield registry


@pytest.fixture(scope="session")
def https_registry(docker_registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """An empty docker-registry on https: its host, and the certificate that only its operator trusts."""
    folder = tmp_path_factory.mktemp("https")
    write_certificate(write_key(folder / "tls.key"), folder / "tls.crt")
    with DebianRegistry(docker_registry, folder, tls=True) as registry:
        yield registry.host, folder / "tls.crt"


def _seed(registry: DebianRegistry, authorize: Authorize) -> list[Refusal]:
    chosen = [repository for repository in seed_data(many=0, parallel=0) if repository.name in _FEW]
    return push(chosen, registry.url, authorize)
