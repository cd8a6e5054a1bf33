"""Processes that a plugin started and left running: looked for from outside, since nobody inside knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import sleep

from fuseboard.grading.finding import Finding, error

VARIABLE = "FUSEBOARD_VALIDATE_MARK"
"""Marks the process that grades a plugin, and all that it starts. Who clears the environment is not found."""
GRACE = 2.0
"""Seconds that a process gets to notice that its parent has ended."""
LOOK_AGAIN = 0.05
SHOWN = 3


def findings(mark: str) -> Iterator[Finding]:
    """What still runs of the processes with this mark. Nothing where there is no /proc, as on macOS and Windows."""
    # Looks are counted and not the time: while the machine runs nobody, no child can end either.
    for _ in range(round(GRACE / LOOK_AGAIN)):
        if not (left := _marked(mark)):
            return
        sleep(LOOK_AGAIN)
    left = _marked(mark)
    if left:
        shown = ", ".join(left[:SHOWN]) + (", ..." if len(left) > SHOWN else "")
        text = f"it left {len(left)} {'process' if len(left) == 1 else 'processes'} running: {shown}"
        yield error(
            "processes-left", "stage stop", text, "end when lifespan is left what you started; end these by hand"
        )


def _marked(mark: str) -> list[str]:
    wanted = f"{VARIABLE}={mark}".encode()
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended, or is somebody else's
            if wanted in environment.read_bytes().split(b"\0"):
                name = environment.with_name("comm").read_text(errors="replace")  # its arguments may hold secrets
                found.append(f"{name.strip()} (process {environment.parent.name})")
    return found
