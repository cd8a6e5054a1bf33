"""Small plugins, made of what a test wants them to contribute, and the few things that many tests say."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import anyio
import pytest
from mcp_types import CallToolResult

from fuseboard import hookimpl

Function = Callable[..., Any]
LONG = 60.0
"""Seconds after which a test that waits has failed."""


def plugin(*tools: Function, **hooks: Function) -> ModuleType:
    """A plugin, as a module: these functions as its tools, and these functions as its other hooks."""
    module = ModuleType("toy")
    if tools:

        def register_tools(register: Function) -> None:
            for tool in tools:
                register(tool)

        module.register_tools = hookimpl(register_tools)  # type: ignore[attr-defined]
    for name, hook in hooks.items():
        setattr(module, name, hookimpl(hook))
    return module


def living(state: Any = None, stopped: threading.Event | None = None) -> Function:
    """A `lifespan` hook that yields this state."""

    @asynccontextmanager
    async def lifespan() -> Any:
        try:
            yield state
        finally:
            if stopped is not None:
                stopped.set()

    return lifespan


def text_of(result: CallToolResult) -> str:
    """The text of a result with one block of text."""
    assert len(result.content) == 1, result
    return str(result.content[0].text)  # type: ignore[union-attr]


def error_of(result: CallToolResult) -> str:
    """The text of a result that is an error."""
    assert result.is_error, result
    return text_of(result)


def take_time_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no plugin be abandoned because the machine stood still while it stopped; beside a long `stop_timeout`."""
    monkeypatch.setattr("fuseboard.circuit.LAST_MOMENT", LONG)


async def until(condition: Callable[[], object]) -> None:
    """Let everything else run until a condition holds; it must within `LONG` seconds."""
    with anyio.fail_after(LONG):
        while not condition():
            await anyio.sleep(0.002)  # the condition is of another thread, or of the host, and sets no event


async def seen(event: threading.Event) -> None:
    """Wait for an event of another thread."""
    await until(event.is_set)
