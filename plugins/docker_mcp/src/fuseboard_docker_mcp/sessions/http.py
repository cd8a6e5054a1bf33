"""A server behind an address as a transport of the SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx2
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from fuseboard_docker_mcp.config import ProxySettings
from fuseboard_docker_mcp.models import HttpLaunch

CONNECT_TIMEOUT = 10.0
"""Seconds for one connection, or until a request is taken."""
SILENCE = 15.0
"""Seconds that a stream may be silent beyond the longest call."""
SESSION_HEADER = "mcp-session-id"
NOT_FOUND = 404
EVENT_STREAM = "text/event-stream"


def http_transport(
    launch: HttpLaunch, settings: ProxySettings, on_lost: Callable[[], None]
) -> AbstractAsyncContextManager[tuple[Any, Any]]:
    """The streams of a server behind an address.

    Args:
        launch: the address.
        settings: bound it.
        on_lost: called when the server does not know the session any more, because it was started anew.

    The SDK follows no redirect that leaves the origin of the address, so the headers reach nobody else. A single event
    of the old SSE transport may have 1 MiB, which the SDK does not let anybody change.
    """
    if launch.transport == "sse":
        return sse_client(
            launch.url,
            headers=dict(launch.headers),
            timeout=_timeout(settings).connect or CONNECT_TIMEOUT,
            sse_read_timeout=_timeout(settings).read or SILENCE,
            httpx_client_factory=lambda headers=None, timeout=None, auth=None: _client(
                headers, timeout, settings, on_lost
            ),
        )
    return _streamable(launch, settings, on_lost)


@asynccontextmanager
async def _streamable(
    launch: HttpLaunch, settings: ProxySettings, on_lost: Callable[[], None]
) -> AsyncIterator[tuple[Any, Any]]:
    async with (
        _client(dict(launch.headers), _timeout(settings), settings, on_lost) as client,
        streamable_http_client(launch.url, http_client=client, max_sse_event_size=settings.message_bytes) as streams,
    ):
        yield streams


def _timeout(settings: ProxySettings) -> httpx2.Timeout:
    read = max(settings.call_timeout, settings.ask_timeout) + SILENCE
    return httpx2.Timeout(min(CONNECT_TIMEOUT, settings.connection_timeout), read=read)


def _client(
    headers: dict[str, str] | None,
    timeout: httpx2.Timeout | None,
    settings: ProxySettings,
    on_lost: Callable[[], None],
) -> httpx2.AsyncClient:
    async def watch(response: httpx2.Response) -> None:
        if response.status_code == NOT_FOUND and SESSION_HEADER in response.request.headers:
            on_lost()
        if response.headers.get("content-encoding", "identity") != "identity":
            raise httpx2.DecodingError("the server compresses, which was not asked for")
        if not response.headers.get("content-type", "").startswith(EVENT_STREAM):
            response.stream = _Bounded(response.stream, settings.message_bytes)

    return httpx2.AsyncClient(
        # A small compressed answer can become an endless one.
        headers={**(headers or {}), "accept-encoding": "identity"},
        timeout=timeout,
        follow_redirects=False,
        event_hooks={"response": [watch]},
    )


class _Bounded(httpx2.AsyncByteStream):
    """The body of an answer that may have so many bytes. Streams of events are bounded by the SDK, event by event."""

    def __init__(self, stream: Any, most: int) -> None:
        self._stream = stream
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > self._most:
                raise httpx2.ReadError("the server sent a message that is longer than proxy.message_bytes allows")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
