"""Plugins that misbehave when they start, while they live, or when they stop."""

from __future__ import annotations

import asyncio
import atexit
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

from fuseboard import hookimpl
from fuseboard_faulty.journal import fine, note, release_of, released, secret

if TYPE_CHECKING:
    from fuseboard import ToolRegistrar

Lifespan = Callable[[], AbstractAsyncContextManager[object]]
_starts: list[float] = []
_attempts: list[str] = []
_never = False


class Living:
    """A plugin with a tool and this lifespan."""

    def __init__(self, lifespan: Callable[[], Any]) -> None:
        self._lifespan = lifespan

    @hookimpl
    def register_tools(self, register: ToolRegistrar) -> None:
        register(fine)

    @hookimpl
    def lifespan(self) -> Any:
        return self._lifespan()


# --- at the start -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _raises() -> AsyncIterator[None]:
    if secret():
        raise RuntimeError(f"cannot log in as admin:{secret()}")
    yield


@asynccontextmanager
async def _hangs() -> AsyncIterator[None]:
    await asyncio.Event().wait()
    yield


@asynccontextmanager
async def _blocks() -> AsyncIterator[None]:
    while not _never:
        time.sleep(0.01)  # noqa: ASYNC251 - that is the fault
    yield


@asynccontextmanager
async def _exits() -> AsyncIterator[None]:
    if not _never:
        sys.exit(6)
    yield


@asynccontextmanager
async def _fails_twice() -> AsyncIterator[None]:
    _starts.append(time.monotonic())
    if len(_starts) < 3:
        raise OSError(111, "Connection refused")
    yield


@asynccontextmanager
async def _late() -> AsyncIterator[None]:
    """The first attempt fails, each further one waits until `late` is released."""
    _attempts.append("late")
    if len(_attempts) == 1:
        raise OSError(111, "Connection refused")
    await released("late")
    yield


# --- in the middle ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _ends_early() -> AsyncIterator[None]:
    async def fail() -> None:
        raise ConnectionResetError(104, "Connection reset by peer")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fail())
        yield


@asynccontextmanager
async def _background_task_raises() -> AsyncIterator[None]:
    async def fail() -> None:
        raise RuntimeError(f"the background task failed with {secret()}")

    task = asyncio.create_task(fail())
    yield
    del task


@asynccontextmanager
async def _background_task_exits() -> AsyncIterator[None]:
    async def leave() -> None:
        note("a background task exits")
        sys.exit(7)

    task = asyncio.create_task(leave())
    yield
    del task


@asynccontextmanager
async def _thread_raises() -> AsyncIterator[None]:
    def fail() -> None:
        note("a thread raises")
        raise RuntimeError("the thread failed")

    threading.Thread(target=fail, name="faulty").start()
    yield


@asynccontextmanager
async def _thread_stays() -> AsyncIterator[None]:
    """A thread that is no daemon would keep the process alive for ever."""
    threading.Thread(target=threading.Event().wait, name="faulty").start()
    yield


# --- at the stop --------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _raises_at_exit() -> AsyncIterator[None]:
    yield
    note("raises at exit")
    raise RuntimeError("cannot close")


@asynccontextmanager
async def _hangs_at_exit() -> AsyncIterator[None]:
    yield
    note("hangs at exit")
    await asyncio.Event().wait()


@asynccontextmanager
async def _ignores_cancel_at_exit() -> AsyncIterator[None]:
    yield
    note("ignores cancel at exit")
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            note("goes on")


@asynccontextmanager
async def _blocks_at_exit() -> AsyncIterator[None]:
    yield
    note("blocks at exit")
    while True:
        time.sleep(0.01)  # noqa: ASYNC251 - that is the fault


@asynccontextmanager
async def _exits_at_exit() -> AsyncIterator[None]:
    yield
    note("exits at exit")
    sys.exit(8)


@asynccontextmanager
async def _hangs_in_atexit() -> AsyncIterator[None]:
    atexit.register(time.sleep, 600)
    yield
    note("hangs in atexit")


_CHILD = """
import os, sys, time
end = time.monotonic() + 60
while time.monotonic() < end and not os.access(sys.argv[1], os.F_OK):
    time.sleep(0.1)
"""


@asynccontextmanager
async def _leaves_a_child() -> AsyncIterator[None]:
    """The child has inherited the descriptors and lives on until `children` are released, for a minute at most."""
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(release_of("children"))])
    yield
    child.returncode = 0  # forget it
    note("leaves a child")


@asynccontextmanager
async def _leaves_a_fork() -> AsyncIterator[None]:
    """A child that has everything of the host, its connection to the client too, and lives on for as long."""
    if os.fork() == 0:
        end = time.monotonic() + 60
        while time.monotonic() < end and not os.access(release_of("children"), os.F_OK):
            time.sleep(0.1)  # noqa: ASYNC251 - the child has no other tasks
        os._exit(0)
    yield
    note("leaves a fork")


@asynccontextmanager
async def _leaves_properly() -> AsyncIterator[None]:
    yield
    note("left properly")


raises = Living(_raises)
hangs = Living(_hangs)
blocks = Living(_blocks)
exits = Living(_exits)
no_manager = Living(lambda: 42)
fails_twice = Living(_fails_twice)
late = Living(_late)
ends_early = Living(_ends_early)
background_task_raises = Living(_background_task_raises)
background_task_exits = Living(_background_task_exits)
thread_raises = Living(_thread_raises)
thread_stays = Living(_thread_stays)
raises_at_exit = Living(_raises_at_exit)
hangs_at_exit = Living(_hangs_at_exit)
ignores_cancel_at_exit = Living(_ignores_cancel_at_exit)
blocks_at_exit = Living(_blocks_at_exit)
exits_at_exit = Living(_exits_at_exit)
hangs_in_atexit = Living(_hangs_in_atexit)
leaves_a_child = Living(_leaves_a_child)
leaves_a_fork = Living(_leaves_a_fork)
leaves_properly = Living(_leaves_properly)
