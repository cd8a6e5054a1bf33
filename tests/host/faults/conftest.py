"""Hosts that many tests ask, one after the other: whatever a test does to them, the next one still gets its answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest

from tests.host.faults.running import WAYS, Board, Line, line
from tests.misbehaving.installing import installed

NEVER_BLOWS: Mapping[str, Any] = {"fault_threshold": 1000}
TALKATIVE: Mapping[str, Mapping[str, Any]] = {
    "raising": NEVER_BLOWS,
    "returning": NEVER_BLOWS,
    "asking": NEVER_BLOWS,
    "reading": NEVER_BLOWS,
    "dozing": {**NEVER_BLOWS, "call_timeout": 0.5},
}


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """As for all tests, but for the whole session: hosts are shared by tests."""
    return "asyncio"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the misbehaving distributions are installed."""
    return installed(tmp_path_factory)


@pytest.fixture(scope="session", params=WAYS, ids="-".join)
async def served(
    request: pytest.FixtureRequest, site: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """A host with the plugins whose calls end in every bad way, and a client that answers their questions.

    Their fuses never blow. `dozing` has half a second for a call. This is the only fixture with a connection that
    lives longer than a module: connections must be closed in the reverse order of their opening.
    """
    board = Board(site, tmp_path_factory.mktemp("calls"), list(TALKATIVE), fuses=TALKATIVE)
    async with line(board, *request.param, elicitation_callback=answer) as opened:
        yield opened


async def answer(context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
    """What the user says to every form."""
    content: dict[str, Any] = {"colour": "green"} if "colour" in params.message.lower() else {"sure": True}
    return types.ElicitResult(action="accept", content=content)
