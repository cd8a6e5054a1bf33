"""Prints far more than anybody reads, in lines and without any."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fuseboard import hookimpl
from fuseboard_faulty.journal import fine

if TYPE_CHECKING:
    from fuseboard import ToolRegistrar


async def lines() -> str:
    """A hundred thousand lines."""
    for number in range(100_000):
        print(f"line {number}")
    return "printed"


async def one_line() -> str:
    """Ten megabytes on the descriptor, and no end of the line."""
    for _ in range(160):
        os.write(1, b"x" * 65536)
    return "written"


@hookimpl
def register_tools(register: ToolRegistrar) -> None:
    """Two tools that print, and one that does not."""
    register(lines)
    register(one_line)
    register(fine)
