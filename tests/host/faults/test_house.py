"""Call middleware and routes, which run on the host's own loop: behind an exception boundary all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import httpx2
import pytest

from tests.host.faults.running import PATIENCE, SECRET, TWO_WAYS, WAYS, Board, Era, Line, Surface, line, said

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=WAYS, ids="-".join)
async def served(
    request: pytest.FixtureRequest, site: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """A host with a plugin whose middleware and routes misbehave on demand, and its guest, which has half a second."""
    fuses = {"guest": {"call_timeout": 0.5}}
    folder = tmp_path_factory.mktemp("house")
    board = Board(site, folder, ["house", "guest"], fuse={"fault_threshold": 1000}, fuses=fuses)
    async with line(board, *request.param) as opened:
        yield opened


@pytest.mark.parametrize("how", ["raises", "exits", "interrupts", "cancels", "forgets"])
async def test_middleware_that_fails_ends_the_call_and_names_its_plugin(served: Line, how: str) -> None:
    text = said(await served.call("house_behave", how=how), error=True)
    assert "house" in text
    assert SECRET not in text
    await served.healthy_answers()


async def test_middleware_that_hangs_is_ended_at_the_deadline_of_the_call(served: Line) -> None:
    assert "did not end within 0.5 s" in said(await served.call("guest_behave", how="hangs"), error=True)
    await served.healthy_answers()


async def test_middleware_may_refuse_a_call_with_a_reason_for_the_model(served: Line) -> None:
    assert said(await served.call("house_behave", how="refuses"), error=True) == "this caller may not do that"


@pytest.mark.parametrize("how", ["object", "surrogate", "not_a_number", "nonsense", "huge"])
async def test_what_middleware_makes_of_a_result_is_checked_as_well(served: Line, how: str) -> None:
    text = said(await served.call("house_behave", how=how), error=True)
    assert "house" in text
    await served.healthy_answers()


async def test_middleware_that_lets_a_call_through_changes_nothing(served: Line) -> None:
    assert said(await served.call("house_behave", how="well")) == "well"


@pytest.mark.parametrize("path", ["raises", "exits", "nothing"])
async def test_a_route_that_fails_is_answered_with_a_reference(served: Line, path: str) -> None:
    if served.surface == "stdio":
        return
    async with httpx2.AsyncClient(timeout=PATIENCE) as http:
        answer = await http.get(f"{served.address}/faulty/{path}")
    assert answer.status_code == 500
    assert "reference" in answer.text
    assert SECRET not in answer.text
    await served.healthy_answers()


async def test_a_route_that_hangs_holds_up_nobody_but_its_own_client(served: Line) -> None:
    if served.surface == "stdio":
        return
    async with httpx2.AsyncClient(timeout=None) as http, anyio.create_task_group() as tasks:
        tasks.start_soon(http.get, f"{served.address}/faulty/hangs")
        await served.board.noted("a route hangs")
        await served.healthy_answers()
        tasks.cancel_scope.cancel()
    await served.healthy_answers()


async def test_a_route_cannot_stand_in_front_of_the_host_s_own(served: Line) -> None:
    if served.surface == "stdio":
        return
    async with httpx2.AsyncClient(timeout=PATIENCE) as http:
        answers = [await http.get(f"{served.address}{path}") for path in ("/livez", "/readyz", "/mcp")]
    assert [answer.status_code for answer in answers][:2] == [200, 200]
    assert [answer.text for answer in answers if "shadowed" in answer.text] == []


@pytest.mark.parametrize(("surface", "era"), TWO_WAYS)
async def test_middleware_that_is_no_function_fails_its_plugin_and_not_the_calls_of_others(
    site: Path, tmp_path: Path, surface: Surface, era: Era
) -> None:
    board = Board(site, tmp_path, ["hook_middleware_of_rubbish"])
    async with line(board, surface, era) as opened:
        await opened.healthy_answers()
        row = await opened.row("hook_middleware_of_rubbish")
    assert (row["state"], row["stage"]) == ("failed", "registration")
    assert "call_middleware" in row["reason"]
