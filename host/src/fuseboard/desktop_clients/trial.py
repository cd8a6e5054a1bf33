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

from fuseboard.strict_json import are_objects

REVISION = "2025-06-18"
STOP_SECONDS = 2.0
ASK_AGAIN = 0.2
KEPT_LINES = 5
KEPT_BYTES = 4000
LONGEST_LINE = 2**24
WAITING_LINES = 8
"""A server that never stops printing fills neither the memory with lines nor with one line."""
# What clients hand down of their own environment; all else has to stand in the entry.
HANDED_DOWN: Mapping[bool, Sequence[str]] = {
    False: ("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"),
    True: (
        "APPDATA", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PATH", "PATHEXT", "PROCESSOR_ARCHITECTURE",
        "SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "USERNAME", "USERPROFILE",
    ),
}  # fmt: skip


class _NoAnswer(Exception):
    """The server answered, and not as a server does; the text is a sentence for the user."""


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
            if talk.has_ended():
                trial.trouble = f"it {_end_of(process)} before it answered {talk.asked}"
        except EOFError:
            trial.trouble = f"it {_end_of(process)} before it answered {talk.asked}"
        except _NoAnswer as odd:
            trial.trouble = str(odd)
        finally:
            talk.stop()
        trial.log = _last_lines(log)
    return trial


def _ask(talk: _Talk, trial: Trial) -> None:
    begun = monotonic()
    about = {"name": "fuseboard-doctor", "version": "1"}
    hello = talk.ask("initialize", {"protocolVersion": REVISION, "capabilities": {}, "clientInfo": about})
    trial.seconds = monotonic() - begun
    server = hello.get("serverInfo")
    trial.server = str(server.get("name", "")) if isinstance(server, dict) else ""
    talk.send({"method": "notifications/initialized"})
    cursor: dict[str, Any] = {}
    while True:
        listed = talk.ask("tools/list", cursor)
        if not are_objects(listed.get("tools")):
            raise _NoAnswer("its answer to tools/list holds no list of tools")
        trial.tools += [str(tool.get("name")) for tool in listed["tools"]]
        if not listed.get("nextCursor"):
            break
        cursor = {"cursor": listed["nextCursor"]}
    trial.plugins = _ledger(talk)
    while any(row.get("state") == "starting" for row in trial.plugins or ()) and talk.seconds_left() > ASK_AGAIN:
        sleep(ASK_AGAIN)
        trial.plugins = _ledger(talk)


def _end_of(process: subprocess.Popen[bytes]) -> str:
    try:
        code = process.wait(STOP_SECONDS)
        return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    except subprocess.TimeoutExpired:
        return "closed its standard output"


def _ledger(talk: _Talk) -> list[dict[str, Any]] | None:
    with suppress(_NoAnswer, LookupError, TypeError, ValueError, RecursionError):
        answer = talk.ask("resources/read", {"uri": "fuseboard://plugins"})
        rows = json.loads(answer["contents"][0]["text"])["plugins"]
        return [row for row in rows if isinstance(row, dict) and are_objects(row.get("health") or [])]
    return None


class _Talk:
    """The client's end of the pipes."""

    def __init__(self, process: subprocess.Popen[bytes], trial: Trial, deadline: float) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._trial, self._deadline = process, trial, deadline
        self._in, self._out = process.stdin, process.stdout
        self._lines: queue.Queue[bytes] = queue.Queue(WAITING_LINES)
        self._stopped = threading.Event()
        self._reader = threading.Thread(target=self._read, name="fuseboard-doctor", daemon=True)
        self._reader.start()
        # A server that does not read blocks a long message to it, where no deadline is looked at.
        self._overdue = threading.Event()
        self._guard = threading.Timer(self.seconds_left() + 3 * STOP_SECONDS, self._cut_off)
        self._guard.daemon = True
        self._guard.start()
        self._number = 0
        self.asked = ""

    def _read(self) -> None:
        with suppress(OSError, ValueError):
            while not self._stopped.is_set() and (line := self._out.readline(LONGEST_LINE)):
                self._lines.put(line)
        if not self._stopped.is_set():
            self._lines.put(b"")

    def _cut_off(self) -> None:
        self._overdue.set()
        self._process.kill()

    def has_ended(self) -> bool:
        """Whether it ended by itself. What it has started may hold its output, so that its end is not seen there."""
        return self._process.poll() is not None and not self._overdue.is_set()

    def send(self, message: dict[str, Any]) -> None:
        """Send one message; a reader that has left is found out by its answer, which never comes."""
        with suppress(OSError):
            self._in.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
            self._in.flush()

    def seconds_left(self) -> float:
        """Until the deadline."""
        return max(0.0, self._deadline - monotonic())

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The result of a request.

        Raises:
            TimeoutError: it does not come in time.
            EOFError: the server has ended.
            _NoAnswer: it is an error, or no object.
        """
        self._number += 1
        self.asked = method
        self.send({"id": self._number, "method": method, "params": params})
        while True:
            message = self._next()
            if message.get("id") != self._number or not message.keys() & {"result", "error"}:
                continue
            if isinstance(result := message.get("result"), dict):
                return result
            error = message.get("error")
            said = error.get("message") if isinstance(error, dict) else error
            raise _NoAnswer(f"it refused {method}: {str(said)[:200]}" if error else f"its answer to {method} is none")

    def _next(self) -> dict[str, Any]:
        while True:
            # Asked before each line: one that prints without end would otherwise be read without end.
            if not (left := self.seconds_left()):
                raise TimeoutError
            try:
                line = self._lines.get(timeout=left)
            except queue.Empty:
                raise TimeoutError from None
            if not line:
                raise EOFError
            with suppress(ValueError, RecursionError):
                message = json.loads(line)
                if isinstance(message, dict) and message.get("jsonrpc") == "2.0":
                    return message
            if line.strip() and len(self._trial.noise) < KEPT_LINES:
                self._trial.noise.append(line[:800].decode("utf-8", "replace").strip()[:200])

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
        self._guard.cancel()
        self._stopped.set()
        # The reader may wait for a place in the queue.
        with suppress(queue.Empty):
            while True:
                self._lines.get_nowait()
        self._reader.join(STOP_SECONDS)
        if not self._reader.is_alive():
            # A grandchild that keeps the pipe open would hold the close up as well.
            self._out.close()


def _last_lines(log: IO[bytes]) -> list[str]:
    size = log.seek(0, os.SEEK_END)
    log.seek(max(0, size - KEPT_BYTES))
    lines = log.read().decode("utf-8", "replace").splitlines()
    return [line.rstrip()[:300] for line in lines if line.strip()][-KEPT_LINES:]
