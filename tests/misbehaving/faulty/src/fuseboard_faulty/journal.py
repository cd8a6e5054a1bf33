"""What a misbehaving plugin leaves for a test to find, and the secret that it must not let out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fuseboard import hookimpl

if TYPE_CHECKING:
    from fuseboard import ToolRegistrar


def note(text: str) -> None:
    """Write a line that outlives the process."""
    with Path(os.environ["FAULTY_JOURNAL"]).open("a", encoding="utf-8") as journal:
        journal.write(text + "\n")


def secret() -> str:
    """What no client, no ledger and no error may show."""
    return os.environ["FAULTY_SECRET"]


async def fine() -> str:
    """A tool without fault."""
    return "fine"


class Tools:
    """A plugin that has nothing but tools."""

    def __init__(self, *functions: Callable[..., Any]) -> None:
        self._functions = functions

    @hookimpl
    def register_tools(self, register: ToolRegistrar) -> None:
        for function in self._functions:
            register(function)
