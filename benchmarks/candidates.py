"""The four servers that are compared, and the environment that each needs."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent / ".cache" / "bench"
# Not the checkout: fuseboard reads a .env and a fuseboard.yaml of its working directory.
RUN_FOLDER = CACHE / "run"
FASTMCP_FOLDER = CACHE / "fastmcp"
LOCK = HERE / "requirements.lock"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to serve the tools.

    Attributes:
        key: its letter in the tables.
        title: what it is.
        http: the command that serves `/mcp` on a loopback port.
        stdio: the command that serves standard input and output; None if it cannot.
    """

    key: str
    title: str
    http: Callable[[int], list[str]]
    stdio: list[str] | None

    def environment(self, tools: int) -> dict[str, str]:
        """The environment of its process, with nothing else in it than it needs."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return kept | {
            "BENCH_TOOLS": str(tools),
            "PYTHONPATH": str(HERE / "plugins"),
            "FUSEBOARD_LOAD_PLUGINS": "bench_a,bench_b,bench_c",
        }


def _script(key: str, title: str, python: str, name: str, *, stdio: bool = True) -> Candidate:
    command = [python, str(HERE / "servers" / name)]
    return Candidate(key, title, lambda port: [*command, "http", str(port)], [*command, "stdio"] if stdio else None)


def _fuseboard() -> Candidate:
    command = [sys.executable, "-m", "fuseboard"]
    return Candidate("d", "fuseboard, 3 plugins", lambda port: [*command, "http", "--port", str(port)], command)


def all_candidates() -> list[Candidate]:
    """The four, in the order of the tables."""
    return [
        _script("a", "bare Starlette echo", sys.executable, "starlette_echo.py", stdio=False),
        _script("b", "SDK low-level server", sys.executable, "sdk_server.py"),
        _script("c", "FastMCP, 3 mounted", str(fastmcp_tool("python")), "fastmcp_server.py"),
        _fuseboard(),
    ]


def fastmcp_tool(name: str) -> Path:
    """A program of FastMCP's own environment."""
    return FASTMCP_FOLDER / "bin" / name


def prepare() -> None:
    """Make the folders, and FastMCP's environment from the lock unless it is there.

    Raises:
        CalledProcessError: the packages could not be installed.
    """
    RUN_FOLDER.mkdir(parents=True, exist_ok=True)
    install("FastMCP", FASTMCP_FOLDER, LOCK)


def install(what: str, folder: Path, lock: Path) -> None:
    """Make an environment of its own for `what`, from a lock with hashes, unless it is there.

    Raises:
        CalledProcessError: the packages could not be installed.
    """
    stamp = folder / "installed"
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"installing {what} into {folder} ...", file=sys.stderr, flush=True)
    venv.create(folder, clear=True, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", str(lock)], check=True)
    stamp.write_text(wanted)
