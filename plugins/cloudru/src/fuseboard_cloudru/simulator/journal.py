"""What the simulator was asked, for tests that count requests. It keeps no bodies and no headers but one."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fuseboard_cloudru.simulator.store import Store

ENTRY = "fuseboard_cloudru.entry"
"""Where a request's scope has its entry."""


@dataclass
class Entry:
    """One request.

    Attributes:
        method: its method.
        path: its path as it was sent, without the query.
        query: its query as it was sent.
        request_id: its header `X-Request-ID`, empty without one.
        authorised: whether it came with a good token, or with the right key pair.
        status: the status of the answer, None while there is none.
        fault: what went wrong with the answer, empty when nothing did.
    """

    method: str
    path: str
    query: str = ""
    request_id: str = ""
    authorised: bool = False
    status: int | None = None
    fault: str = ""


class Journal:
    """ASGI middleware that writes down every request, in the order of arrival.

    Args:
        app: what answers.
        store: whose key is hidden, should a client send it in a query.
        entries: where to write.
    """

    def __init__(self, app: ASGIApp, store: Store, entries: list[Entry]) -> None:
        self._app = app
        self._store = store
        self._entries = entries

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        entry = self._entry(scope)
        self._entries.append(entry)

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
            await send(message)

        await self._app({**scope, ENTRY: entry}, receive, note)

    def _entry(self, scope: Scope) -> Entry:
        query = scope["query_string"].decode("latin-1").replace(self._store.secret, "***")
        return Entry(scope["method"], raw_path(scope), query, Headers(scope=scope).get("x-request-id", ""))


def raw_path(scope: Scope) -> str:
    """The path as it was sent, still quoted."""
    sent = scope.get("raw_path") or scope["path"].encode()
    return str(sent.decode("latin-1"))
