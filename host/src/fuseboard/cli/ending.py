"""The end of the process, which no plugin can prevent."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from time import sleep
from typing import IO, TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from fuseboard.transports.stdout_guard import Wire

LONGEST_END = 1.0
"""Seconds that Python gets to end by itself."""


def end(wire: Wire, out: IO[str], code: int, *, by_force: bool) -> NoReturn:
    """End the process.

    Args:
        wire: what plugins still print goes into the log.
        out: the command's output.
        code: the exit code.
        by_force: a plugin could not be stopped, so do not even try to end its threads.
    """
    if by_force:
        _now(wire, out, code)
    end_soon(wire, out, code)
    sys.exit(code)


def end_soon(wire: Wire, out: IO[str], code: int) -> None:
    """End the process by force unless it ends by itself before: plugins can leave threads that Python waits for."""

    def wait_and_end() -> None:
        sleep(LONGEST_END)
        _now(wire, out, code)

    threading.Thread(target=wait_and_end, name="fuseboard-end", daemon=True).start()


def _now(wire: Wire, out: IO[str], code: int) -> NoReturn:
    try:
        # Each of them may fail when whoever reads the stream has left; the process ends all the same.
        for flush in (out.flush, wire.drain, logging.shutdown, sys.stderr.flush):
            with contextlib.suppress(Exception):
                flush()
    finally:
        os._exit(code)
