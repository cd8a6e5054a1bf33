"""Secrets: the keyring where there is one, else a private file; no write is lost, and no value is ever shown."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import keyring
import keyring.backend
import keyring.errors
import pytest
from keyring.backends import fail, null
from pydantic import SecretStr

from fuseboard_docker_mcp.config import DockerMcpSettings
from fuseboard_docker_mcp.errors import InvalidInput, SecretStoreFailed
from fuseboard_docker_mcp.stores.secrets import SecretStore
from fuseboard_docker_mcp.stores.system_keyring import SERVICE, SystemKeyring

pytestmark = pytest.mark.anyio


class Remembering(keyring.backend.KeyringBackend):
    """A keyring in memory. Its class is registered where it is defined, so nothing but an instance looks usable."""

    priority: Any = -1

    def __init__(self) -> None:
        super().__init__()
        self.priority = 5
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.kept:
            raise keyring.errors.PasswordDeleteError("not there")
        del self.kept[service, username]


class NotRecommended(Remembering):
    def __init__(self) -> None:
        super().__init__()
        self.priority = 0.5


class Refusing(Remembering):
    """Fails, and quotes what it was given."""

    def get_password(self, service: str, username: str) -> str | None:
        raise keyring.errors.KeyringLocked("locked")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError(f"cannot keep {password}")


class Hanging(Remembering):
    """Waits for somebody at the screen."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.answered = threading.Event(), threading.Event()

    def set_password(self, service: str, username: str, password: str) -> None:
        self.asked.set()
        self.answered.wait(600)


@pytest.fixture(autouse=True)
def _no_keyring() -> Iterator[None]:
    keyring.set_keyring(fail.Keyring())
    yield
    keyring.set_keyring(fail.Keyring())


def store(folder: Path, kind: str = "auto", seconds: float = 60) -> SecretStore:
    settings = DockerMcpSettings.model_validate({"state_folder": folder / "state", "secret_store": kind})
    return SecretStore(settings, SystemKeyring(seconds))


async def test_without_a_keyring_a_secret_is_kept_in_a_file_that_nobody_else_can_open(tmp_path: Path) -> None:
    secrets = store(tmp_path)
    assert await secrets.names() == {}
    assert await secrets.get("labnotes.api_key") is None
    assert not (tmp_path / "state").exists(), "asking leaves no file"
    assert await secrets.set("labnotes.api_key", SecretStr("hunter2=ключ")) == "file"
    assert await secrets.set("a/b:c", SecretStr("")) == "file"
    assert await secrets.names() == {"a/b:c": "file", "labnotes.api_key": "file"}
    again = await store(tmp_path).get("labnotes.api_key")
    assert again is not None
    assert again.get_secret_value() == "hunter2=ключ"
    assert "hunter2" not in repr(again) + repr(secrets)
    empty = await secrets.get("a/b:c")
    assert empty is not None
    assert empty.get_secret_value() == ""
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (tmp_path / "state").iterdir()}
    assert modes == {"secrets.json": "0o600", "secrets.json.lock": "0o600"}
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert await secrets.remove("labnotes.api_key")
    assert not await secrets.remove("labnotes.api_key")
    assert await secrets.names() == {"a/b:c": "file"}


@pytest.mark.parametrize(
    "name", ["", "a b", "/a", "a/", "a//b", "a=b", "ключ", "a\n", "a" * 201, "../../etc/x\x1b[31m" + "y" * 300]
)
async def test_a_name_that_no_toolkit_would_take_is_refused(tmp_path: Path, name: str) -> None:
    secrets = store(tmp_path)
    for question in (secrets.get(name), secrets.set(name, SecretStr("v")), secrets.remove(name)):
        with pytest.raises(InvalidInput, match="cannot be the name of a secret") as caught:
            await question
        assert len(str(caught.value)) < 300
        assert "\x1b" not in str(caught.value)
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("value", ["hunter2\nhunter2", "hunter2\r", "hunter2\0", "hunter2\ud800", "hunter2" * 10_000])
async def test_a_value_that_no_server_could_be_given_is_refused_without_being_quoted(
    tmp_path: Path, value: str
) -> None:
    with pytest.raises(InvalidInput, match=r"the value of lab\.key") as caught:
        await store(tmp_path).set("lab.key", SecretStr(value))
    assert "hunter2" not in str(caught.value)
    assert not (tmp_path / "state").exists()


async def test_a_file_that_others_may_open_is_refused_with_the_remedy(tmp_path: Path) -> None:
    secrets = store(tmp_path)
    await secrets.set("a", SecretStr("hunter2"))
    path = tmp_path / "state" / "secrets.json"
    path.chmod(0o640)
    for question in (secrets.get("a"), secrets.names(), secrets.set("b", SecretStr("x")), secrets.remove("a")):
        with pytest.raises(SecretStoreFailed, match=f"other users may open {path}; run: chmod 600 {path}"):
            await question
    path.chmod(0o600)
    assert await secrets.names() == {"a": "file"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
async def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    secrets = store(tmp_path)
    await secrets.set("a", SecretStr("hunter2"))
    os.chown(tmp_path / "state" / "secrets.json", 12345, -1)
    with pytest.raises(SecretStoreFailed, match=r"belongs to another user \(uid 12345\)"):
        await secrets.get("a")


async def test_a_link_a_pipe_and_a_folder_are_no_store(tmp_path: Path) -> None:
    path = tmp_path / "state" / "secrets.json"
    path.parent.mkdir(0o700)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("{}")
    elsewhere.chmod(0o600)
    path.symlink_to(elsewhere)
    with pytest.raises(SecretStoreFailed, match="cannot read"):
        await store(tmp_path).get("a")
    path.unlink()
    os.mkfifo(path, 0o600)
    with anyio.fail_after(60), pytest.raises(SecretStoreFailed, match="is no regular file"):
        await store(tmp_path).get("a")
    path.unlink()
    path.mkdir(0o700)
    with pytest.raises(SecretStoreFailed, match="is no regular file"):
        await store(tmp_path).get("a")


async def test_a_folder_that_others_may_write_into_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o770)
    with pytest.raises(SecretStoreFailed, match=r"other users may write into .*; run: chmod 700"):
        await store(tmp_path).set("a", SecretStr("b"))
    assert list((tmp_path / "state").iterdir()) == []


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file is in the way")
    with pytest.raises(SecretStoreFailed, match=r"cannot (read|write) .*secrets\.json: "):
        await store(tmp_path).set("a", SecretStr("hunter2"))


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": "hunter2"',
        b"",
        b"hunter2",
        b"\xff\xfehunter2",
        b'["hunter2"]',
        b'{"a": 1, "b": "hunter2"}',
        b'{"a b": "hunter2"}',
        b"[" * 100_000,
    ],
)
async def test_a_broken_file_is_told_without_its_content_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state" / "secrets.json"
    path.parent.mkdir(0o700)
    path.write_bytes(content)
    path.chmod(0o600)
    secrets = store(tmp_path)
    for question in (secrets.get("a"), secrets.names(), secrets.remove("a")):
        with pytest.raises(SecretStoreFailed, match=r"secrets\.json is broken") as caught:
            await question
        assert "hunter2" not in str(caught.value)
    assert path.read_bytes() == content


async def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state" / "secrets.json"
    path.parent.mkdir(0o700)
    with path.open("wb") as file:
        file.truncate(17 * 2**20)
    path.chmod(0o600)
    with pytest.raises(SecretStoreFailed, match="is larger than"):
        await store(tmp_path).get("a")


async def test_tasks_of_one_process_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    secrets = store(tmp_path)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(secrets.set, f"n{number}", SecretStr("x"))
    assert len(await secrets.names()) == 20


async def test_a_keyring_keeps_the_values_and_a_file_their_names_alone(tmp_path: Path) -> None:
    ring = Remembering()
    keyring.set_keyring(ring)
    secrets = store(tmp_path)
    assert await secrets.set("lab.key", SecretStr("hunter2")) == "keyring"
    assert ring.kept == {(SERVICE, "lab.key"): "hunter2"}
    assert await secrets.names() == {"lab.key": "keyring"}
    value = await secrets.get("lab.key")
    assert value is not None
    assert value.get_secret_value() == "hunter2"
    [index] = [path for path in (tmp_path / "state").iterdir() if path.suffix == ".json"]
    assert json.loads(index.read_text()) == {"lab.key": "keyring"}
    assert index.stat().st_mode & 0o777 == 0o600
    assert await secrets.remove("lab.key")
    assert ring.kept == {}
    assert await secrets.names() == {}
    assert not await secrets.remove("lab.key")


async def test_a_secret_that_vanished_from_the_keyring_is_not_there_and_its_name_can_be_removed(tmp_path: Path) -> None:
    ring = Remembering()
    keyring.set_keyring(ring)
    secrets = store(tmp_path)
    await secrets.set("lab.key", SecretStr("x"))
    ring.kept.clear()
    assert await secrets.get("lab.key") is None
    assert await secrets.remove("lab.key")
    assert await secrets.names() == {}


async def test_a_keyring_that_comes_later_takes_over_and_what_the_file_has_is_still_found(tmp_path: Path) -> None:
    secrets = store(tmp_path)
    await secrets.set("old", SecretStr("1"))
    await secrets.set("changed", SecretStr("1"))
    keyring.set_keyring(Remembering())
    assert await secrets.set("changed", SecretStr("2")) == "keyring"
    assert await secrets.names() == {"changed": "keyring", "old": "file"}
    found = {name: await secrets.get(name) for name in ("old", "changed")}
    assert {name: value.get_secret_value() for name, value in found.items() if value} == {"old": "1", "changed": "2"}
    assert "changed" not in (tmp_path / "state" / "secrets.json").read_text()
    keyring.set_keyring(fail.Keyring())
    assert await secrets.set("changed", SecretStr("3")) == "file"
    assert await secrets.names() == {"changed": "file", "old": "file"}


@pytest.mark.parametrize(
    "ring", [fail.Keyring(), null.Keyring(), NotRecommended()], ids=lambda ring: type(ring).__name__
)
async def test_a_keyring_that_keeps_nothing_safely_is_not_used(tmp_path: Path, ring: Any) -> None:
    keyring.set_keyring(ring)
    assert await store(tmp_path).set("a", SecretStr("b")) == "file"
    with pytest.raises(SecretStoreFailed, match="has no usable keyring"):
        await store(tmp_path, "keyring").set("a", SecretStr("b"))


async def test_the_setting_file_never_asks_a_keyring(tmp_path: Path) -> None:
    keyring.set_keyring(Refusing())
    secrets = store(tmp_path, "file")
    assert await secrets.set("a", SecretStr("b")) == "file"
    assert await secrets.names() == {"a": "file"}


async def test_a_keyring_that_fails_is_told_and_nothing_falls_into_the_file(tmp_path: Path) -> None:
    keyring.set_keyring(Refusing())
    secrets = store(tmp_path)
    with pytest.raises(SecretStoreFailed, match=r"keyring of the system failed \(RuntimeError\)") as caught:
        await secrets.set("a", SecretStr("hunter2"))
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert not (tmp_path / "state").exists()


async def test_a_keyring_that_hangs_is_given_up_and_not_asked_again_while_it_hangs(tmp_path: Path) -> None:
    ring = Hanging()
    keyring.set_keyring(ring)
    secrets = store(tmp_path, "keyring", seconds=0.05)
    try:
        with anyio.fail_after(60):
            with pytest.raises(SecretStoreFailed, match=r"did not answer in 0\.05 s"):
                await secrets.set("a", SecretStr("hunter2"))
            # On a busy machine the time may be over before the keyring was asked at all.
            while not ring.asked.is_set():
                with pytest.raises(SecretStoreFailed, match=r"did not answer in 0\.05 s|has still not answered"):
                    await secrets.set("a", SecretStr("hunter2"))
            before = threading.active_count()
            with pytest.raises(SecretStoreFailed, match="has still not answered"):
                await secrets.set("a", SecretStr("hunter2"))
            assert threading.active_count() == before
    finally:
        ring.answered.set()
    with anyio.fail_after(60):
        while any(thread.name == "keyring" for thread in threading.enumerate()):
            await anyio.sleep(0.01)
        # A keyring that answers is quick, and yet a busy machine may need more than the 0.05 s.
        place = ""
        while not place:
            with contextlib.suppress(SecretStoreFailed):
                place = await secrets.set("a", SecretStr("x"))
    assert place == "keyring"
