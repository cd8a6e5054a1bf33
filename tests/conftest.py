"""What every test stands on: one async backend, and an environment that says nothing to fuseboard."""

from __future__ import annotations

import os

import pytest

# Each plugin reads its own names as well; a developer's credentials must never reach a test.
READ_BY_FUSEBOARD = ("FUSEBOARD_", "CLOUD_RU_")


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio, the only loop that the host supports."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(READ_BY_FUSEBOARD):
            monkeypatch.delenv(name)
