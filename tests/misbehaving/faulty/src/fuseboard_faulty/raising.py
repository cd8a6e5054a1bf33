"""A plugin whose tools end in every way but a result."""

from __future__ import annotations

import asyncio
import os
import sys

from mcp.shared.exceptions import MCPError

from fuseboard import BackendError, ToolError
from fuseboard_faulty.journal import Tools, fine, secret


class Odd(BaseException):
    """Neither an `Exception` nor anything the host could have heard of."""


class Unprintable(Exception):
    """Even its text raises."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


async def exception() -> str:
    """Raise, with a secret in the words."""
    raise RuntimeError(f"login failed for admin:{secret()}")


def exception_in_a_thread() -> str:
    """The same in a worker thread."""
    raise RuntimeError(f"login failed for admin:{secret()}")


async def system_exit() -> str:
    """Ask to end the process."""
    sys.exit(3)


def system_exit_in_a_thread() -> str:
    """The same in a worker thread."""
    sys.exit(3)


async def keyboard_interrupt() -> str:
    """Pretend that somebody has pressed Ctrl-C."""
    raise KeyboardInterrupt


def keyboard_interrupt_in_a_thread() -> str:
    """The same in a worker thread."""
    raise KeyboardInterrupt


async def cancelled_error() -> str:
    """Claim to be cancelled, which nobody asked for."""
    raise asyncio.CancelledError


def cancelled_error_in_a_thread() -> str:
    """The same in a worker thread."""
    raise asyncio.CancelledError


async def cancels_itself() -> str:
    """Really cancel the task that the tool runs in."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)
    return "not cancelled"


async def base_exception() -> str:
    """Raise what is no Exception."""
    raise Odd(secret())


def base_exception_in_a_thread() -> str:
    """The same in a worker thread."""
    raise Odd(secret())


async def generator_exit() -> str:
    """Raise what only generators raise."""
    raise GeneratorExit


async def stop_iteration() -> str:
    """Raise what futures cannot carry."""
    raise StopIteration(secret())


def stop_iteration_in_a_thread() -> str:
    """The same in a worker thread."""
    raise StopIteration(secret())


async def own_timeout() -> str:
    """A TimeoutError of the plugin's own is not the host's deadline."""
    raise TimeoutError(secret())


async def exception_group() -> str:
    """Several at once."""
    raise ExceptionGroup(secret(), [ValueError(secret()), OSError(secret())])


async def exit_group() -> str:
    """Several at once, and one of them wants to end the process."""
    raise BaseExceptionGroup(secret(), [ValueError(secret()), SystemExit(3)])


async def recursion() -> str:
    """Call itself until the stack is full."""
    return await recursion()


async def out_of_memory() -> str:
    """Say that there is no memory."""
    raise MemoryError


async def unprintable() -> str:
    """Raise an exception whose text raises."""
    raise Unprintable


async def stops_the_loop() -> str:
    """Stop the event loop that it runs on."""
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0.01)
    return "the loop goes on"


async def closes_stdout() -> str:
    """Close what it believes to be the standard output."""
    sys.stdout.close()
    os.close(1)
    return "closed"


async def reads_stdin() -> str:
    """Read what it believes to be the standard input, where the client's next message would be."""
    return f"read {os.read(0, 100)!r}"


async def tool_error(text: str) -> str:
    """Say to the model what is wrong."""
    raise ToolError(text)


async def backend_error() -> str:
    """Say to the model that the backend is lost."""
    raise BackendError("the backend is gone")


async def protocol_error() -> str:
    """Answer with a JSON-RPC error of its own."""
    raise MCPError(-32050, "a code of its own", {"why": "because"})


plugin = Tools(
    fine,
    exception,
    exception_in_a_thread,
    system_exit,
    system_exit_in_a_thread,
    keyboard_interrupt,
    keyboard_interrupt_in_a_thread,
    cancelled_error,
    cancelled_error_in_a_thread,
    cancels_itself,
    base_exception,
    base_exception_in_a_thread,
    generator_exit,
    stop_iteration,
    stop_iteration_in_a_thread,
    own_timeout,
    exception_group,
    exit_group,
    recursion,
    out_of_memory,
    unprintable,
    stops_the_loop,
    closes_stdout,
    reads_stdin,
    tool_error,
    backend_error,
    protocol_error,
)
