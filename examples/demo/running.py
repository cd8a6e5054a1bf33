"""The host as a process of its own, in front of the embedded parts."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded import ADDRESS, Embedded

LONGEST_START = 30.0
"""Seconds until every plugin must be there."""
LONGEST_STOP = 10.0
"""Seconds that the host gets to end."""


class DemoError(Exception):
    """The demo cannot go on. `str()` says why."""


def interrupted_by_every_end() -> None:
    """Let SIGTERM and the end of the terminal be what Ctrl-C is, so that each of them cleans up.

    Ctrl-C itself may have been switched off by whoever started this, such as a shell for its background.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # Windows has no SIGHUP
            signal.signal(getattr(signal, name), signal.default_int_handler)


@contextmanager
def http_host(parts: Embedded, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Serve over HTTP while the block lasts.

    Raises:
        DemoError: the host ended at once, or was not ready in time.
    """
    tethered = str(Path(__file__).with_name("tethered.py"))
    command = [sys.executable, "-P", tethered, "http", "--host", ADDRESS, "--port", str(port)]
    # In a session of its own: Ctrl-C reaches this process alone, which then ends the host in order.
    process = subprocess.Popen(
        command, cwd=parts.folder, env=parts.environment(), stdin=subprocess.PIPE, start_new_session=True
    )
    with _ended_after(process):
        _wait_until_ready(process, f"http://{ADDRESS}:{port}/readyz")
        yield process


def stdio_host(parts: Embedded) -> int:
    """Serve one client on the standard streams of this process, and return the exit code."""
    process = subprocess.Popen([sys.executable, "-m", "fuseboard"], cwd=parts.folder, env=parts.environment())
    with _ended_after(process):
        return process.wait()


@contextmanager
def _ended_after(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        # A second Ctrl-C would leave something behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        process.terminate()
        try:
            process.wait(LONGEST_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _wait_until_ready(process: subprocess.Popen[bytes], probe: str) -> None:
    until = time.monotonic() + LONGEST_START
    while time.monotonic() < until:
        if process.poll() is not None:
            raise DemoError(f"the host ended with exit code {process.returncode}; what it said stands above")
        try:
            # Proxies of the environment know nothing of this machine.
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(probe, timeout=2).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
        else:
            return
    raise DemoError(f"the host was not ready within {LONGEST_START:g} s; {probe} tells more")
