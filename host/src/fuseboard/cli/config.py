"""`fuseboard config`: what is set, from where, and what can be set."""

from __future__ import annotations

import json

import click

from fuseboard.cli.options import Command, Group, as_json
from fuseboard.cli.session import Session


@click.group("config", cls=Group, short_help="Show settings, their sources, their schema.")
def command() -> None:
    """Show settings and their sources, or the JSON Schema of the file."""


@command.command("show", cls=Command)
@as_json
@click.pass_obj
def show(session: Session, as_json: bool) -> int:
    """Show every setting with its value and its source. Secrets are masked.

    JSON: {"file": text or null, "settings": [{"name", "value", "source"}]}
    """
    from fuseboard.settings.show import shown_settings
    from fuseboard.settings.sources import shown

    loaded = session.load()
    rows = shown_settings(loaded)
    file = None if loaded.file is None else shown(loaded.file.path)
    if as_json:
        settings = [{"name": row.name, "value": row.value, "source": row.source} for row in rows]
        session.console.json({"file": file, "settings": settings})
    else:
        cells = [(row.name, json.dumps(row.value, ensure_ascii=False), row.source) for row in rows]
        session.console.table(("SETTING", "VALUE", "SOURCE"), cells)
    return 0


@command.command("schema", cls=Command)
@click.pass_obj
def schema(session: Session) -> int:
    """Print the JSON Schema of fuseboard.yaml, for editors."""
    from fuseboard.settings.show import file_schema

    session.console.json(file_schema())
    return 0
