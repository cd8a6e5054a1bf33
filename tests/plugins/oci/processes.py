"""What the tests of credential helpers look at: numbers that programs write into files, and who is still alive."""

from __future__ import annotations

from pathlib import Path

import anyio

from tests.plugins.oci.helpers import PATIENCE


async def wait_for_pid(file: Path) -> int:
    """The number that a program writes into a file."""
    with anyio.fail_after(PATIENCE):
        while not written(file).endswith("\n"):
            await anyio.sleep(0.01)
    return int(written(file))


async def assert_dead(pid: int) -> None:
    """A process ends soon. It may stay on the list of processes until the first process of the system, its parent
    since its own one died, looks after it."""
    with anyio.fail_after(PATIENCE):
        while is_listed(pid) and written(Path(f"/proc/{pid}/stat")).rpartition(") ")[2][:1] not in ("Z", "X", ""):
            await anyio.sleep(0.01)


def is_listed(pid: int) -> bool:
    """Whether a process lives, or is dead and nobody has waited for it."""
    return Path(f"/proc/{pid}").exists()


def written(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
