"""What the tests of this folder share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.host.faults.running import WAYS, Board, Line, line
from tests.misbehaving.installing import installed


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """As for all tests, but for the whole session: hosts are shared by tests."""
    return "asyncio"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the healthy and the misbehaving distributions are installed."""
    return installed(tmp_path_factory)


@pytest.fixture(scope="module", params=WAYS, ids="-".join)
async def served(
    request: pytest.FixtureRequest, site: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """A host with the healthy plugin, tools that hang, one that relays, and one that is flooded.

    Each has two places for its calls. The fuse of `hanging` would blow at its first fault.
    """
    fuses = {
        "hanging": {"call_timeout": 600, "max_calls": 2, "max_queue": 1, "fault_threshold": 1},
        "calling": {"call_timeout": 600, "max_calls": 2, "max_queue": 100},
        "flooded": {"call_timeout": 600, "max_calls": 2, "max_queue": 2},
    }
    board = Board(site, tmp_path_factory.mktemp("load"), list(fuses), fuses=fuses)
    async with line(board, *request.param) as opened:
        yield opened
