"""`make demo` and `make tour`: fuseboard with its three plugins, and nothing that needs an account."""

from __future__ import annotations

import sys

import anyio
import click

from embedded import ADDRESS, embedded, free_port
from paste import text
from running import DemoError, http_host, interrupted_by_every_end, stdio_host
from tour import tour

LONGEST_TOUR = 300.0
"""Seconds after which it is given up; it takes five."""


@click.group()
def demo() -> None:
    """Try fuseboard without an account."""
    interrupted_by_every_end()


@demo.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
def serve(port: int) -> None:
    """Serve over HTTP until Ctrl-C, and say what to do with it."""
    chosen = free_port(port)
    if chosen != port != 0:
        click.echo(f"Port {port} is taken; this is {chosen}.\n")
    with embedded() as parts, http_host(parts, chosen) as process:
        click.echo(text(parts, f"http://{ADDRESS}:{chosen}/mcp"))
        code = process.wait()
    raise DemoError(f"the host ended by itself with exit code {code}")


@demo.command()
def stdio() -> None:
    """Serve one client on the standard streams, as Claude Desktop starts it."""
    with embedded() as parts:
        code = stdio_host(parts)
    sys.exit(code)


@demo.command("tour")
def guided() -> None:
    """Call every tool of every plugin once, as a client does. The exit code is 1 when a step fails."""
    port = free_port(0)
    with embedded() as parts, http_host(parts, port):
        failed = anyio.run(tour, parts, f"http://{ADDRESS}:{port}/mcp", LONGEST_TOUR)
    sys.exit(1 if failed else 0)


def main() -> None:
    """Run, and end with one line and an exit code."""
    try:
        demo.main(prog_name="demo", standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nThe demo has ended; nothing is left of it.", err=True)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except DemoError as error:
        click.echo(f"demo: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
