"""Plugins that call tools through their board: depth, deadline and places hold for the whole chain."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.host.faults.running import PATIENCE, TWO_WAYS, Board, Era, Line, Surface, line, said

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=TWO_WAYS, ids="-".join)
async def served(
    request: pytest.FixtureRequest, site: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """A host with a plugin that calls others and has one place only."""
    fuses: dict[str, dict[str, Any]] = {
        "calling": {"max_calls": 1, "max_queue": 0, "call_timeout": 600},
        "hanging": {"call_timeout": 600, "fault_threshold": 1},
        "raising": {},
    }
    board = Board(site, tmp_path_factory.mktemp("nested"), list(fuses), fuses=fuses)
    async with line(board, *request.param) as opened:
        yield opened


async def test_a_call_on_another_plugin_returns_its_result(served: Line) -> None:
    assert said(await served.call("calling_relay", tool="healthy_echo", text="over there")) == "over there"


async def test_an_error_of_the_called_tool_is_a_result_that_the_caller_can_read(served: Line) -> None:
    text = said(await served.call("calling_relay", tool="raising_tool_error", text="no such user"))
    assert text == "error: no such user"


async def test_a_call_on_its_own_plugin_takes_no_second_place(served: Line) -> None:
    assert said(await served.call("calling_dive", levels=5)) == "at the bottom"


async def test_calls_that_call_themselves_without_end_are_stopped_at_a_depth(served: Line) -> None:
    text = said(await served.call("calling_dive", levels=1000))
    assert "nested more than 8 deep" in text
    assert [note for note in served.board.journal() if re.fullmatch(r"dive \d{3,}", note)] == [
        f"dive {level}" for level in range(1000, 992, -1)
    ]
    await served.healthy_answers()


@pytest.mark.parametrize("way", TWO_WAYS, ids="-".join)
async def test_a_nested_call_has_the_time_that_is_left_and_its_plugin_is_not_to_blame(
    site: Path, tmp_path: Path, way: tuple[Surface, Era]
) -> None:
    """The outer call ends at its own deadline; the inner one is cancelled, and its fuse, which blows at once, holds."""
    fuses = {
        "calling": {"call_timeout": 0.7, "fault_threshold": 1000},
        "hanging": {"call_timeout": 600, "fault_threshold": 1},
    }
    async with line(Board(site, tmp_path, list(fuses), fuses=fuses), *way) as served:
        await served.ledger()
        with anyio.fail_after(PATIENCE):
            for number in itertools.count():
                arguments = {"tool": "hanging_hang", "name": f"inner {number}"}
                text = said(await served.call("calling_wait_for", **arguments), error=True)
                assert "0.7 s" in text
                # On a machine that stands still the time may be over before there is an inner call.
                if "did not end within" in text and f"inner {number} begins" in served.board.journal():
                    break
        await served.board.noted(f"inner {number} was cancelled")
        assert said(await served.call("hanging_fine")) == "fine"
        assert (await served.row("hanging"))["state"] == "active"


async def test_a_call_to_nobody_is_an_error_of_the_calling_tool(served: Line) -> None:
    assert "nobody_home" in said(await served.call("calling_relay", tool="nobody_home", text="?"), error=True)
    assert said(await served.call("calling_fine")) == "fine"
