"""What people and scripts see: text, tables and JSON on the real standard output, notes and progress on the error."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from fuseboard.logs.announcing import announced

ERASE_LINE = "\r\x1b[K"


def clean(text: object) -> str:
    """A stranger's text for one line of a terminal: without control characters, which could rewrite the screen."""
    return "".join(char if char.isprintable() else " " for char in str(text))


def clean_lines(text: str) -> str:
    """Like `clean`, but lines and tabs stay."""
    return "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)


class Console:
    """The output of one command.

    Args:
        out: the real standard output; plugins cannot reach it.
        err: for notes, errors and progress.
    """

    def __init__(self, out: IO[str], err: IO[str] | None = None) -> None:
        self.out = out
        self.err = err if err is not None else sys.stderr
        self.shows_progress = self.err.isatty()
        self._progress = ""

    def text(self, text: str) -> None:
        """Print a text as it is into a file or a pipe, and without control characters on a terminal."""
        shown = clean_lines(text) if self.out.isatty() else text
        self.out.write(shown if shown.endswith("\n") else f"{shown}\n")

    def json(self, value: Any) -> None:
        """Print a value as JSON. Characters beyond ASCII stay; a lone surrogate is escaped by the stream."""
        json.dump(value, self.out, indent=2, ensure_ascii=False)
        self.out.write("\n")

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print rows in aligned columns. The last column may be long; nothing is cut."""
        lines = [list(heads), *([clean(cell) for cell in row] for row in rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
        for line in lines:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            self.out.write("  ".join(cells).rstrip() + "\n")

    def note(self, text: str) -> None:
        """Say something beside the output, on standard error."""
        self._erase()
        self.err.write(f"{clean(text)}\n")
        self.err.flush()

    def error(self, text: str) -> None:
        """Say what is wrong, a line each."""
        for line in text.splitlines():
            if not announced(line, "error"):
                self.note(f"fuseboard: {line}")

    def progress(self, text: str) -> None:
        """Show what is going on, in one line that the next one replaces; on a terminal only."""
        if self.shows_progress:
            width = shutil.get_terminal_size().columns - 1
            self._progress = clean(text)[:width]
            self.err.write(f"{ERASE_LINE}{self._progress}")
            self.err.flush()

    @contextmanager
    def progressing(self) -> Iterator[None]:
        """Erase the progress line at the end."""
        try:
            yield
        finally:
            self._erase()

    def _erase(self) -> None:
        if self._progress:
            self.err.write(ERASE_LINE)
            self.err.flush()
            self._progress = ""
