"""The log on standard error."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from fuseboard.cli.console import clean_lines

if TYPE_CHECKING:
    from fuseboard.settings import LoadedSettings

SILENT = logging.CRITICAL + 1
OWN = "fuseboard"
CHATTY = ("httpx2", "mcp.server.sse", "mcp.server.streamable_http", "mcp.server.streamable_http_manager")


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """One record; what a stranger put into it cannot rewrite the terminal."""
        return clean_lines(super().format(record))


def set_up(loaded: LoadedSettings, extent: str) -> None:
    """Send the log to standard error.

    Args:
        loaded: has the level; a level that the operator chose holds for every extent.
        extent: "everything", for a surface that runs for long; "calls", for a single call: only what a plugin raised in
            it; "nothing", for a command that shows by itself what became of the plugins.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    chosen = extent == "everything" or loaded.source(("log", "level")) != "default"
    level = logging.getLevelNamesMapping()[loaded.settings.log.level.upper()] if chosen else SILENT
    logging.basicConfig(level=level, handlers=[handler], force=True)
    own = logging.getLogger(OWN)
    # Not through the root, which any plugin can set up anew: what the host says of one must not vanish with it.
    own.handlers, own.propagate = [handler], False
    own.setLevel(level)
    if extent == "calls" and not chosen:
        logging.getLogger("fuseboard.plugin").setLevel(logging.ERROR)
    for name in CHATTY:
        # They log session ids and signed addresses: whoever knows one can use it.
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def keep() -> None:
    """Switch the host's loggers on again: a plugin may have disabled all that existed (`logging.config`)."""
    for name, logger in logging.root.manager.loggerDict.items():
        if name.partition(".")[0] == OWN and isinstance(logger, logging.Logger):
            logger.disabled = False
