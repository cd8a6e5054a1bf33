"""The guardian: one tiny process beside the host that outlives it, so that no server and no container does."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

logger = logging.getLogger(__name__)

PROGRAM = Path(__file__).with_name("guardian_process.py")
LEAVE_TIMEOUT = 0.05
"""Seconds that a guardian with nothing to do gets to end before a thread waits for it."""


class Guardian:
    """Knows every process group and every label of containers, and starts its process with the first of them.

    Args:
        sweep_command: removes the containers with a label; `{label}` in it stands for `key=value`.
    """

    def __init__(self, sweep_command: tuple[str, ...] | None = None) -> None:
        self._sweep_command = sweep_command
        self._process: subprocess.Popen[bytes] | None = None
        self._groups: set[int] = set()
        self._labels: set[str] = set()
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Of its process, None before the first child."""
        return self._process.pid if self._process is not None else None

    def ready(self) -> None:
        """Start the process if there is none, before a child is made: no child is ever without a guardian."""
        if self._closed or (self._process is not None and self._process.poll() is None):
            return
        if self._process is not None:
            self._leave(self._process)
        self._process = self._started()
        if self._sweep_command is not None:
            self._write("sweep", list(self._sweep_command))
        for group in self._groups:
            self._write("+group", group)
        for label in self._labels:
            self._write("+label", label)

    def watch_group(self, group: int) -> None:
        """End this process group when the host is gone."""
        self._groups.add(group)
        self._tell("+group", group)

    def release_group(self, group: int) -> None:
        """The group has ended; its id may soon be another's."""
        self._groups.discard(group)
        self._tell("-group", group)

    def watch_label(self, label: str) -> None:
        """Remove the containers with this label when the host is gone."""
        self._labels.add(label)
        self._tell("+label", label)

    def release_label(self, label: str) -> None:
        """The containers with this label are removed."""
        self._labels.discard(label)
        self._tell("-label", label)

    def close(self) -> None:
        """Let it end: at once if nothing is left, else after it has ended what is."""
        self._closed = True
        if self._process is not None:
            self._leave(self._process)
            self._process = None

    def _started(self) -> subprocess.Popen[bytes] | None:
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-E", str(PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            logger.warning("no guardian: servers may outlive a host that is killed: %s", error)
            return None
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        return process

    def _tell(self, order: str, value: object) -> None:
        self.ready()
        self._write(order, value)

    def _write(self, order: str, value: object) -> None:
        if self._process is None or self._process.stdin is None or self._process.stdin.closed:
            return
        try:
            self._process.stdin.write(json.dumps([order, value]).encode() + b"\n")
        except OSError as error:
            logger.warning("the guardian does not listen: %s", error)

    def _leave(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        deadline = time.monotonic() + (0 if self._groups or self._labels else LEAVE_TIMEOUT)
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        if process.poll() is None:
            threading.Thread(target=process.wait, name="docker_mcp-guardian", daemon=True).start()
