"""`fuseboard stdio`: MCP on standard input and output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fuseboard.cli.options import Command
from fuseboard.cli.session import Session

if TYPE_CHECKING:
    from fuseboard.host import Host
    from fuseboard.transports.signals import StopSignals


@click.command("stdio", cls=Command, short_help="Serve one client on standard input and output.")
@click.pass_obj
def command(session: Session) -> int:
    """Serve one client on standard input and output, as Claude Desktop starts it. This is what no command means."""

    async def serve(host: Host, stop: StopSignals) -> None:
        from fuseboard.mcp_server import build_server
        from fuseboard.transports.stdio import serve_stdio

        await serve_stdio(host, build_server(host), session.wire, stop=stop)

    return session.serve(serve)
