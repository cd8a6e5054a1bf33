"""The last words of a server: the end of what it wrote on its standard error, bounded, cleaned when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable

from fuseboard_docker_mcp.text import clean, redacted

KEPT = 64 * 1024
"""Bytes of the tail."""
MOST_LINES = 200
LONGEST_LINE = 300


class Tail:
    """Keeps the last `KEPT` bytes of a stream that may never contain a newline.

    Args:
        secrets: values that are replaced when the stream quotes them.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = frozenset(secrets)
        self._bytes = bytearray()
        self._cut = False

    def add(self, chunk: bytes) -> None:
        """Take what was read; the oldest bytes are forgotten."""
        self._bytes += chunk
        if len(self._bytes) > 2 * KEPT:
            del self._bytes[:-KEPT]
            self._cut = True

    def lines(self) -> list[str]:
        """The last lines, oldest first: printable, each cut to 300 characters, without secrets and empty lines."""
        text = redacted(bytes(self._bytes[-KEPT:]).decode(errors="replace"), self._secrets).replace("\r", "\n")
        if self._cut or len(self._bytes) > KEPT:
            # What stands at the cut may be the second half of a secret, which is not found any more.
            first, newline, rest = text.partition("\n")
            text = rest if newline else first[max(map(len, self._secrets), default=0) :]
        cleaned = (redacted(clean(line, LONGEST_LINE), self._secrets) for line in text.split("\n")[-MOST_LINES:])
        return [line for line in cleaned if line]
