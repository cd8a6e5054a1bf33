"""Files that hold configuration and secrets while a server runs: mode 0600, in a folder of mode 0700, gone with it.

The folder is below `state_folder`, not below the system's temporary directory: that one may be mounted into containers.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fuseboard_docker_mcp.errors import CannotStart
from fuseboard_docker_mcp.text import clean

LEFT_ALONE = 60
"""Seconds that a folder must be old before it may count as left behind: until then its lock may not be there yet."""
_LOCK, _OUTSIDE = "lock", "outside"


@dataclass(frozen=True, slots=True)
class PrivateFolder:
    """A folder of one start of one server.

    Attributes:
        path: absolute; no part of it needs quoting in Docker's lists of paths.
    """

    path: Path
    _outside: list[Path] = field(default_factory=list)

    def write(self, name: str, text: str, mode: int = 0o600) -> Path:
        """Write a file into the folder, whole or not at all. Raises `CannotStart`."""
        return _write(self.path / name, text, mode)

    def write_outside(self, path: Path, text: str) -> Path:
        """Write a file elsewhere that goes when the folder goes; its folders are made. Raises `CannotStart`."""
        # The note is first: should this process be killed, the next one finds and removes the file.
        self.write(_OUTSIDE, str(path))
        self._outside.append(path)
        return _write(path, text, 0o600)

    def _remove(self) -> None:
        for path in self._outside:
            with contextlib.suppress(OSError):
                path.unlink()
        shutil.rmtree(self.path, ignore_errors=True)


@contextlib.contextmanager
def private_folder(state_folder: Path, name: str) -> Iterator[PrivateFolder]:
    """Make a folder for one start of the server `name`, and remove it with all it holds on the way out.

    Folders that a killed process left behind are removed first: they may hold secrets.

    Raises:
        CannotStart: the folder cannot be made or written into.
    """
    with contextlib.ExitStack() as stack:
        try:
            root = state_folder / "run"
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            _remove_left_behind(root)
            folder = PrivateFolder(Path(tempfile.mkdtemp(prefix=f"{name}-", dir=root)))
            stack.callback(folder._remove)
            stack.callback(os.close, _locked(folder.path / _LOCK, os.O_CREAT))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise CannotStart(
                f"{name}: no private folder can be made in {clean(str(state_folder))}: {reason}"
            ) from None
        if bad := sorted({",", ":", '"', "\n"}.intersection(str(folder.path))):
            raise CannotStart(
                f"{name}: {clean(str(state_folder))} holds {bad[0]!r}, which separates paths for Docker. "
                "The operator can set plugins.docker_mcp.state_folder to another folder"
            )
        yield folder


def _write(path: Path, text: str, mode: int) -> Path:
    part = None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(part, mode)
        os.replace(part, path)
    except OSError as error:
        if part:
            Path(part).unlink(missing_ok=True)
        reason = error.strerror or type(error).__name__
        raise CannotStart(f"a private file cannot be written to {clean(str(path), 200)}: {reason}") from None
    return path


def _locked(path: Path, flags: int = 0) -> int:
    """Open and lock a file until it is closed, which the end of the process does as well."""
    handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | flags, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _remove_left_behind(root: Path) -> None:
    for path in root.iterdir():
        # Two hosts may clean up at once, and a folder may be in use: whatever cannot be had is left alone.
        with contextlib.suppress(OSError):
            if time.time() - path.stat(follow_symlinks=False).st_mtime < LEFT_ALONE:
                continue
            with contextlib.ExitStack() as stack:
                if (path / _LOCK).exists():
                    stack.callback(os.close, _locked(path / _LOCK))
                with contextlib.suppress(OSError, ValueError):
                    Path((path / _OUTSIDE).read_text(encoding="utf-8")).unlink()
                shutil.rmtree(path)
