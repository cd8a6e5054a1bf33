"""Start a server as a desktop client would, say hello, and see what comes back."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Any

REVISION = "2025-06-18"
STOP_SECONDS = 2.0
ASK_AGAIN = 0.2
KEPT_LINES = 5
KEPT_BYTES = 4000
# What clients hand down of their own environment; all else has to stand in the entry.
HANDED_DOWN: Mapping[bool, Sequence[str]] = {
    False: ("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"),
    True: (
        "APPDATA", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PATH", "PATHEXT", "PROCESSOR_ARCHITECTURE",
        "SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "USERNAME", "USERPROFILE",
    ),
}  # fmt: skip


@dataclass(slots=True)
class Trial:
    """What a start led to.

    Attributes:
        seconds: until it answered the first request; None if it never did.
        trouble: why it did not; "" if it did.
        server: the name that it gave itself.
        tools: the names of its tools.
        plugins: the rows of its ledger; None if it has none, as another server.
        noise: the first lines on standard output that are no protocol.
        log: the last lines on standard error.
    """

    seconds: float | None = None
    trouble: str = ""
    server: str = ""
    tools: list[str] = field(default_factory=list)
    plugins: list[dict[str, Any]] | None = None
    noise: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of a server that a client starts: little of the client's own, and what the entry says."""
    handed = {name: os.environ[name] for name in HANDED_DOWN[sys.platform == "win32"] if name in os.environ}
    return handed | dict(variables)


def try_start(command: Sequence[str], variables: Mapping[str, str], folder: Path, seconds: float) -> Trial:
    """Start a server, ask for its tools and its state, and stop it.

    Args:
        command: the program and its arguments.
        variables: its environment, see `environment`.
        folder: its working directory.
        seconds: to answer in, all together.
    """
    trial = Trial()
    with tempfile.TemporaryFile() as log:
        try:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=dict(variables),
                cwd=folder,
            )
        except (OSError, ValueError) as error:
            trial.trouble = f"it cannot be started ({getattr(error, 'strerror', None) or type(error).__name__})"
            return trial
        talk = _Talk(process, trial, monotonic() + seconds)
        try:
            _ask(talk, trial)
        except TimeoutError:
            trial.trouble = f"it did not answer {talk.asked} within {seconds:g} s"
        except EOFError:
            trial.trouble = f"it {_end_of(process)} before it answered {talk.asked}"
        finally:
            talk.stop()
        trial.log = _last_lines(log)
    return trial


def _ask(talk: _Talk, trial: Trial) -> None:
    begun = monotonic()
    about = {"name": "fuseboard-doctor", "version": "1"}
    hello = talk.ask("initialize", {"protocolVersion": REVISION, "capabilities": {}, "clientInfo": about})
    trial.seconds = monotonic() - begun
    trial.server = str((hello.get("serverInfo") or {}).get("name", ""))
    talk.send({"method": "notifications/initialized"})
    cursor: dict[str, Any] = {}
    while True:
        listed = talk.ask("tools/list", cursor)
        trial.tools += [str(tool.get("name")) for tool in listed.get("tools", ())]
        if not listed.get("nextCursor"):
            break
        cursor = {"cursor": listed["nextCursor"]}
    trial.plugins = _ledger(talk)
    while any(row.get("state") == "starting" for row in trial.plugins or ()) and talk.seconds_left() > ASK_AGAIN:
        sleep(ASK_AGAIN)
        trial.plugins = _ledger(talk)


def _end_of(process: subprocess.Popen[bytes]) -> str:
    try:
        return f"ended with exit code {process.wait(STOP_SECONDS)}"
    except subprocess.TimeoutExpired:
        return "closed its standard output"


def _ledger(talk: _Talk) -> list[dict[str, Any]] | None:
    answer = talk.ask("resources/read", {"uri": "fuseboard://plugins"})
    with suppress(LookupError, TypeError, ValueError):
        rows = json.loads(answer["contents"][0]["text"])["plugins"]
        return [row for row in rows if isinstance(row, dict)]
    return None


class _Talk:
    """The client's end of the pipes."""

    def __init__(self, process: subprocess.Popen[bytes], trial: Trial, deadline: float) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._trial, self._deadline = process, trial, deadline
        self._in, self._out = process.stdin, process.stdout
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._reader = threading.Thread(target=self._read, name="fuseboard-doctor", daemon=True)
        self._reader.start()
        self._number = 0
        self.asked = ""

    def _read(self) -> None:
        with suppress(OSError, ValueError):
            for line in self._out:
                self._lines.put(line)
        self._lines.put(b"")

    def send(self, message: dict[str, Any]) -> None:
        """Send one message; a reader that has left is found out by its answer, which never comes."""
        with suppress(OSError):
            self._in.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
            self._in.flush()

    def seconds_left(self) -> float:
        """Until the deadline."""
        return max(0.0, self._deadline - monotonic())

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The result of a request; an empty one for an error.

        Raises:
            TimeoutError: it does not come in time.
            EOFError: the server has ended.
        """
        self._number += 1
        self.asked = method
        self.send({"id": self._number, "method": method, "params": params})
        while True:
            message = self._next()
            if message.get("id") == self._number and ("result" in message or "error" in message):
                result = message.get("result")
                return result if isinstance(result, dict) else {}

    def _next(self) -> dict[str, Any]:
        while True:
            try:
                line = self._lines.get(timeout=self.seconds_left())
            except queue.Empty:
                raise TimeoutError from None
            if not line:
                raise EOFError
            with suppress(ValueError):
                message = json.loads(line)
                if isinstance(message, dict) and message.get("jsonrpc") == "2.0":
                    return message
            if line.strip() and len(self._trial.noise) < KEPT_LINES:
                self._trial.noise.append(line.decode("utf-8", "replace").strip()[:200])

    def stop(self) -> None:
        """End the server as a client does: close its input, and if that does not help, by force."""
        with suppress(OSError):
            self._in.close()
        for force in (self._process.terminate, self._process.kill):
            try:
                self._process.wait(STOP_SECONDS)
                break
            except subprocess.TimeoutExpired:
                force()
        self._process.wait()
        self._reader.join(STOP_SECONDS)
        if not self._reader.is_alive():
            # A grandchild that keeps the pipe open would hold the close up as well.
            self._out.close()


def _last_lines(log: IO[bytes]) -> list[str]:
    size = log.seek(0, os.SEEK_END)
    log.seek(max(0, size - KEPT_BYTES))
    lines = log.read().decode("utf-8", "replace").splitlines()
    return [line.rstrip()[:300] for line in lines if line.strip()][-KEPT_LINES:]
