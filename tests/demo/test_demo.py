"""`make demo` and `make tour`, as somebody without an account runs them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import mcp
import pytest
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.ports import free_port
from tests.together.settling import settled

ROOT = Path(__file__).resolve().parents[2]
DEMO = [sys.executable, str(ROOT / "examples" / "demo")]
LONGEST = 600  # seconds
LONGEST_END = 60  # seconds
pytestmark = pytest.mark.slow


@contextmanager
def demo(*arguments: str, command: Sequence[str] = (*DEMO, "serve")) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The demo while it serves, in a session of its own, and all that it says before it waits."""
    process = subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    watchdog = threading.Timer(LONGEST, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        said = ""
        while "Ctrl-C ends the demo" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        yield process, said
    finally:
        watchdog.cancel()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=LONGEST)


def pasted(said: str) -> list[dict[str, Any]]:
    """The entries for clients, in their order."""
    found = re.findall(r"^\{\n.*?^\}$", said, re.MULTILINE | re.DOTALL)
    return [json.loads(text)["mcpServers"]["fuseboard-demo"] for text in found]


@pytest.mark.anyio
async def test_what_the_demo_prints_works_when_it_is_pasted(tmp_path: Path) -> None:
    with anyio.fail_after(LONGEST), demo("--port", str(free_port())) as (_, said):
        by_address, by_command = pasted(said)
        async with mcp.Client(by_address["url"], cache=None) as client:
            await settled(client)
            over_http = {tool.name for tool in (await client.list_tools()).tools}
            status = await client.call_tool("fuseboard_status", {})
        calls = re.findall(r"^    (/.* call .*)$", said, re.MULTILINE)
        for call in calls:
            done = subprocess.run(
                shlex.split(call), cwd=tmp_path, capture_output=True, text=True, timeout=LONGEST, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
        server = StdioServerParameters(command=by_command["command"], args=by_command["args"], cwd=str(tmp_path))
        async with mcp.Client(stdio_client(server), cache=None) as client:
            await settled(client)
            over_stdio = {tool.name for tool in (await client.list_tools()).tools}
    assert len(calls) == 3
    assert [line for line in str(status.content).split("\\n") if "active" not in line] == []
    assert {"cloudru_create_registry", "docker_mcp_start_servers", "oci_get_details"} <= over_http
    assert over_stdio == over_http


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_demo_ends_cleanly_and_leaves_nothing(number: signal.Signals) -> None:
    with demo("--port", str(free_port())) as (process, said):
        [config] = set(re.findall(r"--config (\S+)", said))
        assert processes_with(config) != []
        os.killpg(process.pid, number)
        _, errors = process.communicate(timeout=LONGEST)
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert "nothing is left of it" in errors
    assert not Path(config).parent.exists()
    assert processes_with(config) == []


def test_a_demo_that_is_killed_takes_its_host_along() -> None:
    with demo("--port", str(free_port())) as (process, said):
        [config] = set(re.findall(r"--config (\S+)", said))
        process.kill()
        process.wait(LONGEST)
        left = still_there(config)
    shutil.rmtree(Path(config).parent)  # nobody was left to do it
    assert left == []


def processes_with(config: str) -> list[str]:
    """The processes that were started with these settings."""
    wanted = f"FUSEBOARD_CONFIG={config}".encode()
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # it has ended, or is somebody else's
            if wanted in environment.read_bytes().split(b"\0"):
                found.append(environment.parent.name)
    return found


def still_there(config: str) -> list[str]:
    """Those of them that do not end; the last ones may need a moment."""
    until = time.monotonic() + LONGEST_END
    while processes_with(config) and time.monotonic() < until:
        time.sleep(0.05)
    return processes_with(config)


def test_ctrl_c_ends_make_demo_with_everything_that_it_started() -> None:
    # The environment of the tests is there; make shall not look for a newer one.
    ready = [part for stamp in (".uv", ".runtime") for part in ("-o", f".venv/{stamp}")]
    command = [
        "make",
        "--no-print-directory",
        "-C",
        str(ROOT),
        *ready,
        f"PY={sys.executable}",
        "demo",
        f"PORT={free_port()}",
    ]
    with demo(command=command) as (process, said):
        [config] = set(re.findall(r"--config (\S+)", said))
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=LONGEST)
    assert "nothing is left of it" in errors
    assert not Path(config).parent.exists()
    assert processes_with(config) == []


def test_a_taken_port_is_no_end_of_the_demo() -> None:
    with demo("--port", str(free_port())) as (_, first):
        port = urlsplit(pasted(first)[0]["url"]).port
        with demo("--port", str(port)) as (_, second):
            assert f"Port {port} is taken" in second
            assert urlsplit(pasted(second)[0]["url"]).port != port


def test_the_tour_calls_every_tool_once_whatever_the_environment_says() -> None:
    strange = {"CLOUD_RU_SECRET": "very secret", "FUSEBOARD_LOAD_PLUGINS": "", "FUSEBOARD_HTTP__PORT": "no port"}
    done = subprocess.run(
        [*DEMO, "tour"], env={**os.environ, **strange}, capture_output=True, text=True, timeout=LONGEST, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = re.findall(r"^  (\w+) +\d+ ms  \S", done.stdout, re.MULTILINE)
    assert len(lines) == len(set(lines)) > 40
    assert f"{len(lines)} calls, 0 failed" in done.stdout
    assert "the user is asked: Delete the private DOCKER registry 'tour-images'" in done.stdout
    assert "very secret" not in done.stdout + done.stderr


def test_a_step_that_fails_and_a_tool_that_nobody_calls_are_told_and_the_exit_code_is_1(tmp_path: Path) -> None:
    copy = shutil.copytree(DEMO[1], tmp_path / "demo", ignore=shutil.ignore_patterns("__pycache__"))
    steps = (copy / "steps.py").read_text(encoding="utf-8")
    broken = steps.replace('"reference_a": "1.0.0"', '"reference_a": "0.0.0"').replace(
        "DOCKER_MCP, STARTED, END)", "END)"
    )
    (copy / "steps.py").write_text(broken, encoding="utf-8")
    done = subprocess.run([DEMO[0], str(copy), "tour"], capture_output=True, text=True, timeout=LONGEST, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "  FAILED oci_compare_images: MANIFEST_UNKNOWN" in done.stdout
    assert re.search(r"^  no step calls docker_mcp_call_tool, ", done.stdout, re.MULTILINE)
    assert "cloudru_delete_registry" in done.stdout  # the steps after a failure are made all the same
