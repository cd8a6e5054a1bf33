"""`fuseboard uninstall`: take the entry out of the file of a desktop client again."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from fuseboard.cli.desktop import CLIENT_NAMES, file_of, place_options
from fuseboard.cli.options import Command
from fuseboard.cli.session import Session
from fuseboard.desktop_clients.clients import CLIENTS


@click.command("uninstall", cls=Command, short_help="Take fuseboard out of a desktop client.")
@click.argument("client", type=CLIENT_NAMES, metavar="CLIENT")
@place_options
@click.option("--dry-run", is_flag=True, help="Show the difference and write nothing.")
@click.pass_obj
def command(session: Session, client: str, file: Path | None, project: bool, name: str, dry_run: bool) -> int:
    """Take fuseboard out of the file of CLIENT: claude-desktop, claude-code, cursor or vscode.

    Everything else in the file stays as it is, a backup is made beside it, and the difference is shown.
    """
    from fuseboard.desktop_clients.changes import uninstalled
    from fuseboard.desktop_clients.client_file import write

    chosen = CLIENTS[client]
    path = file_of(chosen, file, project)
    change = uninstalled(chosen, path, name)
    if change is None:
        session.console.text(f"{path} has no entry {name}; nothing to do")
        return 0
    for line in change.difference():
        session.console.text(line)
    if dry_run:
        session.console.text(f"{path} would be written; without --dry-run it will be")
        return 0
    saved = write(change.file, change.text, private=False, now=datetime.now())
    session.console.text(f"wrote {path}" + (f", backup {saved.name}" if saved else ""))
    session.console.text(f"now {chosen.reload}")
    return 0
