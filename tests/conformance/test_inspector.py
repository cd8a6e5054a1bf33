"""The Inspector's command line, as people and their CI use it, on every transport and in both eras."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.hosting import COMMAND, HttpHost
from tests.conformance.node import node, package

pytestmark = pytest.mark.external

TOOL_SAID_ERROR = 5

Inspect = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(params=["stdio", "http", "sse"])
def inspect(request: pytest.FixtureRequest, host: HttpHost, host_environment: dict[str, str], home: Path) -> Inspect:
    """`inspect(era, *options)` runs the Inspector once against the host on one transport."""
    program = package("@modelcontextprotocol/inspector") / "clients" / "launcher" / "build" / "index.js"
    targets = {
        "stdio": ["--transport", "stdio", *_variables(host_environment), *COMMAND],
        "http": ["--transport", "http", "--server-url", host.url("/mcp")],
        "sse": ["--transport", "sse", "--server-url", host.url("/sse")],
    }
    target = targets[request.param]

    def run(era: str, *options: str) -> subprocess.CompletedProcess[str]:
        how = ["--protocol-era", era, "--format", "json", "--connect-timeout", "90000"]
        command = [node(), str(program), "--cli", *target, *how, *options]
        env = host_environment | {"HOME": str(home)}
        return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False, env=env, cwd=home)

    return run


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_lists_the_tools_finds_their_schemas_portable_and_calls_one(inspect: Inspect, era: str) -> None:
    """`--strict` fails on schemas that known clients refuse."""
    listed = answer(inspect(era, "--method", "tools/list", "--strict"))
    assert {"echo", "fuseboard_status"} <= {tool["name"] for tool in listed["tools"]}

    called = answer(inspect(era, "--method", "tools/call", "--tool-name", "echo", "--tool-arg", "text=fuse"))
    assert called["content"] == [{"type": "text", "text": "fuse"}]


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_sees_a_tool_error_as_a_tool_error(inspect: Inspect, era: str) -> None:
    """Not as a broken call: it has an exit status of its own for what a tool says about itself."""
    done = inspect(era, "--method", "tools/call", "--tool-name", "test_error_handling")
    assert done.returncode == TOOL_SAID_ERROR, done.stderr
    assert "intentionally returns an error" in done.stdout + done.stderr


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    printed: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return printed["result"]


def _variables(env: dict[str, str]) -> list[str]:
    ours = {name: value for name, value in env.items() if name.startswith("FUSEBOARD_") or name == "PYTHONPATH"}
    return [option for name, value in ours.items() for option in ("-e", f"{name}={value}")]
