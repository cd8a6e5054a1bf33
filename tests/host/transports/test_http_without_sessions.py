"""`http.sessions: false`: any replica serves the clients of the handshake revisions; each request stands alone."""

from __future__ import annotations

from typing import Any

import pytest
from mcp import Client
from mcp_types import ElicitResult

from tests.host.transports.http_process import HttpProcess
from tests.host.transports.toys import PATIENCE, Toybox

ASKS = '''
from pydantic import BaseModel
from fuseboard import Context, hookimpl

class Sure(BaseModel):
    sure: bool

async def ask(ctx: Context) -> str:
    """Ask the user."""
    return (await ctx.elicit("Sure?", Sure)).action

async def tell(ctx: Context) -> str:
    """Report progress."""
    await ctx.report_progress(1, 2, "half")
    return "done"

@hookimpl
def register_tools(register):
    register(ask)
    register(tell)
'''


async def accept(context: Any, params: Any) -> ElicitResult:
    return ElicitResult(action="accept", content={"sure": True})


@pytest.mark.anyio
async def test_a_client_of_the_older_revisions_gets_results_and_progress_but_no_question(toys: Toybox) -> None:
    toys.add("asks", ASKS)
    toys.settings["FUSEBOARD_HTTP__SESSIONS"] = "false"
    seen = []

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        seen.append(message)

    with HttpProcess(toys) as served:
        served.ready()
        assert "mcp-session-id" not in served.open_session().headers
        target = f"{served.origin}/mcp"
        async with Client(target, mode="legacy", read_timeout_seconds=PATIENCE, elicitation_callback=accept) as client:
            told = await client.call_tool("asks_tell", {}, progress_callback=on_progress)
            assert (told.content[0].text, seen) == ("done", ["half"])  # type: ignore[union-attr]
            asked = await client.call_tool("asks_ask", {})
            assert asked.is_error
            assert "elicitation" in asked.content[0].text  # type: ignore[union-attr]
        # One of 2026-07-28 carries the question itself.
        async with Client(target, mode="auto", read_timeout_seconds=PATIENCE, elicitation_callback=accept) as client:
            assert (await client.call_tool("asks_ask", {})).content[0].text == "accept"  # type: ignore[union-attr]
