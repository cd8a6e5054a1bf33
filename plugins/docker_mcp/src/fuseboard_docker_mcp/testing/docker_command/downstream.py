"""A gateway's side of one container: its `docker run`, requests and answers by number, what comes unasked."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Callable
from typing import Any

from .gateway_files import Wanted
from .state import JsonObject

OFFERED = "2025-06-18"
DEAD = 'connection closed: calling "tools/call": client is closing: EOF'
HELLO: JsonObject = {
    "protocolVersion": OFFERED,
    "capabilities": {"roots": {"listChanged": True}, "elicitation": {}},
    "clientInfo": {"name": "docker-mcp-gateway", "version": "2.0.1"},
}


class Ended(Exception):
    """The container is gone; the text says what was being called."""


class Downstream:
    """One container that runs.

    Args:
        wanted: the server.
        unasked: gets every request and notification of the container.
        verbose: whether its standard error is shown.
    """

    def __init__(self, wanted: Wanted, unasked: Callable[[Downstream, JsonObject], None], *, verbose: bool) -> None:
        self.wanted = wanted
        self._unasked = unasked
        self._answers: dict[int, queue.SimpleQueue[JsonObject | None]] = {}
        self._number = 0
        self._lock = threading.Lock()
        self.dead = False
        path = os.environ.get("PATH", os.defpath)
        self._process = subprocess.Popen(
            [shutil.which("docker", path=path) or "docker", *wanted.docker_arguments()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if verbose else subprocess.DEVNULL,
            env={"PATH": path, **wanted.variables},
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with contextlib.suppress(ValueError):
                message = json.loads(line)
                if isinstance(message, dict) and "method" in message:
                    self._unasked(self, message)
                elif isinstance(message, dict) and message.get("id") in self._answers:
                    self._answers[message["id"]].put(message)
        with self._lock:
            self.dead = True
            waiting = list(self._answers.values())
        for one in waiting:
            one.put(None)

    def send(self, message: JsonObject) -> None:
        """Write one message; nothing happens when the container is gone."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError), self._lock:
            self._process.stdin.write(json.dumps({"jsonrpc": "2.0"} | message).encode() + b"\n")
            self._process.stdin.flush()

    def begin(self) -> int:
        """The number of a request that is going to be sent."""
        with self._lock:
            self._number += 1
            self._answers[self._number] = queue.SimpleQueue()
            if self.dead:
                self._answers[self._number].put(None)
            return self._number

    def request(self, method: str, params: JsonObject, number: int | None = None) -> JsonObject:
        """Send a request and wait for the whole answer, result or error.

        Raises:
            Ended: when the container ends before it answered.
        """
        number = self.begin() if number is None else number
        self.send({"id": number, "method": method, "params": params})
        answer = self._answers[number].get()
        del self._answers[number]
        if answer is None:
            raise Ended(method)
        return answer

    def abandon(self, number: int) -> None:
        """Let the request of this number end without an answer: a server owes none to a cancelled one."""
        if (waiting := self._answers.get(number)) is not None:
            self.send(
                {"method": "notifications/cancelled", "params": {"requestId": number, "reason": "context canceled"}}
            )
            waiting.put({})

    def open(self) -> JsonObject:
        """Shake hands; returns the answer to `initialize`.

        Raises:
            Ended: when the container ends instead.
        """
        answer = self.request("initialize", HELLO)
        self.send({"method": "notifications/initialized"})
        return dict(answer.get("result") or {})

    def listed(self, kind: str) -> list[Any]:
        """The first page of `tools` or `prompts`; empty where the server has none."""
        result = self.request(f"{kind}/list", {}).get("result") or {}
        return list(result.get(kind) or [])

    def close(self) -> None:
        """End the container's input, and do not wait for what it makes of it."""
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        threading.Thread(target=self._process.wait, daemon=True).start()
