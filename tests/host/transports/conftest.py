"""A toy plugin that is installed, for every test that starts a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.host.transports.toys import Toybox


@pytest.fixture
def toys(tmp_path: Path) -> Toybox:
    """One toy, called `toy`."""
    box = Toybox(tmp_path)
    box.add("toy")
    return box
