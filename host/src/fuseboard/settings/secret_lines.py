"""Files that hold secrets, one a line: keys that seal questions, and tokens."""

from __future__ import annotations

import stat
from pathlib import Path


def text_of(file: Path) -> str:
    """All of a file, with or without the mark that editors on Windows put first.

    Raises:
        OSError: it cannot be read. ValueError: it is no regular file, or not UTF-8.
    """
    if not stat.S_ISREG(file.stat().st_mode):
        raise ValueError("it is no regular file")  # reading a pipe might never end
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeError:
        raise ValueError("it is not UTF-8") from None


def why(error: Exception) -> str:
    """What is wrong with such a file, for whoever has named it."""
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)


def lines_of(text: str) -> dict[int, str]:
    """The lines by their numbers, without the space around them; no empty ones, and no remarks, which begin with #."""
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return {number: line for number, line in lines if line and not line.startswith("#")}
