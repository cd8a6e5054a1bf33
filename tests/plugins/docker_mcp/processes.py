"""Which processes there are. Linux only.

A process is known by a mark: a value that stands on its command line or in its environment, which everything that it
starts inherits. So an orphan is found as well, wherever it was put in the tree.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

PATIENCE = 120.0
"""Seconds after which a test that waits has failed. It ends broken runs only: a machine may be slow or stand still."""

UNHURRIED = {"docker_mcp": {"import_timeout": PATIENCE, "start_timeout": PATIENCE}}
"""The section `fuses` of a host in a process of its own, which would give a plugin up after ten seconds."""


def marked(*marks: str) -> set[int]:
    """The living processes that carry all of these marks."""
    return {int(folder.name) for folder in _folders() if _carries(folder, [mark.encode() for mark in marks])}


def _folders() -> list[Path]:
    return [folder for folder in Path("/proc").iterdir() if folder.name.isdigit()]


def _carries(folder: Path, marks: list[bytes]) -> bool:
    try:
        # Of a process that has ended and was not waited for, both are empty.
        said = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
    except OSError:
        return False
    return all(mark in said for mark in marks)


def _parents() -> dict[int, int]:
    """The parent of every process, by number."""
    parents = {}
    for folder in _folders():
        try:
            stat = (folder / "stat").read_text()
        except OSError:
            continue
        parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    return parents


def children() -> set[int]:
    """The processes that this one has started, ended ones that nobody waited for included."""
    return {child for child, parent in _parents().items() if parent == os.getpid()}


def descendants() -> set[int]:
    """All processes below this one."""
    parents, below = _parents(), {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return below - {os.getpid()}


async def wait_until_there_are(number: int, *marks: str) -> None:
    """Return once exactly so many living processes carry all of these marks.

    One that is just being started does not carry them yet; one that was just killed may still do.

    Raises:
        AssertionError: there are more or fewer; with what they are.
    """
    with anyio.move_on_after(PATIENCE):
        while len(marked(*marks)) != number:
            await anyio.sleep(0.02)
        return
    found = {one: _command(one) for one in marked(*marks)}
    raise AssertionError(f"{found} run after {PATIENCE:g} s, and not {number}")


async def wait_until_gone(mark: str, seconds: float = PATIENCE) -> None:
    """Return once no living process carries the mark.

    Raises:
        AssertionError: some still do; with what they are.
    """
    with anyio.move_on_after(seconds):
        while marked(mark):
            await anyio.sleep(0.02)
        return
    left = {number: _command(number) for number in marked(mark)}
    assert not left, f"{left} still run after {seconds:g} s"


async def wait_until_reaped(number: int, seconds: float = PATIENCE) -> None:
    """Return once a process has ended and somebody has waited for it.

    Raises:
        TimeoutError: it is still there.
    """
    with anyio.fail_after(seconds):
        while _is_known(number):
            await anyio.sleep(0.01)


def _is_known(number: int) -> bool:
    return Path(f"/proc/{number}").exists()


def _command(number: int) -> str:
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:200]
    except OSError:
        return "(gone)"


@dataclass(frozen=True, slots=True)
class Holdings:
    """What this process holds.

    Attributes:
        children: its descendants, ended ones that nobody waited for included.
        descriptors: how many files are open.
        threads: how many threads live.
    """

    children: frozenset[int]
    descriptors: int
    threads: int

    @classmethod
    def now(cls) -> Holdings:
        """As of now."""
        return cls(frozenset(descendants()), len(os.listdir("/proc/self/fd")), threading.active_count())

    def beyond(self, before: Holdings) -> str:
        """What is held now and was not before; empty when it is nothing."""
        more = [f"the processes {sorted(self.children - before.children)}"] if self.children - before.children else []
        if self.descriptors > before.descriptors:
            more.append(f"{self.descriptors - before.descriptors} open files")
        if self.threads > before.threads:
            more.append(f"of the threads {[thread.name for thread in threading.enumerate()]} some")
        return f"{' and '.join(more)} are left" if more else ""


@contextmanager
def no_leak(seconds: float = PATIENCE) -> Iterator[None]:
    """Demand that the block leaves no process, no open file and no thread behind, a moment after its end."""
    before = Holdings.now()
    yield
    deadline = time.monotonic() + seconds
    while (left := Holdings.now().beyond(before)) and time.monotonic() < deadline:
        time.sleep(0.02)  # what ends is told to its thread or to the kernel, and sets no event
    assert not left, left
