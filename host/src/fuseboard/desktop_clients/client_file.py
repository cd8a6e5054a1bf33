"""Reading and writing a client's file: nothing is lost, whatever happens in between."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fuseboard.errors import FuseboardError

PRIVATE = 0o600
COMMON = 0o644


@dataclass(frozen=True, slots=True)
class ClientFile:
    """A client's file as it was read.

    Attributes:
        path: as it is named.
        raw: its bytes, None if there is no file.
        text: its text, without the mark.
        marked: whether it begins with a byte order mark.
    """

    path: Path
    raw: bytes | None
    text: str = ""
    marked: bool = False


def read(path: Path) -> ClientFile:
    """Read a file that may be missing.

    Raises:
        FuseboardError: it is no file, cannot be read, or is no text in UTF-8.
    """
    try:
        # A pipe would be waited for, and a device such as /dev/null, which some link to, replaced.
        if not stat.S_ISREG(mode := path.stat().st_mode) and not stat.S_ISDIR(mode):
            raise FuseboardError(
                f"{path}: is a pipe or a device and no file; put a file there, or name one with --file"
            )
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return ClientFile(path, None)
    except OSError as error:
        raise FuseboardError(f"{path}: cannot be read ({error.strerror or type(error).__name__})") from None
    if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise FuseboardError(f"{path}: is in UTF-16, which no client reads; save it as UTF-8")
    marked = raw.startswith(BOM_UTF8)
    try:
        return ClientFile(path, raw, raw.removeprefix(BOM_UTF8).decode("utf-8"), marked)
    except UnicodeDecodeError as error:
        body = raw.removeprefix(BOM_UTF8)
        line = body.count(b"\n", 0, error.start) + 1
        column = error.start - body.rfind(b"\n", 0, error.start)
        raise FuseboardError(f"{path}: line {line}, column {column}: is not UTF-8; save it as UTF-8") from None


def real_path(path: Path) -> Path:
    """What is to be written: a link stays a link, its target changes.

    Raises:
        FuseboardError: the file is read-only, or the link leads round in a circle.
    """
    try:
        target = path.resolve()
        mode = target.stat().st_mode
    except FileNotFoundError:
        return target
    except (OSError, RuntimeError) as error:
        raise FuseboardError(f"{path}: cannot be reached ({type(error).__name__}: is it a link to itself?)") from None
    # Asked of the mode, since root may write everything: whoever takes the right away has a reason.
    if not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(target, os.W_OK):
        raise FuseboardError(f"{target}: is read-only; make it writable, or change it with what manages it")
    return target


def write(file: ClientFile, text: str, *, private: bool, now: datetime) -> Path | None:
    """Replace a file as a whole, after a backup beside it.

    Args:
        file: as it was read; when it has changed since then, nothing is written.
        text: what it shall hold.
        private: whether a new file is for its owner's eyes only.
        now: for the name of the backup.

    Returns:
        The backup, None if there was no file.

    Raises:
        FuseboardError: it cannot be written, or another program has changed it meanwhile.
    """
    target = real_path(file.path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return _replace(file, target, text.encode("utf-8"), PRIVATE if private else COMMON, now)
    except UnicodeEncodeError:
        raise FuseboardError(f"{file.path}: a name in the entry is no valid text; move fuseboard elsewhere") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise FuseboardError(f"{file.path}: cannot be written ({reason}); nothing was changed") from None


def _backup(target: Path, raw: bytes, now: datetime) -> Path:
    name = f"{target.name}.backup-{now:%Y%m%d-%H%M%S}"
    for number in range(1, 100):
        path = target.with_name(name if number == 1 else f"{name}-{number}")
        try:
            with path.open("xb") as out:
                with suppress(OSError):
                    shutil.copystat(target, path)
                out.write(raw)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(f"{name} is there a hundred times")


def _replace(file: ClientFile, target: Path, content: bytes, mode: int, now: datetime) -> Path | None:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        if file.raw is None:
            os.chmod(name, mode)
        else:
            shutil.copymode(target, name)
            if hasattr(os, "chown"):
                # With sudo the file would become root's, and its owner could not use the client any more.
                with suppress(OSError):
                    os.chown(name, target.stat().st_uid, target.stat().st_gid)
        if read(file.path).raw != file.raw:
            raise FuseboardError(f"{file.path}: another program has just changed it; run the command again")
        saved = _backup(target, file.raw, now) if file.raw is not None else None
        os.replace(name, target)
        return saved
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
