"""The keyring of the system, behind a deadline: a keyring may ask the user in a window, and nobody may be there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from fuseboard_docker_mcp.errors import SecretStoreFailed

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "fuseboard-docker-mcp"
SECONDS = 10.0
_UNUSABLE = ("keyring.backends.fail", "keyring.backends.null")

T = TypeVar("T")


class SystemKeyring:
    """The keyring that the library `keyring` chooses on this system.

    Args:
        seconds: how long one call may take.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._stuck: Thread | None = None

    async def usable(self) -> bool:
        """Whether there is a keyring that keeps secrets properly.

        Raises:
            SecretStoreFailed: the search did not end in time.
        """
        return await self._in_time(lambda: _backend() is not None)

    async def get(self, name: str) -> str | None:
        """The value, or None.

        Raises:
            SecretStoreFailed: the keyring is not there, refuses, or does not answer in time; so do all others here.
        """
        return await self._in_time(lambda: _need().get_password(SERVICE, name))

    async def set(self, name: str, value: str) -> None:
        """Keep a value."""
        await self._in_time(lambda: _need().set_password(SERVICE, name, value))

    async def remove(self, name: str) -> bool:
        """Forget a value; False when there was none."""
        return await self._in_time(lambda: _remove(name))

    async def _in_time(self, function: Callable[[], T]) -> T:
        """Run one call in a thread that the end of the process does not wait for, as the call may never return."""
        if self._stuck is not None and self._stuck.is_alive():
            raise SecretStoreFailed(
                "the keyring of the system has still not answered an earlier question; it may be waiting for its "
                "password: unlock it, or set secret_store to file"
            )
        answer: Future[T] = Future()
        thread = Thread(target=_settle, args=(answer, function), name="keyring", daemon=True)
        thread.start()
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.wrap_future(answer)
        except TimeoutError:
            raise SecretStoreFailed(
                f"the keyring of the system did not answer in {self._seconds:g} s; it may be waiting for its password: "
                "unlock it, or set secret_store to file"
            ) from None
        finally:
            # A call that was given up may wait for ever: more of them would only pile up threads.
            if not answer.done():
                self._stuck = thread


def _settle(answer: Future[T], function: Callable[[], T]) -> None:
    if not answer.set_running_or_notify_cancel():
        return
    try:
        answer.set_result(function())
    except SecretStoreFailed as error:
        answer.set_exception(error)
    # Backends raise what they like, and their texts may quote what they were given: only the kind is told.
    except BaseException as error:
        answer.set_exception(
            SecretStoreFailed(
                f"the keyring of the system failed ({type(error).__name__}): unlock it, or set secret_store to file"
            )
        )


def _backend() -> KeyringBackend | None:
    # Imported at the moment of use: its backends cost a tenth of a second of every start.
    import keyring

    backend = keyring.get_keyring()
    if type(backend).__module__ in _UNUSABLE:
        return None
    try:
        # Below 1 are those that its authors do not recommend, such as plain text files.
        return backend if backend.priority >= 1 else None
    except RuntimeError:
        return None


def _need() -> KeyringBackend:
    backend = _backend()
    if backend is None:
        raise SecretStoreFailed("the system has no usable keyring: unlock or install one, or set secret_store to file")
    return backend


def _remove(name: str) -> bool:
    backend = _need()
    # Some backends raise for a name that is not there, each in its own way.
    if backend.get_password(SERVICE, name) is None:
        return False
    backend.delete_password(SERVICE, name)
    return True
