"""A toy plugin that is installed, for every test that starts a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.host.transports.toys import Toybox

TOY = '''
import sys
from fuseboard import Context, hookimpl

async def echo(text: str, ctx: Context) -> str:
    """Return the text and the request's id."""
    print("echoing", text)
    return f"{text} {ctx.request_id}"

async def run(code: str) -> str:
    """Run a piece of Python."""
    exec(code, {"sys": sys})
    return "done"

@hookimpl
def register_tools(register):
    for tool in (echo, run):
        register(tool)
'''


@pytest.fixture
def toys(tmp_path: Path) -> Toybox:
    """One toy, called `toy`."""
    box = Toybox(tmp_path)
    box.add("toy", TOY)
    return box
