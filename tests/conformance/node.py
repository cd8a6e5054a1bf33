"""Node.js, and the npm packages of this folder beside it."""

from __future__ import annotations

from pathlib import Path

from tests import npm

HERE = Path(__file__).parent
CLIENTS = HERE / "clients"


def node() -> str:
    """The path of the node binary; installs the packages first if the lock file is not the installed one.

    Raises:
        RuntimeError: npm failed; the text is what it said.
    """
    npm.modules(HERE)
    return str(npm.NODE)


def package(name: str) -> Path:
    """The folder of an installed npm package."""
    return npm.modules(HERE) / name
