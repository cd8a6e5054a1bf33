"""The host, which ends when the demo does: however that ended, its end of the pipe on standard input is closed then."""

from __future__ import annotations

import os
import runpy
import signal
import threading


def end_at_the_end_of(pipe: int) -> None:
    """Wait until nobody holds the pipe's other end, then stop this process in order."""
    while os.read(pipe, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


# A descriptor of its own, since the host takes standard input away from everybody.
threading.Thread(target=end_at_the_end_of, args=(os.dup(0),), daemon=True).start()
runpy.run_module("fuseboard", run_name="__main__")
