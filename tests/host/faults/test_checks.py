"""Health checks that misbehave: the plugin is `degraded` with the reason, its tools work, nobody waits for it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import httpx2
import pytest

from tests.host.faults.running import AT_ONCE, SECRET, TWO_WAYS, Board, Line, line, said

pytestmark = pytest.mark.anyio

ILL = {
    "check_raises": "RuntimeError at fuseboard_faulty/checks.py",
    "check_hangs": "no answer within 0.3 s",
    "check_ignores_cancel": "look: ",
    "check_blocks": "",
    "check_exits": "called sys.exit(9)",
    "check_cancels": "CancelledError",
    "check_number": "returns None, a text or a HealthReport, not int",
    "check_surrogate": "half a letter",
    "check_huge": "xxx",
}


@pytest.fixture(scope="module", params=TWO_WAYS, ids="-".join)
async def served(
    request: pytest.FixtureRequest, site: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """A host with every plugin whose health check misbehaves."""
    board = Board(site, tmp_path_factory.mktemp("checks"), [*ILL, "check_rubbish"], fuse={"stop_timeout": 0.3})
    async with line(board, *request.param) as opened:
        yield opened


@pytest.mark.parametrize("name", ILL)
async def test_a_plugin_whose_check_misbehaves_is_degraded_with_the_reason(served: Line, name: str) -> None:
    row = await served.row(name, "degraded", ILL[name])
    assert row["stage"] in ("health", "call" if name == "check_blocks" else "health")
    assert len(row["reason"]) < 600
    await served.healthy_answers()


async def test_what_a_check_raises_is_in_the_log_as_the_reason_says(served: Line) -> None:
    await served.row("check_raises", "degraded")
    assert SECRET in served.board.log()


async def test_an_answer_that_makes_no_sense_does_not_spoil_the_ledger(served: Line) -> None:
    row = await served.row("check_rubbish")
    assert row["state"] in ("active", "degraded")


async def test_the_tools_of_an_ill_plugin_are_still_served(served: Line) -> None:
    for name in set(ILL) - {"check_blocks"}:
        assert said(await served.call(f"{name}_fine")) == "fine"


async def test_the_status_is_there_in_time_whatever_the_checks_do(served: Line) -> None:
    for _ in range(3):
        with anyio.fail_after(AT_ONCE):
            text = said(await served.call("fuseboard_status"))
        assert SECRET not in text
    await served.status("healthy: active")


async def test_a_health_report_is_bounded(served: Line) -> None:
    assert len((await served.ledger())["text"]) < 1_000_000


async def test_the_probe_answers_in_time_and_is_ready_because_none_of_them_is_required(served: Line) -> None:
    if served.surface == "stdio":
        assert "readyz" not in served.board.log()
        return
    async with httpx2.AsyncClient(timeout=AT_ONCE) as http:
        answer = await http.get(f"{served.address}/readyz")
    assert answer.status_code == 200
    assert SECRET not in answer.text
    assert {"healthy": True, "check_raises": False}.items() <= {
        plugin["name"]: plugin["up"] for plugin in json.loads(answer.text)["plugins"]
    }.items()
