"""The SDK that most clients are built with, in both generations, on every transport and in both eras."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.conformance.hosting import COMMAND, HttpHost
from tests.conformance.node import CLIENTS, node

pytestmark = pytest.mark.external

CLIENT_SECONDS = 300
INVALID_PARAMS = -32602


def run_client(script: str, how: dict[str, Any]) -> dict[str, Any]:
    """Run one of the scripts in `clients/` and return what it printed."""
    command = [node(), str(CLIENTS / script), json.dumps(how)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=CLIENT_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def check_what_it_saw(seen: dict[str, Any]) -> None:
    """Whatever the SDK, transport and era: the same answers."""
    assert seen["server"] == "fuseboard"
    assert {"echo", "fuseboard_status"} <= set(seen["tools"])
    assert "test_simple_prompt" in seen["prompts"]
    assert {"test://static-text", "fuseboard://plugins"} <= set(seen["resources"])
    assert seen["echo"] == "fusefuse"
    assert json.loads(seen["read"])["id"] == "7"
    assert seen["prompt"] == "This is a simple prompt for testing."
    assert seen["failure"] == {"isError": True, "text": "This tool intentionally returns an error for testing"}
    assert seen["wrongArguments"]["isError"]
    assert "text" in seen["wrongArguments"]["text"]
    assert seen["unknownTool"] == INVALID_PARAMS
    assert seen["progress"] == {"reports": [[1, 2, "waiting"]], "end": "the signal came"}
    assert json.loads(seen["elicited"].removeprefix("User response: accept "))["username"] == "ada"
    assert seen["cancelled"] == {"outcome": "aborted", "seenByTheTool": "true"}
    assert seen["change"]
    assert seen["change"]["listed"] == seen["change"]["there"]
    assert seen["update"] == "test://watched-resource"


@pytest.mark.parametrize(("mode", "revision"), [(None, "2025-11-25"), ("auto", "2026-07-28")])
@pytest.mark.parametrize("transport", ["http", "sse", "stdio"])
def test_the_second_typescript_sdk_is_served_in_both_eras(
    transport: str, mode: str | None, revision: str, host: HttpHost, host_environment: dict[str, str]
) -> None:
    """By default it still opens the older era; `auto` asks for the newer one first."""
    targets: dict[str, dict[str, Any]] = {
        "http": {"url": host.url("/mcp")},
        "sse": {"url": host.url("/sse")},
        "stdio": {"command": COMMAND, "env": host_environment},
    }
    seen = run_client("v2.mjs", {"transport": transport, "mode": mode, **targets[transport]})
    assert seen["revision"] == revision
    check_what_it_saw(seen)


@pytest.mark.parametrize(("transport", "path"), [("http", "/mcp"), ("sse", "/sse")])
def test_the_first_typescript_sdk_is_served(transport: str, path: str, host: HttpHost) -> None:
    seen = run_client("v1.mjs", {"transport": transport, "url": host.url(path)})
    assert seen["revision"] == "2025-11-25"
    check_what_it_saw(seen)
