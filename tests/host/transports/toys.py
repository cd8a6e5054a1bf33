"""A toy plugin that is a real distribution, and a real `fuseboard` process to serve it."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

COMMAND = [sys.executable, "-m", "fuseboard"]

PATIENCE = 60.0
"""Seconds after which a test gives up waiting for anything. Only a broken process makes anybody wait so long."""

UNTIL_LOADED: Mapping[str, float] = {
    "fuseboard.mcp_server.handlers.HANDSHAKE_WAITS": PATIENCE,
    "fuseboard.mcp_server.handlers.LISTING_WAITS": PATIENCE,
}
"""For `set_constants`: handshakes and lists wait for every plugin, however slow the machine is."""

TOY = '''
import asyncio, os, subprocess, sys, time
from contextlib import asynccontextmanager
from fuseboard import hookimpl

def note(text):
    with open(os.environ["TOY_JOURNAL"], "a") as journal:
        journal.write(text + "\\n")

async def echo(text: str) -> str:
    """Return the text."""
    return text

async def big(size: int) -> str:
    """Return a text of so many letters."""
    note("big")
    return "x" * size

async def wait(name: str) -> str:
    """Never return."""
    note(name + " begins")
    try:
        await asyncio.sleep(3600)
    finally:
        note(name + " was cancelled")

async def run(code: str) -> str:
    """Run a piece of Python."""
    exec(code, {"os": os, "subprocess": subprocess, "sys": sys})
    return "done"

async def modules() -> list[str]:
    """The names of all imported modules."""
    return sorted(sys.modules)

@hookimpl
def register_tools(register):
    for tool in (echo, big, wait, run, modules):
        register(tool)

@hookimpl
@asynccontextmanager
async def lifespan():
    note("started")
    yield
    note("stopped")
'''


def install(folder: Path, name: str, code: str) -> None:
    """Put a distribution with one plugin, its module of the same name, into a folder."""
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nSummary: A toy.\n")
    (metadata / "entry_points.txt").write_text(f"[fuseboard.plugins]\n{name} = {name}\n")
    (folder / f"{name}.py").write_text(code)


def set_constants(folder: Path, constants: Mapping[str, float]) -> None:
    """Give other seconds than its own to every `fuseboard` that has the folder on its path.

    What it allows its users is too short where a test needs an order of events on a machine that stands still at times.

    Args:
        folder: gets a module that Python imports when it starts.
        constants: by their full names, such as `fuseboard.transports.http_server.GRACE`.
    """
    lines = []
    for name, value in constants.items():
        module, _, constant = name.rpartition(".")
        assert isinstance(getattr(import_module(module), constant), float), name
        lines.append(f"import {module}\n{name} = {value}\n")
    (folder / "sitecustomize.py").write_text("".join(lines))


class Toybox:
    """A folder with installed toys, and the environment in which only they are loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: list[str] = []
        self.settings: dict[str, str] = {}

    def add(self, name: str, code: str = TOY) -> None:
        """Install one more. It has all the time that it needs to stop."""
        install(self.folder, name, code)
        self.names.append(name)
        self.settings[f"FUSEBOARD_FUSES__{name.upper()}__STOP_TIMEOUT"] = str(PATIENCE)

    @property
    def environment(self) -> dict[str, str]:
        """For a process that serves these toys and no other plugin."""
        return {
            **os.environ,
            "PYTHONPATH": str(self.folder),
            "TOY_JOURNAL": str(self.folder / "journal"),
            "FUSEBOARD_LOAD_PLUGINS": ",".join(self.names),
            **self.settings,
        }

    def journal(self) -> list[str]:
        """What the toys have noted."""
        path = self.folder / "journal"
        return path.read_text().splitlines() if path.exists() else []

    def wait_for(self, *lines: str, seconds: float = PATIENCE) -> None:
        """Wait until the toys have noted these lines, one that is given twice twice."""
        end = time.monotonic() + seconds
        while Counter(lines) - Counter(self.journal()):
            assert time.monotonic() < end, f"{lines!r} are not all in {self.journal()}"
            time.sleep(0.01)
