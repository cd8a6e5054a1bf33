"""Prints in every way there is, while it is imported and while its tool runs."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from fuseboard import hookimpl

if TYPE_CHECKING:
    from fuseboard import ToolRegistrar


def make_noise(when: str) -> None:
    """Python's way, the system's way, a child's way, and a line without an end."""
    print(f"{when}: printed")
    sys.stdout.buffer.write(f"{when}: as bytes\n".encode())
    sys.stdout.flush()
    os.write(1, f"{when}: on the descriptor\n".encode())
    subprocess.run([sys.executable, "-c", f"print('{when}: by a child')"], check=True)
    print('{"jsonrpc": "2.0", "id": 1, "result": {}}')
    print(f"{when}: without an end", end="", flush=True)


make_noise("import")


async def aloud() -> str:
    """Print, then answer."""
    make_noise("call")
    return "said"


def aloud_in_a_thread() -> str:
    """Print in a worker thread, then answer."""
    make_noise("thread")
    return "said"


@hookimpl
def register_tools(register: ToolRegistrar) -> None:
    """Two tools that print."""
    register(aloud)
    register(aloud_in_a_thread)
