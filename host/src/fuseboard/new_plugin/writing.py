"""Fills the templates and writes them, all or nothing, into a folder that has nothing of its own."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from fuseboard.errors import FuseboardError

LICENSES = {"Apache-2.0": "Apache-2.0", "MIT": "MIT", "none": "LicenseRef-Proprietary"}
"""What can be chosen, and how pyproject.toml says it."""

FILES: Mapping[str, str] = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "LICENSE": "LICENSE-{{chosen}}",
    "Makefile": "Makefile",
    "tox.ini": "tox.ini",
    ".gitignore": "gitignore",
    ".github/workflows/ci.yml": "ci.yml",
    "src/{{package}}/__init__.py": "init.py",
    "src/{{package}}/config.py": "config.py",
    "src/{{package}}/client.py": "client.py",
    "src/{{package}}/tools.py": "tools.py",
    "src/{{package}}/health.py": "health.py",
    "src/{{package}}/py.typed": "",
    "tests/conftest.py": "conftest.py",
    "tests/test_{{plugin}}.py": "test_plugin.py",
}
"""What is written, and the template that it is made of; "" for an empty file."""

BLANK = re.compile(r"\{\{(\w+)\}\}")
HARMLESS = frozenset({".git"})
"""What the folder may hold already: a repository in which nothing has been kept yet."""


class CannotWrite(FuseboardError):
    """The distribution was not written; nothing of it was left behind."""


def distribution(words: Mapping[str, str]) -> dict[str, str]:
    """Every file of the new distribution: its path and its text.

    Args:
        words: for each blank of the templates.
    """
    templates = files("fuseboard.new_plugin") / "templates"
    texts = {}
    for path, template in FILES.items():
        text = (templates / f"{_filled(template, words)}.tmpl").read_text(encoding="utf-8") if template else ""
        texts[_filled(path, words)] = _filled(text, words)
    return texts


def _filled(text: str, words: Mapping[str, str]) -> str:
    return BLANK.sub(lambda blank: words[blank[1]], text)


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write files into a folder, which is made if it is missing.

    Raises:
        CannotWrite: the folder has something in it, or the system refuses.
    """
    made: list[Path] = []
    try:
        _check_empty(folder)
        for name, text in texts.items():
            target = folder / name
            made += _make_folders(target.parent)
            with target.open("x", encoding="utf-8", newline="\n") as file:
                made.append(target)
                file.write(text)
    except OSError as error:
        for path in reversed(made):
            with contextlib.suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        what = os.strerror(error.errno) if error.errno else type(error).__name__
        raise CannotWrite(f"{folder}: {what}; name another folder with --into") from None


def _check_empty(folder: Path) -> None:
    if not folder.exists():
        return
    there = sorted(path.name for path in folder.iterdir() if path.name not in HARMLESS)
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise CannotWrite(f"{folder} holds {there[0]}{more}; nothing is overwritten: name an empty folder with --into")


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and what is missing above it; those that were made, the outermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir()
    return missing[::-1]
