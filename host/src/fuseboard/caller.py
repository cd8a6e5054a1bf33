"""Who calls, and from which surface."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls and from where.

    Attributes:
        surface: the way in: "stdio", "http", "sse", "cli", "board" (another plugin), "health" or "memory" (tests).
        principal: the authenticated identity, None without authentication.
        request_id: the client's id of the request, for logs.
        client: name and version that the client gave of itself, hostile text.
    """

    surface: str
    principal: str | None = None
    request_id: str | None = None
    client: str | None = None
