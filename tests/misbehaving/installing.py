"""Installs the distributions of this folder into a folder of their own: no other test shall find them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
DISTRIBUTIONS = sorted(path.parent for path in FOLDER.glob("*/pyproject.toml"))


def installed(factory: pytest.TempPathFactory) -> Path:
    """The folder with all of them, for `PYTHONPATH`; installed once in a test run.

    Without the cache of builds: it does not notice that only a source file has changed.
    """
    site = factory.getbasetemp() / "misbehaving"
    if site.exists():
        return site
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-cache", "--no-deps"]
    options = ["--no-build-isolation", "--python", sys.executable, "--target", str(site)]
    subprocess.run([*uv, *options, *map(str, DISTRIBUTIONS)], check=True, timeout=300)
    return site
