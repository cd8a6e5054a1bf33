"""`fuseboard http`: MCP on streamable HTTP and on the old SSE transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fuseboard.cli.options import Command
from fuseboard.cli.session import Session
from fuseboard.errors import SettingsError

if TYPE_CHECKING:
    from fuseboard.host import Host
    from fuseboard.transports.signals import StopSignals


@click.command("http", cls=Command, short_help="Serve clients on HTTP.")
@click.option("--host", "address", metavar="ADDRESS", help="Listen on ADDRESS instead of http.host (127.0.0.1).")
@click.option(
    "--port", type=int, metavar="PORT", help="Listen on PORT instead of http.port (8000); 0 takes a free one."
)
@click.option(
    "--insecure-no-auth",
    is_flag=True,
    help="Listen on other addresses than loopback although nobody must authenticate (http.allow_unauthenticated).",
)
@click.pass_obj
def command(session: Session, address: str | None, port: int | None, insecure_no_auth: bool) -> int:
    """Serve clients on HTTP: /mcp, /sse, /readyz, /livez and what plugins add."""
    given: dict[str, Any] = {"host": address, "port": port, "allow_unauthenticated": insecure_no_auth or None}
    loaded = session.load({"http": {name: value for name, value in given.items() if value is not None}})
    from fuseboard.settings.auth import unsafe_binding

    http, auth = loaded.settings.http, loaded.settings.auth
    if (reason := unsafe_binding(http.host, auth, allowed=http.allow_unauthenticated)) is not None:
        raise SettingsError(reason)

    async def serve(host: Host, stop: StopSignals) -> None:
        from fuseboard.mcp_server import build_server
        from fuseboard.transports.http import serve_http

        await serve_http(host, build_server(host), loaded.settings.http, stop=stop)

    return session.serve(serve, loaded)
