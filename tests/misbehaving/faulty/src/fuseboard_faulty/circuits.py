"""Plugins that hang, block, fail again and again, are flooded, or lose their backend."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pydantic_settings import BaseSettings, SettingsConfigDict

from fuseboard import BackendError, Context, ToolError, hookimpl
from fuseboard_faulty.journal import AMPLE, Tools, fine, note, release_of, released

if TYPE_CHECKING:
    from fuseboard import HealthRegistrar, ToolRegistrar


# --- hangs --------------------------------------------------------------------------------------------------------


async def hang(name: str) -> str:
    """Never end, and say when it is cancelled."""
    note(f"{name} begins")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        note(f"{name} was cancelled")
        raise
    return name


def hang_in_a_thread(name: str) -> str:
    """Hang in a worker thread, which nobody can interrupt, until `release` is called."""
    note(f"{name} begins")
    _release.wait()
    note(f"{name} ends")
    return name


def hang_for_ever(name: str) -> str:
    """Hang in a worker thread until the process ends."""
    note(f"{name} begins")
    threading.Event().wait()
    return name


async def release() -> str:
    """Let the worker threads go."""
    _release.set()
    return "released"


async def ignore_cancel(name: str) -> str:
    """Never end, and swallow every cancel."""
    note(f"{name} begins")
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            note(f"{name} ignores the cancel")


async def spoil_cancel(how: str) -> str:
    """Answer a cancel with an exception, or with a result."""
    note(f"{how} begins")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        note(f"spoils the cancel: {how}")
        if how == "raises":
            raise RuntimeError("no") from None
    return "a result after all"


_release = threading.Event()
hanging = Tools(hang, hang_in_a_thread, spoil_cancel, at_leisure=[fine, release])
stuck = Tools(ignore_cancel, at_leisure=[fine])
held = Tools(hang_for_ever, at_leisure=[fine])


# --- blocks its loop ----------------------------------------------------------------------------------------------


async def block() -> str:
    """Block the event loop of the plugin until `block` is released."""
    note("block begins")
    released = release_of("block")
    while not os.access(released, os.F_OK):
        time.sleep(0.01)  # noqa: ASYNC251 - that is the fault
    note("block ends")
    return "done"


async def spin() -> str:
    """The same for `spin`, and busy all the time: threads share one interpreter, so this slows everybody."""
    note("spin begins")
    released = release_of("spin")
    while not os.access(released, os.F_OK):
        for _ in range(100_000):
            pass
    note("spin ends")
    return "done"


async def brief() -> str:
    """A tool without fault that has no more time than those that block."""
    return "brief"


blocking = Tools(block, spin, brief, at_leisure=[fine])


# --- fails again and again ----------------------------------------------------------------------------------------


async def fail(how: str) -> str:
    """Fail in this way: by a fault, by an error for the model, by a slow answer, or not at all."""
    note(f"fail {how}")
    if how == "fault":
        raise RuntimeError("unexpected")
    if how == "tool_error":
        raise ToolError("you asked for it")
    if how == "hang":
        await asyncio.Event().wait()
    return "no failure"


failing = Tools(fail)
mending = Tools(fail)
tardy = Tools(fail)


# --- is flooded ---------------------------------------------------------------------------------------------------


async def hold(number: int) -> int:
    """Keep a place until `flooded` is released, then return the number."""
    await released("flooded")
    return number


flooded = Tools(fine, hold)


# --- loses its backend --------------------------------------------------------------------------------------------


class BackendSettings(BaseSettings):
    """Where the backend is."""

    model_config = SettingsConfigDict(env_prefix="FAULTY_BACKEND_")

    port: int


class Backend:
    """A plugin that asks a TCP server, which can go away."""

    @hookimpl
    def settings(self) -> type[BackendSettings]:
        return BackendSettings

    @hookimpl
    def register_tools(self, register: ToolRegistrar) -> None:
        register(self.ask)

    @hookimpl
    def register_health_checks(self, register: HealthRegistrar) -> None:
        register(self.reaches_backend, timeout=AMPLE)

    @hookimpl
    @asynccontextmanager
    async def lifespan(self, settings: BackendSettings) -> AsyncIterator[int]:
        yield settings.port

    async def ask(self, ctx: Context[int], text: str) -> str:
        """Send a line, return the line that comes back."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", ctx.state)
        except OSError as error:
            raise BackendError("the backend does not answer") from error
        writer.write(text.encode() + b"\n")
        answer = await reader.readline()
        writer.close()
        return answer.decode().strip()

    async def reaches_backend(self, ctx: Context[int]) -> str | None:
        """Whether the backend takes connections."""
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", ctx.state)
        except OSError:
            return "nothing listens at the backend's port"
        writer.close()
        return None


backend = Backend()
