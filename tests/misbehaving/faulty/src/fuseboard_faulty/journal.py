"""What a misbehaving plugin leaves for a test to find, and the secret that it must not let out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fuseboard import hookimpl

if TYPE_CHECKING:
    from fuseboard import ToolRegistrar


AMPLE = 600.0
"""Seconds for a tool that has to succeed in a plugin whose other tools shall miss their deadline."""


def note(text: str) -> None:
    """Write a line that outlives the process."""
    with Path(os.environ["FAULTY_JOURNAL"]).open("a", encoding="utf-8") as journal:
        journal.write(text + "\n")


def secret() -> str:
    """What no client, no ledger and no error may show."""
    return os.environ["FAULTY_SECRET"]


def release_of(name: str) -> Path:
    """The file that a test makes (`Board.release`) to let go what waits under this name."""
    return Path(os.environ["FAULTY_JOURNAL"]).with_name(f"released-{name}")


async def released(name: str) -> None:
    """Wait, without blocking the loop, until a test lets this go."""
    file = release_of(name)
    while not os.access(file, os.F_OK):
        await asyncio.sleep(0.01)


async def fine() -> str:
    """A tool without fault."""
    return "fine"


class Tools:
    """A plugin that has nothing but tools.

    Args:
        functions: the tools, which have the plugin's `call_timeout`.
        at_leisure: tools that have ten minutes, whatever `call_timeout` says.
    """

    def __init__(self, *functions: Callable[..., Any], at_leisure: Sequence[Callable[..., Any]] = ()) -> None:
        self._functions = functions
        self._at_leisure = at_leisure

    @hookimpl
    def register_tools(self, register: ToolRegistrar) -> None:
        for function in self._functions:
            register(function)
        for function in self._at_leisure:
            register(function, timeout=AMPLE)
