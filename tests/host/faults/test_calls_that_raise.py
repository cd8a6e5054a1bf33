"""A tool that ends in any way but a result: the caller gets an error, nobody else notices, and nothing leaks."""

from __future__ import annotations

import re
from pathlib import Path

import mcp
import pytest
from mcp.client.sse import sse_client
from mcp.shared.exceptions import MCPError

from tests.host.faults.running import PATIENCE, SECRET, TWO_WAYS, Board, Era, Line, Surface, http_host, line, said

pytestmark = pytest.mark.anyio

FAULTS = [
    "exception",
    "exception_in_a_thread",
    "system_exit",
    "system_exit_in_a_thread",
    "keyboard_interrupt",
    "keyboard_interrupt_in_a_thread",
    "cancelled_error",
    "cancelled_error_in_a_thread",
    "cancels_itself",
    "base_exception",
    "base_exception_in_a_thread",
    "generator_exit",
    "stop_iteration",
    "stop_iteration_in_a_thread",
    "own_timeout",
    "exception_group",
    "exit_group",
    "recursion",
    "out_of_memory",
    "unprintable",
]
UNEXPECTED = re.compile(r"raising_\w+ failed unexpectedly; the operator finds the cause in the log under ([0-9a-f]{8})")


@pytest.mark.parametrize("tool", FAULTS)
async def test_an_unexpected_exception_ends_the_call_and_its_text_stays_in_the_log(served: Line, tool: str) -> None:
    text = said(await served.call(f"raising_{tool}"), error=True)
    match = UNEXPECTED.fullmatch(text)
    assert match is not None, text
    assert f"raising_{tool} failed (reference {match[1]})" in served.board.log()
    await served.healthy_answers()


@pytest.mark.parametrize("tool", ["exception", "exception_in_a_thread", "base_exception"])
async def test_the_log_has_what_the_plugin_raised_under_the_reference(served: Line, tool: str) -> None:
    text = said(await served.call(f"raising_{tool}"), error=True)
    entry = served.board.log().partition(text[-8:])[2]
    assert "Traceback" in entry
    assert SECRET in entry


async def test_the_text_of_a_tool_error_reaches_the_model_as_it_is(served: Line) -> None:
    assert said(await served.call("raising_tool_error", text="no such user: Ада"), error=True) == "no such user: Ада"


async def test_the_text_of_a_backend_error_reaches_the_model_as_it_is(served: Line) -> None:
    assert said(await served.call("raising_backend_error"), error=True) == "the backend is gone"


async def test_a_protocol_error_of_the_tool_keeps_its_code_its_text_and_its_data(served: Line) -> None:
    with pytest.raises(MCPError) as caught:
        await served.call("raising_protocol_error")
    error = caught.value.error
    assert (error.code, error.message, error.data) == (-32050, "a code of its own", {"why": "because"})


async def test_a_tool_that_stops_its_loop_does_not_end_its_circuit(served: Line) -> None:
    assert said(await served.call("raising_stops_the_loop")) == "the loop goes on"
    assert said(await served.call("raising_fine")) == "fine"


async def test_wrong_arguments_name_the_argument_and_not_its_value(served: Line) -> None:
    text = said(await served.call("raising_tool_error", texd=SECRET), error=True)
    assert "texd" in text
    assert "text" in text
    assert SECRET not in text


async def test_an_unknown_tool_is_an_error_that_quotes_the_name(served: Line) -> None:
    with pytest.raises(MCPError, match="raising_nothing") as caught:
        await served.call("raising_nothing")
    assert caught.value.error.code == -32602


async def test_what_a_tool_reads_from_standard_input_is_not_the_client_s(served: Line) -> None:
    assert said(await served.call("raising_reads_stdin")) == "read b''"
    await served.healthy_answers()


async def test_a_tool_that_closes_standard_output_closes_nothing_that_matters(served: Line) -> None:
    assert said(await served.call("raising_closes_stdout")) == "closed"
    await served.healthy_answers()


async def test_the_old_transport_has_the_same_boundaries(site: Path, tmp_path: Path) -> None:
    board = Board(site, tmp_path, ["raising"], fuse={"fault_threshold": 1000})
    async with (
        http_host(board) as address,
        mcp.Client(sse_client(f"{address}/sse", timeout=PATIENCE), mode="legacy") as client,
    ):
        served = Line(board, "http", "legacy", client, address)
        for tool in FAULTS:
            assert UNEXPECTED.fullmatch(said(await served.call(f"raising_{tool}"), error=True))
        await served.healthy_answers()


@pytest.mark.parametrize(("surface", "era"), TWO_WAYS)
async def test_a_plugin_on_the_loop_of_the_host_has_the_same_boundaries(
    site: Path, tmp_path: Path, surface: Surface, era: Era
) -> None:
    """An operator trusts such a plugin not to block; what it raises still ends only its own call."""
    board = Board(site, tmp_path, ["raising"], fuse={"fault_threshold": 1000, "loop": "shared"})
    async with line(board, surface, era) as served:
        for tool in FAULTS:
            assert UNEXPECTED.fullmatch(said(await served.call(f"raising_{tool}"), error=True))
        await served.healthy_answers()


async def test_after_all_that_the_ledger_says_nothing_of_a_secret_and_the_plugin_is_still_active(served: Line) -> None:
    await served.row("raising", "active")
    await served.row("healthy", "active")
    assert SECRET not in (await served.ledger())["text"]
    assert said(await served.call("raising_fine")) == "fine"
