"""`fuseboard resources`: the resources and resource templates that a client is offered."""

from __future__ import annotations

import click

from fuseboard.cli.listing import first_line, plugin_of, show_list
from fuseboard.cli.options import Command, as_json
from fuseboard.cli.session import Session


@click.command("resources", cls=Command, short_help="List the resources of all plugins.")
@as_json
@click.pass_obj
def command(session: Session, as_json: bool) -> int:
    """List the resources and resource templates of all plugins.

    JSON: a list of them as the newest protocol revision has them; a template has "uriTemplate" instead of "uri".
    """
    return show_list(
        session,
        as_json,
        ["resources", "templates"],
        ("RESOURCE", "PLUGIN", "TYPE", "DESCRIPTION"),
        lambda item: (
            item.get("uri") or item["uriTemplate"],
            plugin_of(item),
            item.get("mimeType", ""),
            first_line(item),
        ),
    )
