from __future__ import annotations

from pathlib import Path

import pytest

from tests.host.cli.running import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """A command line without plugins; install toys into `cli.site`."""
    (tmp_path / "site").mkdir()
    return Cli(tmp_path)
