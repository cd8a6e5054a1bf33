"""Which entries start fuseboard, and which programs will not last."""

from __future__ import annotations

from typing import Any

import pytest

from fuseboard.desktop_clients.entry import is_short_lived, runs_fuseboard


@pytest.mark.parametrize(
    ("entry", "ours"),
    [
        ({"command": "fuseboard"}, True),
        ({"command": "/home/me/.venv/bin/fuseboard", "args": ["stdio"]}, True),
        ({"command": "C:\\Users\\me\\venv\\Scripts\\fuseboard.exe"}, True),
        ({"command": "python3", "args": ["-m", "fuseboard"]}, True),
        ({"command": "uvx", "args": ["--with", "fuseboard-oci", "fuseboard"]}, True),
        ({"command": "C:\\Scripts\\fuseboard.CMD"}, True),
        ({"command": "uvx", "args": ["fuseboard@latest"]}, True),
        ({"command": "uvx", "args": ["--from", "fuseboard[all]>=0.1", "other"]}, True),
        ({"command": "python", "args": ["-mfuseboard", 3]}, True),
        ({"command": "uvx", "args": ["fuseboard-other", "fuseboard.md"]}, False),
        ({"command": "npx", "args": ["-y", "server-filesystem", "/home/me/fuseboard"]}, False),
        ({"command": "/opt/fuseboard/bin/other"}, False),
        ({"url": "http://127.0.0.1:8000/mcp"}, False),
        ({"command": ["fuseboard"]}, False),
        (None, False),
    ],
)
def test_an_entry_is_ours_by_the_program_that_it_starts(entry: Any, ours: bool) -> None:
    assert runs_fuseboard(entry) is ours


@pytest.mark.parametrize(
    ("command", "short_lived"),
    [
        ("/home/me/.cache/uv/archive-v0/x1Y2/bin/fuseboard", True),
        ("/home/me/.cache/pipx/0123456789abcde/bin/fuseboard", True),
        ("/Users/me/Library/Caches/pipx/0123456789abcde/bin/fuseboard", True),
        ("/home/me/.local/bin/fuseboard", False),
        ("/home/me/.local/share/pipx/venvs/fuseboard/bin/fuseboard", False),
    ],
)
def test_a_program_in_a_cache_of_uvx_or_pipx_does_not_last(command: str, short_lived: bool) -> None:
    assert is_short_lived(command) is short_lived
