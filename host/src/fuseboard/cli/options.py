"""The options that every command takes, before or after its name, and help that reaches the real standard output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from fuseboard.cli.session import Session

BLOCKS = "no:"


def _block(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> None:
    for value in values:
        if not value.startswith(BLOCKS) or value == BLOCKS:
            raise click.BadParameter(f"write no:NAME to block a plugin, not {value!r}", ctx, param)
        ctx.ensure_object(Session).blocked.append(value.removeprefix(BLOCKS))


def _config(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(Session).config = Path(value)


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version

        ctx.ensure_object(Session).console.text(f"fuseboard {version('fuseboard')}")
        ctx.exit()


def _help(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.ensure_object(Session).console.text(ctx.get_help())
        ctx.exit()


def shared_options() -> list[click.Option]:
    """New options for one command."""
    return [
        click.Option(
            ["-p", "blocked"], metavar="no:NAME", multiple=True, expose_value=False, callback=_block,
            help="Do not load the plugin NAME. Can be given again.",
        ),
        click.Option(
            ["--config"], metavar="FILE", expose_value=False, callback=_config,
            help="Read settings from FILE instead of ./fuseboard.yaml.",
        ),
        click.Option(
            ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version,
            help="Show the version and exit.",
        ),
    ]  # fmt: skip


class RealHelp(click.Command):
    """Help on the real standard output: click itself would print through sys.stdout, which leads into the log."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """The option `--help`."""
        names = self.get_help_option_names(ctx)
        return click.Option(
            list(names),
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_help,
            help="Show this message and exit.",
        )


class Command(RealHelp):
    """A command with the shared options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += shared_options()


class Group(RealHelp, click.Group):
    """A group of commands with the shared options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Without this, a missing command is answered with the whole help as an error.
        super().__init__(*args, **{"no_args_is_help": False, **kwargs})
        self.params += shared_options()


def as_json(function: Any) -> Any:
    """The option `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")(function)
