"""What the host says about a plugin's exception: to the operator in one line, without the text of strangers."""

from __future__ import annotations

import sys
import threading
import traceback
from pathlib import Path
from types import FrameType

from fuseboard.errors import CallError, FuseboardError, PluginFailure
from fuseboard.loop_thread import Escaped
from fuseboard.strict_json import one_line

OWN_FOLDER = str(Path(__file__).parent)


def reason_of(error: BaseException) -> str:
    """One sentence for the ledger.

    Only texts that are meant to be read are quoted: the host's own errors, what a plugin raised for the reader
    (`ToolError`, `BackendError`), the system's words for an OSError, and what the interpreter says of an import.
    The text of any other exception may hold a secret; its type and place are told instead.
    """
    if isinstance(error, Escaped):
        return reason_of(error.cause)
    if isinstance(error, BaseExceptionGroup):
        return reason_of(error.exceptions[0])
    if isinstance(error, PluginFailure):
        return error.reason
    if isinstance(error, CallError | FuseboardError):
        return one_line(str(error))
    if isinstance(error, SystemExit):
        return f"called sys.exit({error.code!r})" if isinstance(error.code, int | None) else "called sys.exit()"
    kind = type(error).__name__
    if isinstance(error, ImportError | SyntaxError):
        return f"{kind}: {one_line(str(error), 300)}"
    if isinstance(error, OSError) and error.strerror:
        return f"{kind}: {error.strerror}{place_of(error)}"
    return f"{kind}{place_of(error)} (its text is in the log)"


def without_host_frames(error: BaseException) -> BaseException:
    """The same exception for the log, its traceback beginning at the plugin's code."""
    error = error.cause if isinstance(error, Escaped) else error
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None and trace.tb_frame.f_code.co_filename.startswith(OWN_FOLDER):
        trace = trace.tb_next
    return error.with_traceback(trace)


def place_of(error: BaseException) -> str:
    """` at file:line` of the plugin's innermost frame in a traceback, "" if there is none."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_foreign(frame.filename)]
    return f" at {_short(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""


def place_of_thread(thread: threading.Thread | None) -> str:
    """` at file:line in function` of what a thread executes right now, "" if it cannot be told."""
    frame = sys._current_frames().get(thread.ident or 0) if thread is not None else None
    innermost: FrameType | None = frame
    while frame is not None and _is_foreign(frame.f_code.co_filename):
        frame = frame.f_back
    frame = frame or innermost
    if frame is None:
        return ""
    return f" at {_short(frame.f_code.co_filename)}:{frame.f_lineno} in {frame.f_code.co_name}"


def _is_foreign(filename: str) -> bool:
    """Whether a frame is of the host, the standard library or the import machinery, and so tells nothing."""
    return filename.startswith(("<frozen", OWN_FOLDER)) or (
        "/lib/python" in filename and "/site-packages/" not in filename and "/dist-packages/" not in filename
    )


def _short(filename: str) -> str:
    return "/".join(Path(filename).parts[-2:])
