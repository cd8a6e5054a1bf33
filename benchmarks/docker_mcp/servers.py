"""The servers that are asked, and the settings with which the plugin knows them."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

from candidates import HERE, RUN_FOLDER
from mcp.client.stdio import StdioServerParameters

from fuseboard_docker_mcp.testing import TOY_SERVER

TEXT = "a sentence of ordinary length, which the tool gives back as it came"
POOL = 20


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of server.

    Attributes:
        title: in the tables.
        arguments: of Python.
        environment: what it needs beside PATH and HOME.
        echo: the name of its tool that gives a text back.
    """

    title: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    echo: str

    def settings(self) -> dict[str, Any]:
        """Its part of the plugin's section `servers`."""
        return {"command": sys.executable, "args": list(self.arguments), "env": self.environment}

    def parameters(self) -> StdioServerParameters:
        """The same for a direct session."""
        return StdioServerParameters(command=sys.executable, args=list(self.arguments), env=self.environment)


def _toy(title: str, *options: str) -> Kind:
    return Kind(title, ("-I", "-S", str(TOY_SERVER), *options), {}, "echo")


TOY = _toy("toy server, ready after 30 ms of Python")
SLOW_TOY = _toy("toy server that waits 0.3 s first", "--start-delay", "0.3")
SDK = Kind(
    "server with the Python SDK",
    (str(HERE / "servers" / "sdk_server.py"), "stdio"),
    {"BENCH_TOOLS": "3", "PYTHONPATH": str(HERE / "plugins")},
    "bench_a_echo",
)


def section(servers: dict[str, Kind]) -> dict[str, Any]:
    """The section `plugins.docker_mcp`: these servers, and nothing of this machine's Docker."""
    return {
        "servers": {name: kind.settings() for name, kind in servers.items()},
        "proxy": {"connection_pool_size": POOL, "connection_timeout": 60},
        "way": "direct",
        "embedded": "never",
        "secret_store": "file",
        "state_folder": str(RUN_FOLDER / "docker_mcp_state"),
    }


def environment() -> dict[str, str]:
    """What a host of its own process gets."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {"FUSEBOARD_CONFIG": str(RUN_FOLDER / "docker_mcp.yaml"), "FUSEBOARD_LOAD_PLUGINS": "docker_mcp"}
