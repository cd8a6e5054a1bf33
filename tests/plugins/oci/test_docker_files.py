"""Docker's and Podman's files: every form of an entry, and files that are wrong or hostile."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from fuseboard_oci.login.docker_config import DockerCredentials
from fuseboard_oci.login.docker_files import read_files
from fuseboard_oci.login.found import Found
from fuseboard_oci.reference import DOCKER_HUB, parse_registry
from tests.plugins.oci.helpers import PATIENCE
from tests.plugins.oci.logins import (
    ALICE,
    SECRET,
    auth,
    credentials,
    docker_file,
    find,
    write,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        ("ghcr.io", "ghcr.io"),
        ("GHCR.io", "ghcr.io"),
        ("ghcr.io:443", "ghcr.io"),
        ("registry.corp:5000", "registry.corp:5000"),
        ("https://ghcr.io/v1/", "ghcr.io"),
        ("https://ghcr.io/v2", "ghcr.io"),
        ("https://ghcr.io", "ghcr.io"),
        ("http://registry.corp:5000/v1/", "registry.corp:5000"),
        ("localhost:5000", "localhost:5000"),
        ("[::1]:5000", "[::1]:5000"),
    ],
)
async def test_a_key_is_a_host_or_an_address_of_docker_s_old_api(tmp_path: Path, key: str, registry: str) -> None:
    docker_file(tmp_path, auths={key: auth()})
    assert await find(tmp_path, registry) == ALICE
    assert await find(tmp_path, f"other.{registry}" if registry[0] != "[" else "[::2]:5000") is None
    assert await find(tmp_path, "ghcr.io:5001") is None


@pytest.mark.parametrize(
    "key", ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io", "https://docker.io"]
)
@pytest.mark.parametrize("asked", ["docker.io", "index.docker.io", "registry.hub.docker.com"])
async def test_all_spellings_of_docker_hub_meet(tmp_path: Path, key: str, asked: str) -> None:
    docker_file(tmp_path, auths={key: auth()})
    assert await find(tmp_path, parse_registry(asked), "library/alpine") == ALICE


@pytest.mark.parametrize(
    "keys", [["https://index.docker.io/v1/", "docker.io"], ["docker.io", "https://index.docker.io/v1/"]]
)
async def test_of_two_spellings_of_one_registry_docker_s_own_wins(tmp_path: Path, keys: list[str]) -> None:
    of = {"https://index.docker.io/v1/": auth(), "docker.io": auth("bob:x")}
    docker_file(tmp_path, auths={key: of[key] for key in keys})
    assert await find(tmp_path, DOCKER_HUB) == ALICE
    docker_file(tmp_path, auths={key: of[key] if key == "docker.io" else {} for key in keys})
    found = await find(tmp_path, DOCKER_HUB)
    assert found is not None
    assert found.username == "bob"


@pytest.mark.parametrize(
    ("repository", "user"),
    [
        ("a/b/c", "deepest"),
        ("a/b/c/d", "deepest"),
        ("a/b", "deep"),
        ("a/b/cc", "deep"),
        ("a/bb", "shallow"),
        ("aa/b", "host"),
        ("b", "host"),
    ],
)
async def test_the_entry_that_names_most_of_the_repository_wins(tmp_path: Path, repository: str, user: str) -> None:
    keys = {"q.io": "host", "q.io/a": "shallow", "q.io/a/b": "deep", "q.io/a/b/c": "deepest"}
    write(tmp_path / ".config/containers/auth.json", {"auths": {key: auth(f"{name}:x") for key, name in keys.items()}})
    found = await find(tmp_path, "q.io", repository)
    assert found is not None
    assert found.username == user


async def test_an_entry_for_a_part_of_a_registry_is_not_used_for_the_rest(tmp_path: Path) -> None:
    docker_file(tmp_path, auths={"ghcr.io/mine/": auth(), "ghcr.io/o/im": auth(), "docker.io/library/alpine": auth()})
    assert await find(tmp_path, "ghcr.io", "o/i") is None
    assert await find(tmp_path, "ghcr.io", "mine/i") == ALICE
    assert await find(tmp_path, DOCKER_HUB, "library/alpine") == ALICE
    assert await find(tmp_path, DOCKER_HUB, "library/busybox") is None


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (auth("alice:a:b::c"), Found("alice", SecretStr("a:b::c"))),
        (auth("älice:pässword"), Found("älice", SecretStr("pässword"))),
        (auth('_json_key:{\n  "type": 1\n}'), Found("_json_key", SecretStr('{\n  "type": 1\n}'))),
        ({"username": "alice", "password": "p"}, Found("alice", SecretStr("p"))),
        ({**auth("alice:right"), "username": "bob", "password": "wrong"}, Found("alice", SecretStr("right"))),
        ({"auth": "", "username": "alice", "password": "p"}, Found("alice", SecretStr("p"))),
        ({"identitytoken": "T"}, Found(identity_token=SecretStr("T"))),
        ({**auth("00000000-0000:"), "identitytoken": "T"}, Found("00000000-0000", identity_token=SecretStr("T"))),
        ({**auth("alice:p"), "identitytoken": "T"}, Found("alice", identity_token=SecretStr("T"))),
        (auth("<token>:T"), Found(identity_token=SecretStr("T"))),
        ({"registrytoken": "R"}, Found(registry_token=SecretStr("R"))),
        ({"registrytoken": "R", "identitytoken": "T", **auth()}, Found("alice", registry_token=SecretStr("R"))),
        ({**auth(), "email": "alice@example.com", "unknown": [1]}, ALICE),
    ],
)
async def test_an_entry_holds_a_password_or_a_token(tmp_path: Path, entry: dict[str, str], expected: Found) -> None:
    docker_file(tmp_path, auths={"ghcr.io": entry})
    reader = credentials(tmp_path)
    assert await reader.find("ghcr.io", "o/i") == expected
    assert reader.problems == []


@pytest.mark.parametrize(
    "entry",
    [
        {"auth": "not base64!"},
        {"auth": "YWxpY2U6cA"},  # without its padding
        {"auth": "ä"},
        {"auth": base64.b64encode(b"no colon").decode()},
        {"auth": base64.b64encode(b"\xff\xfe:\xff").decode()},
        {"auth": 7},
        {"auth": {"a": "b"}},
        auth(f":{SECRET}"),
        auth("alice:"),
        auth(f"ali\nce:{SECRET}"),
        {"username": "ali:ce", "password": SECRET},
        {"username": "alice", "password": [SECRET]},
        {"username": None, "password": SECRET},
        {"username": "alice", "password": "\ud800"},
        {"username": "alice", "password": "x" * (64 * 2**10 + 1)},
        {"identitytoken": "two words"},
        {"identitytoken": "line\r\nX-Evil: 1"},
        {"registrytoken": "line\r\nX-Evil: 1"},
        {"registrytoken": "ä"},
        {"registrytoken": 7},
        [],
        None,
        "text",
    ],
)
async def test_an_entry_that_cannot_be_used_is_counted_and_the_others_count(tmp_path: Path, entry: object) -> None:
    docker_file(tmp_path, auths={"ghcr.io": entry, "quay.io": auth()})
    reader = credentials(tmp_path)
    assert await reader.find("ghcr.io", "o/i") is None
    assert await reader.find("quay.io", "o/i") == ALICE
    assert reader.problems == ["$HOME/.docker/config.json: 1 of its entries cannot be used"]


@pytest.mark.parametrize(
    "key",
    [
        *("", "https://", "user@ghcr.io", "https://ghcr.io?x/v1/", "ghcr.io#x", "ghcr.io:0", "gh cr.io", "ghcr.io\n"),
        *("x" * 5000, "ghcr.io/A/../b", "ghcr.io//x", "ftp://ghcr.io/", "\ud800", "ｇhcr.io"),
    ],
)
async def test_a_key_that_names_no_registry_is_counted(tmp_path: Path, key: str) -> None:
    docker_file(tmp_path, auths={key: auth(), "quay.io": auth()}, credHelpers={key: "x"})
    reader = credentials(tmp_path)
    assert await reader.find("ghcr.io", "o/i") is None
    assert await reader.find("quay.io", "o/i") == ALICE
    assert reader.problems == ["$HOME/.docker/config.json: 2 of its entries cannot be used"]


@pytest.mark.parametrize(
    "document",
    [{"auths": []}, {"auths": "x"}, {"credHelpers": 1}, {"credHelpers": {"ghcr.io": {}}}, {"credsStore": ["x"]}],
)
async def test_a_part_of_the_wrong_type_is_counted(tmp_path: Path, document: dict[str, object]) -> None:
    docker_file(tmp_path, **document)
    reader = credentials(tmp_path)
    assert await reader.find("ghcr.io", "o/i") is None
    assert reader.problems == ["$HOME/.docker/config.json: 1 of its entries cannot be used"]


def too_large(path: Path) -> None:
    path.write_text(json.dumps({"auths": {"ghcr.io": auth()}}).ljust(2**20 + 1))


WRONG_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no JSON": (lambda path: path.write_text(SECRET), "it is not JSON"),
    "empty": (lambda path: path.touch(), "it is not JSON"),
    "no UTF-8": (lambda path: path.write_bytes(b"\xff" + SECRET.encode()), "it is not JSON"),
    "a list": (lambda path: path.write_text(json.dumps([SECRET])), "it is no JSON object"),
    "brackets": (lambda path: path.write_text("[" * 20_000), "it is nested too deep"),
    "a key twice": (lambda path: path.write_text('{"auths": {}, "auths": {}}'), "it has a key twice in one object"),
    "NaN": (lambda path: path.write_text('{"auths": NaN}'), "it contains NaN"),
    "a huge number": (lambda path: path.write_text('{"auths": %s}' % ("1" * 5000)), "it is not JSON"),
    "too large": (too_large, "it has more than 1048576 bytes"),
    "a directory": (lambda path: path.mkdir(), "it is no regular file"),
    "a FIFO": (os.mkfifo, "it is no regular file"),
    "an endless device": (lambda path: path.symlink_to("/dev/zero"), "it is no regular file"),
    "a terminal": (lambda path: path.symlink_to("/dev/tty"), "it is no regular file"),
    "a link to nothing": (lambda path: path.symlink_to("nowhere"), "it is a link to nothing"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "it cannot be read"),
    "a broken disk": (lambda path: path.symlink_to("/proc/self/mem"), "it cannot be read"),
}


@pytest.mark.parametrize("kind", WRONG_FILES)
async def test_a_wrong_file_is_told_without_a_word_of_it_and_the_next_one_counts(tmp_path: Path, kind: str) -> None:
    make, problem = WRONG_FILES[kind]
    (tmp_path / ".docker").mkdir()
    make(tmp_path / ".docker/config.json")
    write(tmp_path / ".config/containers/auth.json", {"auths": {"ghcr.io": auth()}})
    reader = credentials(tmp_path)
    with anyio.fail_after(PATIENCE):
        assert await reader.find("ghcr.io", "o/i") == ALICE
    assert reader.problems == [f"$HOME/.docker/config.json: {problem}"]


@pytest.mark.parametrize("home", ["/dev/null", "\0", "/x" * 5000, "\udcff"])
async def test_a_path_that_cannot_be_is_no_exception(home: str) -> None:
    reader = DockerCredentials(use_helpers=True, environ={"HOME": home})
    assert await reader.find("ghcr.io", "o/i") is None


async def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "dotfiles/config.json", {"auths": {"ghcr.io": auth()}})
    (tmp_path / ".docker").symlink_to(tmp_path / "dotfiles")
    assert await find(tmp_path) == ALICE


async def test_only_files_that_changed_are_read_again(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    docker_file(tmp_path, auths={"ghcr.io": auth()})
    podman = write(tmp_path / "containers/auth.json", {"auths": {"ghcr.io": auth()}})
    before = read_files(environ)
    same = read_files(environ, before)
    assert all(new is old for new, old in zip(same[:2], before[:2], strict=True))
    # Equally long, and put in the place of the old one as docker does.
    os.replace(write(tmp_path / "new.json", {"auths": {"ghcr.io": auth(f"alicf:{SECRET}")}}), podman)
    after = read_files(environ, same)
    assert after[0] is before[0]
    found = after[1].login("ghcr.io", "o/i")
    assert found is not None
    assert found.username == "alicf"


async def test_a_change_counts_also_when_length_and_time_are_put_back(tmp_path: Path) -> None:
    path = docker_file(tmp_path, auths={"ghcr.io": auth()})
    before = read_files({"HOME": str(tmp_path)})
    times = path.stat()
    docker_file(tmp_path, auths={"ghcr.io": auth(f"alicf:{SECRET}")})
    # The clock of a file system may stand still for some milliseconds.
    while path.stat().st_ctime_ns == times.st_ctime_ns or path.stat().st_mtime_ns != times.st_mtime_ns:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    found = read_files({"HOME": str(tmp_path)}, before)[0].login("ghcr.io", "o/i")
    assert found is not None
    assert found.username == "alicf"


_TEXT = st.sampled_from(
    [
        *("", "auth", "username", "password", "identitytoken", "registrytoken", "YTpi", "<token>", "test"),
        *("ghcr.io", "ghcr.io/o", "https://index.docker.io/v1/", "x/../y", "\ud800", "\0"),
    ]
) | st.text(max_size=20)
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=6),
    max_leaves=20,
)
_ENTRIES = st.dictionaries(_TEXT, st.dictionaries(_TEXT, _TEXT | _ANYTHING, max_size=5) | _ANYTHING, max_size=5)
_DOCUMENTS = st.fixed_dictionaries(
    {}, optional={"auths": _ENTRIES | _ANYTHING, "credHelpers": _ENTRIES | _ANYTHING, "credsStore": _TEXT | _ANYTHING}
)


@given(st.binary(max_size=2000) | _DOCUMENTS.map(lambda document: json.dumps(document).encode()))
def test_no_content_of_a_file_raises(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "config.json").write_bytes(content)
        environ = {"DOCKER_CONFIG": home}
        (file,) = read_files(environ)
        found = file.login("ghcr.io", "o/i")
        assert found is None or [found.password, found.identity_token, found.registry_token].count(None) == 2
        assert len(file.problems) <= 1
        reader = DockerCredentials(use_helpers=True, environ=environ)
        anyio.run(reader.find, "ghcr.io", "o/i")
        assert found is None or reader.problems == list(file.problems)
        assert "\n" not in "".join(reader.problems)
