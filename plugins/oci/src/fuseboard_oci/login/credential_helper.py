"""Asking docker's credential helpers: programs `docker-credential-<name>` that keep secrets elsewhere.

A helper gets the registry on its standard input and answers JSON on its standard output. It runs without a shell, in a
process group of its own that does not outlive the answer, with a small part of the environment, and its standard error
goes nowhere. The rules of the talk are those of docker's credential helpers.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from io import FileIO

import anyio
import anyio.abc
from anyio import to_thread

from fuseboard_oci.login.found import Found, from_pair
from fuseboard_oci.text import parse_object

TIME_LIMIT = 5.0
OUTPUT_LIMIT = 64 * 2**10

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_REMEMBER = 300.0
# A locked keyring or a slow cloud may be well again soon; until then calls must not wait for it one after another.
_REMEMBER_FAILURE = 30.0
_MAX_SLOTS = 256
_MAX_RUNNING = 4
_PATIENCE_AFTER_KILL = 1.0

# Where a helper finds its keyring, its profile and its certificates. These name places and people. What may hold a
# secret itself is not passed on: keys of clouds, addresses of proxies, the settings of fuseboard.
_PASSED_ON = frozenset(
    {
        "HOME",
        "USER",
        "LOGNAME",
        "LANG",
        "TZ",
        "TMPDIR",
        "DBUS_SESSION_BUS_ADDRESS",
        "DOCKER_CONFIG",
        "GNUPGHOME",
        "PASSWORD_STORE_DIR",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_CA_BUNDLE",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "CLOUDSDK_CONFIG",
        "CLOUDSDK_ACTIVE_CONFIG_NAME",
        "GOOGLE_APPLICATION_CREDENTIALS",
    }
)
_PASSED_ON_PREFIXES = ("XDG_", "LC_")

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class HelperAnswer:
    """What a helper had: credentials, or none; and in the latter case what went wrong, when something did."""

    found: Found | None = None
    problem: str | None = None


@dataclass(slots=True)
class _Slot:
    lock: anyio.Lock = field(default_factory=anyio.Lock)
    answer: HelperAnswer | None = None
    until: float = 0.0


class CredentialHelpers:
    """The helpers on this machine, each asked at most once in five minutes for one server.

    Args:
        environ: the environment; helpers are looked up in its `PATH` and get a part of it.
        clock: seconds, for the cache.
        time_limit: seconds that a helper has.
    """

    def __init__(
        self, environ: Mapping[str, str], clock: Clock = time.monotonic, *, time_limit: float = TIME_LIMIT
    ) -> None:
        self._environ = helper_environment(environ)
        self._clock = clock
        self._time_limit = time_limit
        self._slots: dict[tuple[str, str], _Slot] = {}
        self._running = anyio.CapacityLimiter(_MAX_RUNNING)

    async def ask(self, name: str, server: str) -> HelperAnswer:
        """Ask a helper for the credentials of a server, or remember what it said.

        Args:
            name: the helper without its `docker-credential-`.
            server: a parsed registry, or what docker calls it instead.
        """
        if not _NAME.fullmatch(name):
            return HelperAnswer(problem="the name of its credential helper is not made of A-Z a-z 0-9 _ - only")
        slot = self._slot(name, server)
        async with slot.lock:
            if slot.answer is None or self._clock() >= slot.until:
                async with self._running:
                    slot.answer = await self._run(name, server)
                slot.until = self._clock() + (_REMEMBER_FAILURE if slot.answer.problem else _REMEMBER)
            return slot.answer

    def _slot(self, name: str, server: str) -> _Slot:
        key = (name, server)
        slot = self._slots.pop(key, None) or _Slot()
        self._slots[key] = slot
        while len(self._slots) > _MAX_SLOTS:
            self._slots.pop(next(iter(self._slots)))
        return slot

    async def _run(self, name: str, server: str) -> HelperAnswer:
        look_up = partial(shutil.which, f"docker-credential-{name}", path=self._environ["PATH"])
        program = await to_thread.run_sync(look_up, abandon_on_cancel=True)
        if program is None:
            # The name is not shown: until a program bears it, it is only some text of a file.
            return HelperAnswer(problem="its credential helper is not in the PATH")
        shown = f"docker-credential-{name}"
        try:
            with anyio.fail_after(self._time_limit):
                code, output = await _talk(program, server, self._environ)
        except TimeoutError:
            return HelperAnswer(problem=f"{shown} did not answer within {self._time_limit:g} s")
        except OSError:
            return HelperAnswer(problem=f"{shown} cannot be started")
        return _read(shown, code, output)


def helper_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of `environ` that a helper gets. Folders of its `PATH` that depend on where we stand are left out."""
    passed = {
        name: value for name, value in environ.items() if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
    }
    folders = [folder for folder in environ.get("PATH", "").split(os.pathsep) if os.path.isabs(folder)]
    return {**passed, "PATH": os.pathsep.join(folders)}


def _read(program: str, code: int | None, output: bytes) -> HelperAnswer:
    if len(output) > OUTPUT_LIMIT:
        return HelperAnswer(problem=f"{program} answered more than {OUTPUT_LIMIT} bytes")
    if code == 1 and output.strip().startswith(b"credentials not found"):
        return HelperAnswer()
    if code != 0:
        return HelperAnswer(problem=f"{program} failed")
    try:
        answer = parse_object(output)
    except ValueError as error:
        return HelperAnswer(problem=f"the answer of {program} is unusable: {error}")
    found = from_pair(answer.get("Username"), answer.get("Secret"))
    if found is None:
        return HelperAnswer(problem=f"the answer of {program} holds no usable Username and Secret")
    return HelperAnswer(found)


async def _talk(program: str, server: str, environ: Mapping[str, str]) -> tuple[int | None, bytes]:
    """Run `program get` and return its exit code and its output.

    An output that is too long is cut one byte beyond what is allowed, and then there may be no exit code.
    The pipes are ours and not those of the event loop: the end of the program has to be seen although a child of it
    keeps the pipe open, and some versions of asyncio wait for both.
    """
    with _pipe() as (asked, ask), _pipe() as (answer, answered):
        ask.write(server.encode("ascii"))  # it is short enough to fit into any pipe, so that this never waits
        ask.close()
        os.set_blocking(answer.fileno(), False)
        async with _running(program, environ, asked, answered) as process:
            return await _outcome(process, answer)


@contextmanager
def _pipe() -> Iterator[tuple[FileIO, FileIO]]:
    reader, writer = os.pipe()
    with FileIO(reader, "rb") as readable, FileIO(writer, "wb") as writable:
        yield readable, writable


@asynccontextmanager
async def _running(
    program: str, environ: Mapping[str, str], asked: FileIO, answered: FileIO
) -> AsyncIterator[anyio.abc.Process]:
    process = await anyio.open_process(
        [program, "get"],
        stdin=asked,
        stdout=answered,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=environ,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        # Whatever it started goes with it, also after a good answer. The group has the number of its first process.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        # Only a program that we may not kill, or one that hangs in the kernel, takes longer.
        with anyio.move_on_after(_PATIENCE_AFTER_KILL, shield=True):
            await process.wait()


async def _outcome(process: anyio.abc.Process, answer: FileIO) -> tuple[int | None, bytes]:
    output = bytearray()
    code = None
    async with anyio.create_task_group() as group:
        group.start_soon(_collect, answer, output, group.cancel_scope)
        code = await process.wait()
        group.cancel_scope.cancel()
    # The last words may have come together with the end.
    _take(answer, output)
    return code, bytes(output)


async def _collect(answer: FileIO, output: bytearray, scope: anyio.CancelScope) -> None:
    while _take(answer, output):
        await anyio.wait_readable(answer)
    if len(output) > OUTPUT_LIMIT:
        scope.cancel()


def _take(answer: FileIO, output: bytearray) -> bool:
    """Take what is in the pipe, and say whether more may be taken."""
    while len(output) <= OUTPUT_LIMIT:
        chunk = answer.read(OUTPUT_LIMIT + 1 - len(output))
        if not chunk:
            return True
        output += chunk
    return False
