"""The distributions as a user gets them: the command line, with the plugins that are installed beside the host.

tox runs this with the host's wheel alone and with each plugin's wheel, and says which in `PLUGINS_INSTALLED`; without
that, everything of the workspace is installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import distribution, entry_points
from pathlib import Path
from typing import Any

import anyio
import mcp
import pytest
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.together.settling import settled

PLUGINS = os.environ.get("PLUGINS_INSTALLED", "cloudru docker_mcp oci").split()
LONGEST_RUN = 300  # seconds
# What cannot work without settings comes up and says what is missing.
UNCONFIGURED = {"cloudru": "CLOUD_RU_KEY_ID and CLOUD_RU_SECRET and CLOUD_RU_PROJECT_ID are not set"}


def fuseboard(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in an empty folder, without any setting."""
    command = [sys.executable, "-m", "fuseboard", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", timeout=LONGEST_RUN, check=False)


def answer(*arguments: str, folder: Path) -> Any:
    """What a command prints as JSON."""
    done = fuseboard(*arguments, "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def belongs_to(name: str, owners: Sequence[str]) -> bool:
    """Whether a public name begins with one of these prefixes."""
    return name.startswith(tuple(f"{owner}_" for owner in owners))


def test_exactly_the_plugins_that_are_installed_are_found_and_come_up(tmp_path: Path) -> None:
    rows = {row["name"]: row for row in answer("plugins", folder=tmp_path)["plugins"]}
    assert sorted(rows) == sorted(PLUGINS)
    for name, row in rows.items():
        missing = UNCONFIGURED.get(name, "")
        assert row["state"] == ("degraded" if missing else "active"), row
        assert missing in row["reason"]


def test_every_tool_carries_the_name_of_its_plugin_and_the_host_adds_one(tmp_path: Path) -> None:
    names = [tool["name"] for tool in answer("tools", folder=tmp_path)]
    assert "fuseboard_status" in names
    assert [name for name in names if not belongs_to(name, ["fuseboard", *PLUGINS])] == []


def test_check_complains_about_nothing_but_missing_settings(tmp_path: Path) -> None:
    done = fuseboard("check", folder=tmp_path)
    errors = [line for line in done.stdout.splitlines() if line.startswith("error:")]
    assert [line for line in errors if not any(missing in line for missing in UNCONFIGURED.values())] == []
    assert done.returncode == (1 if errors else 0), done.stdout + done.stderr
    assert bool(errors) is bool(UNCONFIGURED.keys() & set(PLUGINS))


@pytest.mark.parametrize("name", ["fuseboard", *PLUGINS])
def test_every_plugin_is_graded_without_a_finding_and_its_tools_without_arguments_are_called(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    # docker_mcp without Docker, and with a state of its own.
    for setting, value in {"DOCKER": "no-such-program", "SECRET_STORE": "file", "STATE_FOLDER": str(tmp_path)}.items():
        monkeypatch.setenv(f"FUSEBOARD_DOCKER_MCP_{setting}", value)
    done = fuseboard("validate", name, "--strict", "--call", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    [plugin] = json.loads(done.stdout)["plugins"]
    assert (plugin["name"], plugin["findings"]) == (name, [])
    assert plugin["called"] != [] or name == "hello"


@pytest.mark.anyio
async def test_without_an_argument_it_speaks_mcp_on_its_standard_streams(tmp_path: Path) -> None:
    server = StdioServerParameters(command=sys.executable, args=["-m", "fuseboard"], cwd=tmp_path)
    with anyio.fail_after(LONGEST_RUN):
        async with mcp.Client(stdio_client(server), cache=None) as client:
            await settled(client)
            names = [tool.name for tool in (await client.list_tools()).tools]
            status = await client.call_tool("fuseboard_status", {})
    assert names == [tool["name"] for tool in answer("tools", folder=tmp_path)]
    assert not status.is_error


@pytest.mark.parametrize("name", ["fuseboard", *(f"fuseboard-{plugin.replace('_', '-')}" for plugin in PLUGINS)])
def test_a_distribution_brings_its_types_its_licence_and_one_line_about_itself(name: str) -> None:
    installed = distribution(name)
    assert installed.metadata["Summary"]
    assert installed.metadata["License-Expression"] == "Apache-2.0"
    assert [file for file in installed.files or [] if "licenses/LICENSE" in str(file)] != []


def test_the_plugins_are_the_entry_points_that_are_installed() -> None:
    """Guards the other tests: the environment holds what tox says."""
    assert sorted(entry.name for entry in entry_points(group="fuseboard.plugins")) == sorted(PLUGINS)
