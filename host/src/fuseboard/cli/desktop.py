"""What the commands for desktop clients share: which client, and where its file lies here."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from fuseboard.desktop_clients.clients import CLIENTS, Client, Machine
from fuseboard.errors import FuseboardError


class _Names(click.Choice):  # type: ignore[type-arg]  # before click 8.2 it takes none
    """One of the clients; click itself lists the choices over many lines."""

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Which there are."""
        return f"It is one of {', '.join(self.choices)}"


CLIENT_NAMES = _Names(tuple(CLIENTS))


def machine() -> Machine:
    """This machine.

    Raises:
        FuseboardError: it has no home folder or no working directory, as a container may.
    """
    try:
        return Machine(sys.platform, Path.home(), Path.cwd(), os.environ)
    except (OSError, RuntimeError):
        raise FuseboardError("there is no home folder or no working directory; set HOME, and go to a folder") from None


def place_options(function: Any) -> Any:
    """The options that say which entry of which file."""
    for option in (
        click.option(
            "--file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
            help="The client's file, if it is not at its usual place (another profile, another edition).",
        ),
        click.option("--project", is_flag=True, help="The file of this folder's project instead of the user's."),
        click.option("--name", metavar="NAME", default="fuseboard", help="Name of the entry; fuseboard if absent."),
    ):  # fmt: skip
        function = option(function)
    return function


def file_of(client: Client, file: Path | None, project: bool) -> Path:
    """The file that the options mean.

    Raises:
        FuseboardError: the client has none per project.
    """
    if file is not None:
        return Path(os.path.abspath(file))
    return client.file(machine(), project=project)
