"""Secrets of servers, kept in the system's keyring where there is one, else in a private file.

A keyring cannot list what it holds, so the names of what it got are kept in a file beside; values never are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeVar

import anyio.to_thread
from pydantic import SecretStr

from fuseboard_docker_mcp.config import SECRET_NAME
from fuseboard_docker_mcp.errors import InvalidInput, SecretStoreFailed
from fuseboard_docker_mcp.stores.private_file import PrivateFile
from fuseboard_docker_mcp.stores.system_keyring import SystemKeyring
from fuseboard_docker_mcp.text import clean

if TYPE_CHECKING:
    from fuseboard_docker_mcp.config import DockerMcpSettings

Place = Literal["keyring", "file"]

_LONGEST_NAME = 200
_MOST_BYTES = 64 * 1024

T = TypeVar("T")


class SecretStore:
    """The plugin's own secrets, by name. Values leave it only as `SecretStr`.

    Args:
        settings: where secrets are kept (`secret_store`, `state_folder`).
        keyring: of the system; a test can put one with another deadline here.
    """

    def __init__(self, settings: DockerMcpSettings, keyring: SystemKeyring | None = None) -> None:
        self._chosen = settings.secret_store
        self._keyring = keyring or SystemKeyring()
        self._file = PrivateFile(settings.state_folder / "secrets.json", SecretStoreFailed)
        self._index = PrivateFile(settings.state_folder / "secret_names.json", SecretStoreFailed)

    async def names(self) -> dict[str, str]:
        """The names of all stored secrets, and where each is: "keyring" or "file".

        Raises:
            SecretStoreFailed: a file of the store cannot be used; so do all methods here.
        """
        return dict(sorted((await _in_thread(self._places)).items()))

    async def get(self, name: str) -> SecretStr | None:
        """The value, or None when nothing is stored under this name.

        Raises:
            InvalidInput: the name cannot be a secret's.
            SecretStoreFailed: the keyring or the file cannot be used.
        """
        check_name(name)
        place = (await _in_thread(self._places)).get(name)
        if place == "keyring":
            value = await self._keyring.get(name)
        else:
            value = (await _in_thread(self._kept)).get(name) if place else None
        return None if value is None else SecretStr(value)

    async def set(self, name: str, value: SecretStr) -> Place:
        """Keep a value, instead of the one that was there; return where it was put.

        Raises:
            InvalidInput: the name or the value cannot be a secret's; nothing was stored.
            SecretStoreFailed: the keyring or the file cannot be used.
        """
        check_name(name)
        text = value.get_secret_value()
        check_value(name, text)
        place = await self._place()
        if place == "keyring":
            await self._keyring.set(name, text)
            await _in_thread(lambda: _put(self._index, name, "keyring"))
            await _in_thread(lambda: _drop(self._file, name))
        else:
            # An old value in the keyring stays there unseen: without its name nothing asks for it.
            await _in_thread(lambda: _put(self._file, name, text))
            await _in_thread(lambda: _drop(self._index, name))
        return place

    async def remove(self, name: str) -> bool:
        """Forget a secret wherever it is; False when there was none.

        Raises:
            InvalidInput: the name cannot be a secret's.
            SecretStoreFailed: the keyring or the file cannot be used.
        """
        check_name(name)
        place = (await _in_thread(self._places)).get(name)
        if place == "keyring":
            await self._keyring.remove(name)
            await _in_thread(lambda: _drop(self._index, name))
        if self._chosen != "keyring":
            await _in_thread(lambda: _drop(self._file, name))
        return place is not None

    async def _place(self) -> Place:
        if self._chosen != "auto":
            return self._chosen
        return "keyring" if await self._keyring.usable() else "file"

    def _places(self) -> dict[str, Place]:
        """The keyring wins: what it got last was taken out of the file, unless that was interrupted."""
        places: dict[str, Place] = {}
        if self._chosen != "keyring":
            places.update((name, "file") for name in self._kept())
        if self._chosen != "file":
            places.update((name, "keyring") for name in self._texts(self._index))
        return places

    def _kept(self) -> dict[str, str]:
        return self._texts(self._file)

    def _texts(self, file: PrivateFile) -> dict[str, str]:
        content = file.read()
        for name, value in content.items():
            if not SECRET_NAME.fullmatch(name) or not isinstance(value, str):
                raise SecretStoreFailed(
                    f"{file.path} is broken: {clean(name, 60)!r} is no secret. It was left as it is; mend it or move it"
                )
        return content


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a secret.

    Raises:
        InvalidInput: it has another form than `labnotes.api_key`, or more than 200 characters.
    """
    if len(name) > _LONGEST_NAME or not SECRET_NAME.fullmatch(name):
        raise InvalidInput(
            f"{clean(name, 60)!r} cannot be the name of a secret: letters, digits and '.', '_', ':', '-', with '/' "
            f"between parts, at most {_LONGEST_NAME} characters, as in 'github.token'"
        )


def check_value(name: str, value: str) -> None:
    """Refuse what no environment variable, header or line of a file can carry.

    Raises:
        InvalidInput: it holds a line break or NUL, is no proper text, or is longer than 64 KiB.
    """
    if any(character in value for character in "\n\r\0"):
        raise InvalidInput(f"the value of {name} holds a line break or NUL, which no server can be given")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidInput(f"the value of {name} is no proper Unicode text") from None
    if size > _MOST_BYTES:
        raise InvalidInput(f"the value of {name} is longer than {_MOST_BYTES} bytes")


def _put(file: PrivateFile, name: str, value: str) -> None:
    with file.changing() as content:
        content[name] = value


def _drop(file: PrivateFile, name: str) -> None:
    # Looking first keeps a store that was never written free of files.
    if name in file.read():
        with file.changing() as content:
            content.pop(name, None)


async def _in_thread(function: Callable[[], T]) -> T:
    return await anyio.to_thread.run_sync(function)
