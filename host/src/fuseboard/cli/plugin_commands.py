"""`fuseboard PLUGIN COMMAND`: commands that a plugin brings (its hook `register_commands`)."""

from __future__ import annotations

import threading
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import click

from fuseboard.cli.options import RealHelp
from fuseboard.cli.session import Session
from fuseboard.errors import PluginFailure

if TYPE_CHECKING:
    from fuseboard.discovery import Found


def group_of(name: str, session: Session) -> click.Group | None:
    """The group of a plugin's commands, None if no installed plugin has this name.

    Raises:
        SettingsError: the host's settings are wrong.
        PluginFailure: the plugin is not loaded by these settings, or it failed.
    """
    from fuseboard.cli.log import set_up
    from fuseboard.discovery import discover

    loaded = session.load()
    set_up(loaded, "calls")
    settings = loaded.settings
    found = next((plugin for plugin in discover(settings) if plugin.name == name), None)
    if found is None:
        return None
    if found.verdict is not None:
        raise PluginFailure(name, found.verdict[0], found.verdict[1])
    return _loaded(found, settings.fuse(name).import_timeout, session)


def _loaded(found: Found, seconds: float, session: Session) -> click.Group:
    """Import the plugin and let it add its commands, within the deadline of an import."""
    from fuseboard import attribution
    from fuseboard.plugin_hooks import PluginHooks
    from fuseboard.reasons import reason_of

    group = _PluginGroup(found.name, help=found.summary or None, no_args_is_help=False)
    failures: list[BaseException] = []

    def load() -> None:
        attribution.name_thread(found.name)
        try:
            PluginHooks(found.name, found.entry_point.load()).register_commands(group)
        except BaseException as error:
            failures.append(error)

    # A thread of its own: an import that hangs must not hold the command line.
    thread = threading.Thread(target=load, name=f"fuseboard-{found.name}", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        session.abandoned = True
        raise PluginFailure(found.name, "import", f"did not end within {seconds:g} s")
    if failures:
        raise PluginFailure(found.name, "import", reason_of(failures[0]))
    if not group.commands:
        raise PluginFailure(found.name, "registration", "the plugin brings no commands")
    return group


class _PluginGroup(RealHelp, click.Group):
    """A plugin's commands, which may print: while one of them runs, standard output is the real one."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command behind an exception boundary."""
        from logging import getLogger

        from fuseboard.reasons import reason_of

        session = ctx.ensure_object(Session)
        try:
            with redirect_stdout(session.console.out):
                return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, SystemExit, KeyboardInterrupt):
            raise
        except Exception as error:
            getLogger(f"fuseboard.plugin.{self.name}").error("a command failed", exc_info=error)
            raise PluginFailure(str(self.name), "call", reason_of(error)) from error
