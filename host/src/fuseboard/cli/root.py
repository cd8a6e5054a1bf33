"""The command `fuseboard`: finds the command, runs it, and turns every error into a line and an exit code."""

from __future__ import annotations

import logging
import os
import sys
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

import click

from fuseboard.cli.console import Console
from fuseboard.cli.ending import end
from fuseboard.cli.options import Group
from fuseboard.cli.session import Session
from fuseboard.errors import FuseboardError, PluginFailure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fuseboard.transports.stdout_guard import Wire

COMMANDS = (
    "stdio", "http", "plugins", "tools", "prompts", "resources", "call", "check",
    "health", "config", "token", "install", "uninstall", "doctor", "new-plugin", "validate",
)  # fmt: skip
"""In the order of the help; each is `command` of the module of its name."""

FINE, SAID_ERROR, USAGE = 0, 1, 2

logger = logging.getLogger(__name__)


class Root(Group):
    """Imports the module of a command when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands of the host; those of plugins are found by their name only."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command; a name that is no command may be a plugin's."""
        if name in COMMANDS:
            command: click.Command = import_module(f"fuseboard.cli.{name.replace('-', '_')}").command
            return command
        from fuseboard.cli.plugin_commands import group_of

        return group_of(name, ctx.ensure_object(Session))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one was probably meant."""
        command = self.get_command(ctx, args[0]) if not args[0].startswith("-") else None
        if command is None and not args[0].startswith("-"):
            near = get_close_matches(args[0], COMMANDS, n=1)
            advice = f"did you mean {near[0]}?" if near else "no plugin has this name either"
            ctx.fail(f"no such command {args[0]!r}; {advice}")
        return (command.name, command, args[1:]) if command else super().resolve_command(ctx, args)


@click.command(
    "fuseboard",
    cls=Root,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="fuseboard PLUGIN COMMAND runs a command that a plugin brings.",
)
@click.pass_context
def root(ctx: click.Context) -> int:
    """Serve installed plugins as one MCP server. Without a command: serve on standard input and output."""
    if ctx.invoked_subcommand is not None:
        return FINE
    return int(ctx.invoke(import_module("fuseboard.cli.stdio").command) or FINE)


def run(wire: Wire, args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process.

    Args:
        wire: the claimed standard input and output.
        args: without the program's name; those of the process if absent.
    """
    session = Session(wire, Console(wire.open_text()))
    code = _flushed(session, _exit_code(session, sys.argv[1:] if args is None else args))
    end(wire, session.console.out, code, by_force=session.abandoned)


def _exit_code(session: Session, args: Sequence[str]) -> int:
    try:
        return int(root.main(list(args), prog_name="fuseboard", standalone_mode=False, obj=session) or FINE)
    except BrokenPipeError:
        return SAID_ERROR  # whoever read the output has left
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BaseException as error:
        return _told(session, _innermost(error))


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _told(session: Session, error: BaseException) -> int:
    """Say what was wrong, and give the exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FINE if error.code is None else SAID_ERROR
    if isinstance(error, click.ClickException):
        where = getattr(error, "ctx", None)
        path = where.command_path if where is not None else "fuseboard"
        message = error.format_message().removesuffix(".")
        session.console.error(message if "; " in message else f"{message}; see {path} --help")
        return USAGE
    if isinstance(error, FuseboardError):
        session.console.error(str(error))
        return SAID_ERROR if isinstance(error, PluginFailure) and error.stage == "call" else USAGE
    logger.debug("internal error", exc_info=error)
    session.console.error(
        f"internal error: {type(error).__name__} at {_place(error)}; please report it with the log of log.level debug"
    )
    return SAID_ERROR


def _place(error: BaseException) -> str:
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return f"{os.path.basename(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno}" if frame else "an unknown place"


def _flushed(session: Session, code: int) -> int:
    try:
        session.console.out.flush()
    except OSError:
        return code or SAID_ERROR
    return code
