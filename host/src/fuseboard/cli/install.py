"""`fuseboard install`: an entry in the file of a desktop client."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fuseboard.cli.desktop import CLIENT_NAMES, file_of, place_options
from fuseboard.cli.options import Command
from fuseboard.cli.session import Session
from fuseboard.desktop_clients.clients import CLIENTS, Client

if TYPE_CHECKING:
    from fuseboard.desktop_clients.entry import Start
    from fuseboard.settings import HostSettings


@click.command("install", cls=Command, short_help="Add fuseboard to a desktop client.")
@click.argument("client", type=CLIENT_NAMES, metavar="CLIENT")
@click.option("--plugin", "plugins", metavar="NAME", multiple=True, help="Load only this plugin. Can be given again.")
@place_options
@click.option("--with-secrets", is_flag=True, help="Write secrets of the environment into the file as well.")
@click.option("--dry-run", is_flag=True, help="Show the difference and write nothing.")
@click.pass_obj
def command(
    session: Session,
    client: str,
    plugins: tuple[str, ...],
    file: Path | None,
    project: bool,
    name: str,
    with_secrets: bool,
    dry_run: bool,
) -> int:
    """Add fuseboard to the file of CLIENT: claude-desktop, claude-code, cursor or vscode.

    The client will start what runs here: this program, the settings file in use, and the settings of the host and its
    plugins that are set in the environment now. Secrets are named and not written, unless --with-secrets is given.
    Everything else in the file stays as it is, a backup is made beside it, and the difference is shown. A second time
    brings the entry up to date.
    """
    from fuseboard.desktop_clients.changes import installed
    from fuseboard.desktop_clients.client_file import write
    from fuseboard.desktop_clients.entry import start_of

    chosen = CLIENTS[client]
    path = file_of(chosen, file, project)
    loaded = session.load({"load_plugins": list(plugins)} if plugins else None)
    _check(name, plugins, loaded.settings)
    start = start_of(loaded, plugins=plugins, blocked=session.blocked, with_secrets=with_secrets)
    change = installed(chosen, path, name, start)
    for line in change.difference():
        session.console.text(line)
    if not change.is_needed:
        session.console.text(f"{path} has this entry already; nothing to do")
    elif dry_run:
        session.console.text(f"{path} would be written; without --dry-run it will be")
    else:
        saved = write(change.file, change.text, private=with_secrets, now=datetime.now())
        session.console.text(f"wrote {path}" + (f", backup {saved.name}" if saved else ""))
        session.console.text(f"now {chosen.reload}; if fuseboard does not show up there: fuseboard doctor {client}")
    for note in (*_notes(start, change.variables, path, project=project), *_of_references(start, chosen)):
        session.console.note(f"fuseboard: {note}")
    return 0


def _check(entry: str, plugins: tuple[str, ...], settings: HostSettings) -> None:
    from fuseboard.discovery import discover

    if not entry.strip() or not entry.isprintable():
        raise click.UsageError(f"{entry[:80]!r} is no name for an entry; give --name a word")
    found = [plugin.name for plugin in discover(settings)] if plugins else []
    for name in plugins:
        if name not in found:
            near = get_close_matches(name, found, n=1)
            advice = f"did you mean {near[0]}?" if near else f"installed are: {', '.join(found) or 'none'}"
            raise click.UsageError(f"no plugin {name!r} is installed; {advice}")


def _notes(start: Start, variables: Collection[str], path: Path, *, project: bool) -> Iterator[str]:
    """What the user has to know of an entry with these variables."""
    from fuseboard.desktop_clients.entry import CONFIG, is_short_lived

    if left_out := [name for name in start.secrets if name not in variables]:
        file = start.variables.get(CONFIG)
        place = f"{Path(file).with_name('.env')}, " if file else "a .env beside a settings file (--config), "
        yield (
            f"not written, since they are secrets: {', '.join(left_out)}; give them in {place}"
            "in env of the entry by hand, or run this again with --with-secrets"
        )
    if set(start.secrets) & set(variables):
        if project:
            yield "the project's file now holds secrets: keep it out of version control"
        if os.name == "posix" and path.exists() and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            yield f"other users of this machine can read the secrets in {path}; if they should not: chmod 600"
    yield from start.unknown
    if is_short_lived(start.command):
        yield f"{start.command} is temporary and may vanish; install fuseboard for good (pipx, uv tool install)"


def _of_references(start: Start, client: Client) -> Iterator[str]:
    """A value that the client takes for one with references is not the value that the server gets."""
    from fuseboard.desktop_clients.references import REFERENCE

    if client.references:
        for name in (name for name, text in start.variables.items() if REFERENCE.search(text)):
            yield f"{name} holds ${{...}}, which {client.title} fills in; give it in a .env beside a settings file"
