"""Plugins that come to no end before they serve: given up at their deadline, with the line that they are at.

They have a host of their own: beside sixty others they would need longer to come to that line.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.host.faults.running import TWO_WAYS, Board, Line, line

pytestmark = pytest.mark.anyio

HANGING = {
    "import_hangs": ("import", "did not end within 3 s at imports/hangs.py"),
    "import_waits": ("import", "did not end within 3 s at imports/waits.py"),
    "hook_hangs": ("registration", "did not end within 3 s at fuseboard_faulty/hooks.py"),
    "life_hangs": ("start", "did not end within 3 s"),
    "life_blocks": ("start", "did not end within 3 s at fuseboard_faulty/lifespans.py"),
}


@pytest.fixture(scope="module", params=TWO_WAYS, ids="-".join)
async def served(
    request: pytest.FixtureRequest, site: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """A host with every plugin that hangs early."""
    fuses = {
        name: {"import_timeout" if stage == "import" else "start_timeout": 3} for name, (stage, _) in HANGING.items()
    }
    board = Board(site, tmp_path_factory.mktemp("hanging"), list(HANGING), fuse={"stop_timeout": 0.3}, fuses=fuses)
    async with line(board, *request.param) as opened:
        yield opened


@pytest.mark.parametrize("name", HANGING)
async def test_a_plugin_that_hangs_is_failed_at_its_deadline_with_the_place_where_it_hangs(
    served: Line, name: str
) -> None:
    stage, reason = HANGING[name]
    row = await served.row(name, "failed")
    assert row["stage"] == stage
    assert reason in row["reason"]


@pytest.mark.parametrize("name", ["import_hangs", "import_waits"])
async def test_an_import_that_hangs_is_not_tried_again_and_the_reason_says_so(served: Line, name: str) -> None:
    assert "not tried again in this process" in (await served.row(name))["reason"]


async def test_a_hook_that_hangs_is_named(served: Line) -> None:
    assert "register_tools" in (await served.row("hook_hangs"))["reason"]


@pytest.mark.parametrize("name", ["life_hangs", "life_blocks"])
async def test_a_start_that_hangs_is_tried_again_and_the_reason_says_so(served: Line, name: str) -> None:
    assert "started again after" in (await served.row(name, "failed"))["reason"]


async def test_nothing_of_what_hangs_is_listed_and_the_healthy_plugin_answers(served: Line) -> None:
    await served.ledger()
    names = [tool.name for tool in (await served.client.list_tools()).tools]
    assert [name for name in names if name.startswith(tuple(HANGING))] == []
    await served.healthy_answers()
