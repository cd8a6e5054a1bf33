"""Hosts with the plugin, which reach servers through a real engine, and what such a catalogue looks like."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from fuseboard.testing import PluginHost
from tests.plugins.docker_mcp.engine.image import IMAGE
from tests.plugins.docker_mcp.engine.private_engine import CannotRun, PrivateEngine
from tests.plugins.docker_mcp.hosted import hosted

PATIENCE = 60.0  # seconds; what would stay, stays for ten minutes
STUBBORN = ("--ignore-eof", "--ignore-term", "--spawn-child")


def boxed(*options: str, **more: Any) -> dict[str, Any]:
    """The entry of a catalogue for the toy server in a container.

    Args:
        options: of the toy server.
        more: anything else of the entry.
    """
    return {"type": "server", "image": IMAGE, "title": "Boxed", "command": list(options), **more}


def section(engine: PrivateEngine, folder: Path, entries: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The section `plugins.docker_mcp`, with a catalogue file of these entries, by name."""
    catalogue = folder / "catalogue.json"
    catalogue.write_text(json.dumps({"registry": dict(entries)}))
    docker = {"catalog_files": [str(catalogue)], "cpus": 0.5, "memory": "256m", **more.pop("docker_mcp", {})}
    quick = {"reconnect_delay": 0.05, **more.pop("proxy", {})}
    return {"way": "engine", "docker": engine.command, "docker_mcp": docker, "proxy": quick, **more}


@asynccontextmanager
async def boxes(
    engine: PrivateEngine,
    folder: Path,
    entries: Mapping[str, Any],
    *,
    mode: str = "auto",
    servers: Mapping[str, Any] | None = None,
    client: Mapping[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[PluginHost]:
    """A host with the plugin on the way `engine`, which finds the engine by DOCKER_HOST; it leaves no container.

    Args:
        engine: that runs.
        folder: of what the plugin keeps, and the home of its user.
        entries: of the catalogue, by name.
        mode: the protocol era of the client.
        servers: of the settings, without a container; none by default.
        client: options of the client, such as `elicitation_callback`.
        settings: more of the plugin's section, see `section`.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DOCKER_HOST", engine.socket)
        environment.setenv("HOME", str(folder))
        chosen = section(engine, folder, entries, **settings)
        async with hosted(folder / "state", servers or {}, mode, chosen, **(client or {})) as host:
            yield host
    await emptied(engine)


def command_lines() -> str:
    """What every user of this machine can read of its processes: their arguments, one process a line."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return "\n".join(found)


async def emptied(engine: PrivateEngine) -> None:
    """Return once the engine has no container, running or not, and no command line waits for one.

    Raises:
        AssertionError: there still is one.
    """
    with anyio.move_on_after(PATIENCE):
        while engine.containers() or engine.clients():
            await anyio.sleep(0.02)
        return
    left, clients = engine.containers(), engine.clients()
    # The next test is not to blame for what this one leaves.
    with contextlib.suppress(CannotRun):
        engine.docker("rm", "--force", *(container.split()[0] for container in left))
    raise AssertionError(f"left after {PATIENCE:g} s: {left}, command lines {clients}")
