"""Who calls, and from which surface."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

LOCAL = "local"
"""The principal of whoever runs the process: over stdio, and on the command line."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls and from where.

    Attributes:
        surface: the way in: "stdio", "http", "sse", "cli", "board" (another plugin), "health" or "memory" (tests).
        principal: the authenticated identity, "local" for whoever runs the process, None without authentication.
        request_id: the client's id of the request, for logs.
        client: name and version that the client gave of itself, hostile text.
        roles: what the access policy gives rights to. None means that no policy binds this caller; a plugin that
            makes a caller without roles inside a call or a request gets those of that call or request.
    """

    surface: str
    principal: str | None = None
    request_id: str | None = None
    client: str | None = None
    roles: frozenset[str] | None = None


CALLER = "fuseboard.caller"
"""Where the HTTP surface leaves the `Caller` of a request in its ASGI scope, if somebody is to be told apart."""

asking: ContextVar[Caller | None] = ContextVar("fuseboard_asking", default=None)
"""Who sent the HTTP request that is served here: for a plugin's route, which calls through its board."""
