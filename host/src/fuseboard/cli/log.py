"""Setting up the log."""

from __future__ import annotations

import atexit
import logging
import sys
from typing import TYPE_CHECKING, Any

from fuseboard.errors import SettingsError
from fuseboard.logs.announcing import announce_by
from fuseboard.logs.keeping import OWN
from fuseboard.logs.sink import Sink
from fuseboard.settings.secret_values import remember
from fuseboard.settings.sources import ENV_PREFIX

if TYPE_CHECKING:
    from pathlib import Path

    from fuseboard.settings import LoadedSettings

SILENT = logging.CRITICAL + 1
CHATTY = ("httpx2", "mcp.server.sse", "mcp.server.streamable_http", "mcp.server.streamable_http_manager")

logger = logging.getLogger(__name__)


def set_up(loaded: LoadedSettings, extent: str) -> None:
    """Send the log to standard error, and into the file that the operator named.

    Args:
        loaded: has level and form; a level that the operator chose holds for every extent.
        extent: "everything", for a surface that runs for long; "calls", for a single call: only what a plugin raised in
            it; "nothing", for a command that shows by itself what became of the plugins.

    Raises:
        SettingsError: the file cannot be opened.
    """
    _remember_secrets(loaded)
    serves = extent == "everything"
    # What a command tells a person beside its output is no log for machines.
    sink = Sink(loaded.settings.log.format if serves else "text")
    atexit.register(sink.flush)
    chosen = serves or loaded.source(("log", "level")) != "default"
    level = logging.getLevelNamesMapping()[loaded.settings.log.level.upper()] if chosen else SILENT
    logging.basicConfig(level=level, handlers=[sink], force=True)
    own = logging.getLogger(OWN)
    # Not through the root, which any plugin can set up anew: what the host says of one must not vanish with it.
    own.handlers, own.propagate = [sink], False
    own.setLevel(level)
    if extent == "calls" and not chosen:
        logging.getLogger("fuseboard.plugin").setLevel(logging.ERROR)
    if not serves:
        # Whoever makes a single call sees by its result how it ended.
        logging.getLogger("fuseboard.calls").setLevel(max(level, logging.ERROR))
    for name in CHATTY:
        # They log session ids and signed addresses: whoever knows one can use it.
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    if serves and loaded.settings.log.format == "json":
        _everything_through(sink)
    if serves and loaded.settings.log.file is not None:
        _open_file(sink, loaded.settings.log.file, loaded.source(("log", "file")))


def _remember_secrets(loaded: LoadedSettings) -> None:
    remember(loaded.settings)
    for variables in (loaded.environment, loaded.dotenv):
        remember({name: found.text for name, found in variables.items() if name.upper().startswith(ENV_PREFIX)})


def _everything_through(sink: Sink) -> None:
    """Also what Python and the command itself say becomes JSON, and what plugins write to `sys.stderr`."""
    import threading

    announce_by(sink.say)
    logging.captureWarnings(True)
    sys.unraisablehook = _unraisable
    threading.excepthook = _of_thread
    # The guard's stand-in logs each line under the plugin's name. What C code writes stays as it is.
    stand_in: Any = sys.stdout
    if type(stand_in).__module__ == "fuseboard.transports.stdout_guard":
        sys.stderr = stand_in


def _unraisable(problem: Any) -> None:
    what = problem.err_msg or "exception ignored in"
    error = problem.exc_value
    logger.error("%s %r", what, problem.object, exc_info=error if error is not None else False)


def _of_thread(problem: Any) -> None:
    if problem.exc_type is not SystemExit:
        name = problem.thread.name if problem.thread is not None else "?"
        logger.error("the thread %s ended with an exception", name, exc_info=problem.exc_value)


def _open_file(sink: Sink, path: Path, source: str) -> None:
    # Imported here, because it brings sockets and queues along and few processes have a file.
    from fuseboard.logs.log_file import LogFile

    try:
        sink.file = LogFile(path.absolute(), sink.complain)
    except BlockingIOError:
        logger.warning("log.file (%s): another process writes %s; this one logs to standard error alone", source, path)
    except OSError as error:
        raise SettingsError(
            f"log.file ({source}): {path} cannot be opened: {error.strerror}; make its directory or choose another file"
        ) from None
