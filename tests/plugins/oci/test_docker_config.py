"""Where the logins of docker and Podman come from: the order of files and helpers, and when they are asked again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import anyio
import pytest

from fuseboard_oci.login.docker_config import DockerCredentials
from fuseboard_oci.login.found import Found
from fuseboard_oci.reference import DOCKER_HUB
from tests.plugins.oci.logins import (
    ALICE,
    NOT_ALLOWED,
    SECRET,
    answering,
    auth,
    credentials,
    docker_file,
    find,
    write,
    write_helper,
)

pytestmark = pytest.mark.anyio


async def test_the_files_are_asked_in_docker_s_and_then_podman_s_order(tmp_path: Path) -> None:
    places = {
        "docker": tmp_path / "docker/config.json",
        "named": tmp_path / "named.json",
        "session": tmp_path / "run/containers/auth.json",
        "home": tmp_path / ".config/containers/auth.json",
    }
    for user, path in places.items():
        write(path, {"auths": {"ghcr.io": auth(f"{user}:x")}})
    docker_file(tmp_path, auths={"ghcr.io": auth("hidden by DOCKER_CONFIG:x")})
    more = {
        "DOCKER_CONFIG": str(tmp_path / "docker"),
        "REGISTRY_AUTH_FILE": str(tmp_path / "named.json"),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
    }
    for user, path in places.items():
        found = await find(tmp_path, **more)
        assert found is not None
        assert found.username == user
        path.unlink()
    assert await find(tmp_path, **more) is None


async def test_without_variables_there_are_no_files_and_no_problems() -> None:
    for environ in ({}, {"HOME": "", "DOCKER_CONFIG": "", "REGISTRY_AUTH_FILE": "", "XDG_RUNTIME_DIR": ""}):
        reader = DockerCredentials(use_helpers=True, environ=environ)
        assert await reader.find("ghcr.io", "o/i") is None
        assert reader.problems == []


async def test_missing_files_are_no_problem(tmp_path: Path) -> None:
    reader = credentials(tmp_path, XDG_RUNTIME_DIR=str(tmp_path / "nowhere"))
    assert await reader.find("ghcr.io", "o/i") is None
    assert reader.problems == []


@pytest.mark.skipif(os.geteuid() == 0, reason="the first user of a system may read everything")
async def test_a_file_that_may_not_be_read_is_told_and_read_once_it_may(tmp_path: Path) -> None:
    now = 0.0
    path = docker_file(tmp_path, auths={"ghcr.io": auth()})
    path.chmod(0)
    reader = DockerCredentials(use_helpers=False, environ={"HOME": str(tmp_path)}, clock=lambda: now)
    assert await reader.find("ghcr.io", "o/i") is None
    assert reader.problems == ["$HOME/.docker/config.json: it may not be read"]
    path.chmod(0o600)
    now = 1.0
    assert await reader.find("ghcr.io", "o/i") == ALICE
    assert reader.problems == []


async def test_a_new_login_counts_a_second_later(tmp_path: Path) -> None:
    now = 100.0
    reader = DockerCredentials(use_helpers=False, environ={"HOME": str(tmp_path)}, clock=lambda: now)
    assert await reader.find("ghcr.io", "o/i") is None
    path = docker_file(tmp_path, auths={"ghcr.io": auth()})
    now = 100.9
    assert await reader.find("ghcr.io", "o/i") is None
    now = 101.0
    assert await reader.find("ghcr.io", "o/i") == ALICE
    path.write_text("{")
    now = 102.0
    assert await reader.find("ghcr.io", "o/i") is None
    assert reader.problems == ["$HOME/.docker/config.json: it is not JSON"]
    path.unlink()
    now = 103.0
    assert await reader.find("ghcr.io", "o/i") is None
    assert reader.problems == []


async def test_many_questions_at_once_are_all_answered(tmp_path: Path) -> None:
    docker_file(tmp_path, auths={"ghcr.io": auth()})
    reader = credentials(tmp_path)
    found: list[Found | None] = []

    async def question() -> None:
        found.append(await reader.find("ghcr.io", "o/i"))

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(question)
    assert found == [ALICE] * 20


@pytest.mark.parametrize(
    "document",
    [
        {"credHelpers": {"ghcr.io": "test"}},
        {"credHelpers": {"ghcr.io": "test"}, "auths": {"ghcr.io": {}}},
        {"credsStore": "test", "auths": {"ghcr.io": {}}},
        {"credsStore": "test", "auths": {"https://ghcr.io/v1/": {"auth": ""}}},
    ],
)
async def test_without_the_setting_no_helper_runs_and_the_problem_names_the_setting(
    tmp_path: Path, document: dict[str, object]
) -> None:
    write_helper(tmp_path, "test", f"touch {tmp_path}/ran; {answering('alice')}")
    docker_file(tmp_path, **document)
    reader = credentials(tmp_path)
    assert await reader.find("ghcr.io", "o/i") is None
    assert reader.problems == [f"ghcr.io: {NOT_ALLOWED}"]
    assert await reader.find("quay.io", "o/i") is None
    assert reader.problems == [f"ghcr.io: {NOT_ALLOWED}"]
    assert not (tmp_path / "ran").exists()
    assert await find(tmp_path, use_helpers=True) == ALICE


async def test_a_problem_goes_when_its_cause_does(tmp_path: Path) -> None:
    now = 0.0
    docker_file(tmp_path, credsStore="test", auths={"ghcr.io": {}})
    reader = DockerCredentials(use_helpers=False, environ={"HOME": str(tmp_path)}, clock=lambda: now)
    assert await reader.find("ghcr.io", "o/i") is None
    assert reader.problems == [f"ghcr.io: {NOT_ALLOWED}"]
    docker_file(tmp_path, auths={"ghcr.io": auth()})
    now = 1.0
    assert await reader.find("ghcr.io", "o/i") == ALICE
    assert reader.problems == []


async def test_docker_hub_is_called_docker_io_in_a_problem(tmp_path: Path) -> None:
    docker_file(tmp_path, credsStore="test", auths={"https://index.docker.io/v1/": {}})
    reader = credentials(tmp_path)
    assert await reader.find(DOCKER_HUB, "library/alpine") is None
    assert reader.problems == [f"docker.io: {NOT_ALLOWED}"]


async def test_without_the_setting_a_secret_in_a_file_is_still_found(tmp_path: Path) -> None:
    docker_file(tmp_path, credHelpers={"ghcr.io": "test", "quay.io": "test"}, auths={"ghcr.io": auth()})
    write(tmp_path / ".config/containers/auth.json", {"auths": {"quay.io": auth()}})
    reader = credentials(tmp_path)
    assert await reader.find("ghcr.io", "o/i") == ALICE
    assert await reader.find("quay.io", "o/i") == ALICE
    assert reader.problems == []


async def test_a_helper_for_the_host_comes_before_the_store_and_the_store_before_the_file(tmp_path: Path) -> None:
    write_helper(tmp_path, "host", answering("of-the-host"))
    write_helper(tmp_path, "store", answering("of-the-store"))
    document: dict[str, Any] = {
        "credHelpers": {"ghcr.io": "host"},
        "credsStore": "store",
        "auths": {"ghcr.io": auth("of-the-file:x")},
    }
    for user in ("of-the-host", "of-the-store", "of-the-file"):
        docker_file(tmp_path, **document)
        found = await find(tmp_path, use_helpers=True)
        assert found is not None
        assert found.username == user
        del document[next(iter(document))]


async def test_a_store_is_asked_for_a_registry_that_the_file_does_not_name(tmp_path: Path) -> None:
    write_helper(tmp_path, "cloud", answering("alice"))
    docker_file(tmp_path, credsStore="cloud")
    assert await find(tmp_path, use_helpers=True) == ALICE


async def test_helpers_know_docker_hub_by_its_old_address(tmp_path: Path) -> None:
    write_helper(tmp_path, "test", f"cat > {tmp_path}/server; {answering('alice')}")
    docker_file(tmp_path, credHelpers={"docker.io": "test"})
    assert await find(tmp_path, DOCKER_HUB, "library/alpine", use_helpers=True) == ALICE
    assert (tmp_path / "server").read_text() == "https://index.docker.io/v1/"


async def test_where_a_helper_has_nothing_the_file_is_asked_and_where_it_fails_that_is_told(tmp_path: Path) -> None:
    write_helper(tmp_path, "none", "echo credentials not found in native keychain; exit 1")
    write_helper(tmp_path, "bad", f"echo {SECRET}; echo {SECRET} >&2; exit 1")
    docker_file(
        tmp_path,
        credHelpers={"a.io": "none", "b.io": "bad", "c.io": "bad", "d.io": "../x", "e.io": "absent", "f.io": "none"},
        auths={"a.io": auth(), "b.io": auth()},
    )
    reader = credentials(tmp_path, use_helpers=True)
    found = {host: await reader.find(f"{host}.io", "o/i") for host in "abcdef"}
    assert found == {"a": ALICE, "b": ALICE, "c": None, "d": None, "e": None, "f": None}
    assert reader.problems == [
        "c.io: docker-credential-bad failed",
        "d.io: the name of its credential helper is not made of A-Z a-z 0-9 _ - only",
        "e.io: its credential helper is not in the PATH",
    ]


async def test_problems_of_registries_are_bounded(tmp_path: Path) -> None:
    docker_file(tmp_path, credHelpers={f"r{number}.io": "test" for number in range(100)})
    reader = credentials(tmp_path)
    for number in range(100):
        await reader.find(f"r{number}.io", "o/i")
    assert len(reader.problems) == 64
    assert reader.problems[-1] == f"r99.io: {NOT_ALLOWED}"


async def test_nothing_shows_a_secret(tmp_path: Path) -> None:
    write_helper(tmp_path, "test", answering("alice"))
    docker_file(
        tmp_path,
        credHelpers={"quay.io": "test", "d.io": SECRET},
        credsStore=SECRET,
        auths={
            "ghcr.io": auth(),
            "a.io": {"identitytoken": SECRET},
            "b.io": {"registrytoken": SECRET},
            "c.io": {"auth": SECRET},
            SECRET: {},
        },
    )
    reader = credentials(tmp_path, use_helpers=True)
    shown = []
    for host in ("ghcr.io", "quay.io", "a.io", "b.io", "c.io", "d.io"):
        found = await reader.find(host, "o/i")
        shown += [repr(found), str(found)]
    shown += [repr(reader), str(reader), repr(reader.problems), repr(vars(reader)), repr(reader._files)]
    assert "alice" in shown[0]
    assert SECRET not in " ".join(shown)
    assert auth()["auth"] not in " ".join(shown)
