"""What a user gets who installs the wheels: in a fresh environment, and in isolated ones, as uv and pipx make them.

Everything but our own wheels comes from uv's cache, in the versions of the lock: `make install` has put it there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anyio
import mcp
import pytest
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.together.settling import settled

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
MEMBERS = {"fuseboard": "host", "cloudru": "plugins/cloudru", "docker_mcp": "plugins/docker_mcp", "oci": "plugins/oci"}
ALL = ["cloudru", "docker_mcp", "oci"]
LONGEST = 600  # seconds
pytestmark = pytest.mark.slow


def run(*command: str | Path, folder: Path, **more: str) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, "UV_PYTHON_DOWNLOADS": "never", **more},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def uv(*arguments: str | Path, folder: Path, **more: str) -> str:
    """Run uv without the network."""
    return run(sys.executable, "-m", "uv", "--offline", "--quiet", *arguments, folder=folder, **more)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A wheel of each distribution, built now."""
    found = {}
    for name, member in MEMBERS.items():
        folder = tmp_path_factory.mktemp(name)
        uv("build", "--wheel", "--no-build-isolation", "--out-dir", folder, ROOT / member, folder=ROOT)
        [found[name]] = folder.glob("*.whl")
    return found


def environment(folder: Path, wheels: Iterable[Path]) -> Path:
    """Make a fresh virtual environment with these wheels and what they ask for; return its programs."""
    uv("venv", "--python", sys.executable, folder / "fresh", folder=folder)
    programs = folder / "fresh" / "bin"
    uv("pip", "install", "--python", programs / "python", "--constraints", LOCK, *wheels, folder=folder)
    return programs


def ours(programs: Path) -> list[str]:
    """Which of our distributions an environment has."""
    listed = uv("pip", "list", "--python", programs / "python", "--format", "json", folder=programs)
    return sorted(row["name"] for row in json.loads(listed) if row["name"].startswith("fuseboard"))


def plugins(*command: str | Path, folder: Path) -> list[str]:
    """The plugins that `fuseboard plugins` finds, all come up as far as they can without settings."""
    rows: list[dict[str, Any]] = json.loads(run(*command, "plugins", "--json", folder=folder))["plugins"]
    states = {row["name"]: row["state"] for row in rows}
    assert states == {name: "degraded" if name == "cloudru" else "active" for name in states}
    return sorted(states)


async def served(command: str | Path, *arguments: str, folder: Path) -> set[str]:
    """The plugins whose tools a client is served over stdio."""
    server = StdioServerParameters(command=str(command), args=list(arguments), cwd=str(folder))
    with anyio.fail_after(LONGEST):
        async with mcp.Client(stdio_client(server), cache=None) as client:
            await settled(client)
            tools = [tool.name for tool in (await client.list_tools()).tools]
    return {next((plugin for plugin in ALL if name.startswith(plugin)), "fuseboard") for name in tools}


@pytest.mark.anyio
@pytest.mark.parametrize("chosen", [[], ["oci"], ALL], ids=["none", "oci", "all"])
async def test_the_host_runs_with_exactly_the_plugins_that_were_installed(
    chosen: list[str], wheels: dict[str, Path], tmp_path: Path
) -> None:
    programs = environment(tmp_path, [wheels[name] for name in ("fuseboard", *chosen)])
    assert ours(programs) == sorted(["fuseboard", *(f"fuseboard-{name.replace('_', '-')}" for name in chosen)])
    assert plugins(programs / "fuseboard", folder=tmp_path) == chosen
    assert await served(programs / "fuseboard", folder=tmp_path) == {"fuseboard", *chosen}


@pytest.mark.anyio
async def test_after_the_uninstall_of_a_plugin_the_others_are_served(wheels: dict[str, Path], tmp_path: Path) -> None:
    programs = environment(tmp_path, wheels.values())
    uv("pip", "uninstall", "--python", programs / "python", "fuseboard-oci", folder=tmp_path)
    assert plugins(programs / "fuseboard", folder=tmp_path) == ["cloudru", "docker_mcp"]
    assert await served(programs / "fuseboard", folder=tmp_path) == {"fuseboard", "cloudru", "docker_mcp"}


@pytest.mark.anyio
async def test_an_isolated_tool_has_the_plugins_that_were_installed_with_it(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    own = {"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    install = ["tool", "install", "--python", sys.executable, "--constraints", str(LOCK)]
    uv(*install, wheels["fuseboard"], "--with", wheels["oci"], folder=tmp_path, **own)
    assert plugins(tmp_path / "bin" / "fuseboard", folder=tmp_path) == ["oci"]
    assert await served(tmp_path / "bin" / "fuseboard", folder=tmp_path) == {"fuseboard", "oci"}


@pytest.mark.anyio
async def test_a_tool_that_is_only_run_and_never_installed_has_its_plugins_as_well(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    isolated = ["-m", "uv", "--offline", "--quiet", "tool", "run", "--python", sys.executable, "--constraints", LOCK]
    command = [*isolated, "--from", wheels["fuseboard"], "--with", wheels["oci"], "--with", wheels["docker_mcp"]]
    arguments = [*map(str, command), "fuseboard"]
    assert plugins(sys.executable, *arguments, folder=tmp_path) == ["docker_mcp", "oci"]
    assert await served(sys.executable, *arguments, folder=tmp_path) == {"fuseboard", "docker_mcp", "oci"}
