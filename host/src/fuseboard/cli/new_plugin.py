"""`fuseboard new-plugin`: writes a complete plugin, to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from fuseboard.cli.options import Command
from fuseboard.cli.session import Session
from fuseboard.new_plugin.writing import LICENSES, distribution, write


@click.command("new-plugin", cls=Command, short_help="Write a new plugin: a complete distribution.")
@click.argument("name")
@click.option("--into", metavar="FOLDER", help="The folder to write into; ./fuseboard-NAME if absent.")
@click.option(
    "--license", "chosen", type=click.Choice(list(LICENSES)), default="Apache-2.0", help=f"{', '.join(LICENSES)}."
)
@click.option("--author", metavar="TEXT", help="Who holds the rights, for the licence and pyproject.toml.")
@click.pass_obj
def command(session: Session, name: str, into: str | None, chosen: str, author: str | None) -> int:
    """Write the plugin NAME: a distribution of its own with a tool, a health check, settings, tests, README and CI.

    The folder must be missing or empty: nothing is overwritten. NAME consists of lower-case letters, digits and _;
    it comes before the name of each tool.
    """
    from datetime import UTC, datetime
    from importlib.metadata import version

    from fuseboard.cli.root import COMMANDS
    from fuseboard.discovery import discover
    from fuseboard.new_plugin.naming import check_name, words_of

    check_name(name, discover(session.load().settings), COMMANDS)
    words = words_of(name)
    holder = _plain(author) if author else f"The authors of {words['distribution']}"
    more = {
        "author": holder,
        "chosen": chosen,
        "host_range": _range(version("fuseboard")),
        "license": LICENSES[chosen],
        "year": str(datetime.now(UTC).year),
    }
    folder = Path(into or words["distribution"])
    texts = distribution(words | more)
    write(folder, texts)
    session.console.text(f"{len(texts)} files in {folder}; now:\n\n  cd {folder}\n  make test")
    return 0


def _plain(author: str) -> str:
    """A name that can stand between quotes."""
    if not author.isprintable() or '"' in author or "\\" in author or not author.strip():
        raise click.BadParameter(f"{author[:60]!r} is no name: leave out quotes and control characters")
    return author.strip()


def _range(version: str) -> str:
    """The versions of the host that the plugin takes: this one's minor series, since a new one may change hooks."""
    from packaging.version import Version

    major, minor = Version(version).release[:2]
    return f">={major}.{minor},<{major}.{minor + 1}" if major == 0 else f">={major}.{minor},<{major + 1}"
