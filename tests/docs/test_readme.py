"""What the README shows works as it stands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.pages import blocks, sections, text_of

SECTIONS = sections(text_of("README.md"))


def shown(section: str, language: str) -> str:
    """The block of this language in a section of the README."""
    [block] = [block for block in blocks(SECTIONS[section]) if block.language == language]
    return block.text


@pytest.fixture
def fuseboard(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line, with the README's plugin built and installed beside everything else."""
    project, installed = tmp_path / "dice", tmp_path / "installed"
    project.mkdir()
    (project / "dice.py").write_text(shown("A plugin in 20 lines", "python"), encoding="utf-8")
    (project / "pyproject.toml").write_text(shown("A plugin in 20 lines", "toml"), encoding="utf-8")
    install = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--quiet",
        "--offline",
        "--no-deps",
        "--no-build-isolation",
    ]
    subprocess.run([*install, "--target", str(installed), str(project)], check=True, timeout=300)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "fuseboard", *arguments]
        environment = os.environ | {"PYTHONPATH": str(installed)}
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=300, check=False
        )

    return run


def test_the_plugin_in_twenty_lines_serves_its_tool(fuseboard: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    rolled = fuseboard("call", "dice_roll", "sides=20")
    assert rolled.returncode == 0, rolled.stderr
    assert 1 <= int(rolled.stdout) <= 20
    refused = fuseboard("call", "dice_roll", "sides=1")
    assert refused.returncode == 1
    assert "a die has at least 2 sides, not 1" in refused.stdout + refused.stderr


def test_the_plugin_in_twenty_lines_has_twenty_lines_at_most() -> None:
    assert len(shown("A plugin in 20 lines", "python").splitlines()) <= 20


def test_the_snippet_for_claude_desktop_starts_the_command_without_an_argument() -> None:
    server = json.loads(shown("In Claude Desktop", "json"))["mcpServers"]["fuseboard"]
    assert server["command"].endswith("/bin/fuseboard")
    assert "args" not in server
