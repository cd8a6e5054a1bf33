"""Puts precomputed lists into answers on their way out: see `fuseboard.mcp_server.splice`."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fuseboard.mcp_server.splice import KEY, Splice


class ListSplicer:
    """An ASGI app around the MCP endpoint.

    Args:
        app: the endpoint, which answers each request in one piece of the body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        splice = Splice()
        scope[KEY] = splice

        async def spliced(message: Message) -> None:
            if splice.items:
                message = _with_list(message, splice)
            await send(message)

        await self._app(scope, receive, spliced)


def _with_list(message: Message, splice: Splice) -> Message:
    if message["type"] == "http.response.body":
        return {**message, "body": splice.into(message.get("body", b""))}
    if message["type"] != "http.response.start":
        return message
    headers = [
        (name, str(int(value) + splice.growth()).encode() if name == b"content-length" else value)
        for name, value in message["headers"]
    ]
    return {**message, "headers": headers}
