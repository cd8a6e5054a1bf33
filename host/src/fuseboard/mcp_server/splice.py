"""A long list goes to the client as the bytes that were computed once.

The SDK turns every answer into JSON anew, which takes milliseconds for a thousand tools. So the handler answers with a
list that holds only a mark, and the HTTP surface puts the list's bytes in the mark's place.
"""

from __future__ import annotations

from secrets import token_hex

KEY = "fuseboard.mcp_server.splice"
"""Where the HTTP surface leaves the `Splice` of a request in its ASGI scope."""

MARK = f"fuseboard-list-{token_hex(16)}"
"""Not to be guessed, so that nothing a plugin or a client sends can stand for a list."""

MARK_BYTES = f'"{MARK}"'.encode()


class Splice:
    """The bytes that belong into the answer to one request.

    Attributes:
        items: the list's items as JSON, joined by commas; b"" while nothing is to be put in.
    """

    __slots__ = ("items",)

    def __init__(self) -> None:
        self.items = b""

    def growth(self) -> int:
        """By how many bytes the answer becomes longer."""
        return len(self.items) - len(MARK_BYTES) if self.items else 0

    def into(self, body: bytes) -> bytes:
        """The answer with the list in the mark's place."""
        return body.replace(MARK_BYTES, self.items, 1) if self.items else body
