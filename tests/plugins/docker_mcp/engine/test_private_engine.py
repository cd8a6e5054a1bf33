"""The engine of these tests itself: it runs a server in a container, and leaves nothing behind, whatever runs in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.debian import Unpacked
from tests.plugins.docker_mcp.engine.image import IMAGE, import_options
from tests.plugins.docker_mcp.engine.private_engine import PrivateEngine

pytestmark = [pytest.mark.external, pytest.mark.slow]


def test_a_server_in_a_container_answers_on_the_standard_streams_of_docker_run(engine: PrivateEngine) -> None:
    client = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client}

    answer = engine.docker("run", "--rm", "-i", "--init", IMAGE, "--name", "boxed", stdin=json.dumps(message).encode())

    assert json.loads(answer)["result"]["serverInfo"]["name"] == "boxed"
    assert engine.containers() == []


def test_an_engine_that_is_left_takes_its_processes_files_and_mounts_with_it(
    engine_programs: Unpacked, engine: PrivateEngine, toy_image: bytes
) -> None:
    # Where an engine keeps things outside its own folder.
    elsewhere = [Path(name) for name in ("/run/docker", "/run/containerd", "/opt/containerd", "/etc/docker")]
    before = [folder.exists() for folder in elsewhere]
    mounts = Path("/proc/self/mounts").read_text()

    with PrivateEngine(engine_programs) as other:
        other.start()
        other.docker("import", *import_options(), "-", IMAGE, stdin=toy_image)
        other.docker("run", "--detach", "-i", "--init", IMAGE, "--ignore-eof", "--ignore-term", "--spawn-child")
        deadline = time.monotonic() + 60
        while "python" not in (running := " ".join(other.processes())):
            assert time.monotonic() < deadline, running
        folder = other.folder

    assert "dockerd" in running
    assert not folder.exists()
    assert other.processes() == []
    assert [folder.exists() for folder in elsewhere] == before
    assert Path("/proc/self/mounts").read_text() == mounts


def test_where_no_engine_can_run_the_tests_are_skipped_and_the_summary_says_why(engine_programs: Unpacked) -> None:
    test = f"{__file__}::test_a_server_in_a_container_answers_on_the_standard_streams_of_docker_run"
    powerless = ["setpriv", "--bounding-set", "-sys_admin"]
    quick = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

    done = subprocess.run(
        [*powerless, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test],
        env={**os.environ, **quick, "FUSEBOARD_TEST_CACHE": str(engine_programs.folder.parent)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "SKIPPED" in done.stdout
    assert "NOT TESTED with a real Docker engine: none runs on this machine" in done.stdout
    assert "Operation not permitted" in done.stdout
