"""`fuseboard prompts`: the prompts that a client is offered."""

from __future__ import annotations

from typing import Any

import click

from fuseboard.cli.listing import first_line, plugin_of, show_list
from fuseboard.cli.options import Command, as_json
from fuseboard.cli.session import Session


@click.command("prompts", cls=Command)
@as_json
@click.pass_obj
def command(session: Session, as_json: bool) -> int:
    """List the prompts of all plugins.

    JSON: a list of the prompts as the newest protocol revision has them.
    """
    return show_list(
        session,
        as_json,
        ["prompts"],
        ("PROMPT", "PLUGIN", "ARGUMENTS", "DESCRIPTION"),
        lambda item: (item["name"], plugin_of(item), _arguments(item), first_line(item)),
    )


def _arguments(item: dict[str, Any]) -> str:
    return " ".join(part["name"] if part.get("required") else f"[{part['name']}]" for part in item.get("arguments", []))
