"""MCP on standard input and output, as a desktop client starts it."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.runner import serve_dual_era_loop

from fuseboard.transports.signals import StopSignals
from fuseboard.transports.stdio_lines import LONGEST_LINE, Lines
from fuseboard.transports.stdio_streams import Inbox, Outbox, Unanswered
from fuseboard.transports.stdout_guard import Wire

if TYPE_CHECKING:
    from fuseboard.mcp_server import Served

LAST_WORDS = 0.3
"""Seconds that the client gets to read what was written when serving ends."""


async def serve_stdio(
    host: Any, served: Served, wire: Wire, *, stop: StopSignals | None = None, longest_line: int = LONGEST_LINE
) -> None:
    """Serve one client on the wire until it goes away or the process is told to stop.

    Returns after the end of the input, a broken pipe, SIGTERM or SIGINT; calls that still run are cancelled. The
    caller leaves the host then.

    Args:
        host: what the server's handlers find as their lifespan state.
        served: the server.
        wire: the claimed standard input and output.
        stop: signals that are watched already; without it they are watched while serving.
        longest_line: bytes of the longest accepted message; a longer one is answered with an error.
    """
    if stop is None:
        with StopSignals() as signals:
            return await serve_stdio(host, served, wire, stop=signals, longest_line=longest_line)
    if os.isatty(wire.stdin_fd):
        print("fuseboard: serving MCP on standard input and output; Ctrl-D ends it", file=sys.stderr)  # noqa: T201
    unanswered = Unanswered()
    outbox = Outbox(wire.stdout_fd, unanswered)
    inbox = Inbox(Lines(wire.stdin_fd, longest_line), outbox, unanswered)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_after, stop.wait, tasks.cancel_scope)
            tasks.start_soon(_cancel_after, outbox.gone.wait, tasks.cancel_scope)
            # Without options the server makes them at the handshake, when it knows more about its plugins.
            await serve_dual_era_loop(served.server, inbox, outbox, lifespan_state=host, init_options=None)
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await outbox.flush(LAST_WORDS)


async def _cancel_after(event: Callable[[], Awaitable[Any]], scope: anyio.CancelScope) -> None:
    await event()
    scope.cancel()
