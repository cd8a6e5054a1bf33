"""An embedded server's process, spoken to line by line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fuseboard_docker_mcp import embedded
from fuseboard_docker_mcp.config import DockerMcpSettings
from fuseboard_docker_mcp.models import Server
from tests.plugins.docker_mcp.processes import PATIENCE


def server(name: str) -> Server:
    """How the plugin describes the embedded server of this name."""
    settings = DockerMcpSettings.model_validate({"embedded": "always"})
    return next(server for server in embedded.servers(settings, "direct") if server.name == name)


class Raw:
    """A server's process, line by line."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._to, self._from = process.stdin, process.stdout

    def send(self, message: Any) -> None:
        """Send a message, or bytes as they are."""
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self._to.write(line + b"\n")
        self._to.flush()

    def answer(self) -> Any:
        line = self._from.readline()
        assert line, "the server is gone"
        return json.loads(line)

    def ask(self, number: Any, method: str, params: Any = None) -> Any:
        self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}})
        answer = self.answer()
        assert answer["id"] == number
        return answer.get("result", answer.get("error"))

    def initialize(self, version: str = "2025-11-25", **capabilities: Any) -> Any:
        params = {"protocolVersion": version, "capabilities": capabilities, "clientInfo": {"name": "t", "version": "1"}}
        result = self.ask("init", "initialize", params)
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return result


@contextmanager
def raw(name: str) -> Iterator[Raw]:
    """Start a server; at the end, close its input: it ends by itself and says nothing more."""
    entry = server(name).entry
    process = subprocess.Popen(
        [entry["command"], *entry["args"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        yield Raw(process)
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out, err) == (0, b"", b"")
    finally:
        process.kill()
        process.communicate()
