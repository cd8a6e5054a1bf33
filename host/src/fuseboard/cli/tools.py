"""`fuseboard tools`: the tools that a client is offered."""

from __future__ import annotations

from typing import Any

import click

from fuseboard.cli.listing import first_line, plugin_of, show_list
from fuseboard.cli.options import Command, as_json
from fuseboard.cli.session import Session


@click.command("tools", cls=Command)
@as_json
@click.pass_obj
def command(session: Session, as_json: bool) -> int:
    """List the tools of all plugins.

    JSON: a list of the tools as the newest protocol revision has them.
    """
    return show_list(
        session,
        as_json,
        ["tools"],
        ("TOOL", "PLUGIN", "ARGUMENTS", "DESCRIPTION"),
        lambda item: (item["name"], plugin_of(item), _arguments(item), first_line(item)),
    )


def _arguments(item: dict[str, Any]) -> str:
    schema = item["inputSchema"]
    required = schema.get("required", [])
    return " ".join(name if name in required else f"[{name}]" for name in schema.get("properties", {}))
