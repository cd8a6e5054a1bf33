"""Answers of bounded size: a transport that counts the bytes of every body, those of a token included.

It sits below the client, so that nothing above it (the authentication flow reads bodies too) can read without a limit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

from fuseboard_cloudru.errors import BadAnswer
from fuseboard_cloudru.text import clean

LIMIT = "fuseboard_cloudru.limit"
"""Name of the request extension that says how many bytes of a successful body are accepted."""


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Lets at most `request.extensions[LIMIT]` bytes of a body through.

    A successful answer that is longer, or packed, is an error; of a failed one the beginning is kept.

    Args:
        inner: opens the connections.
        error_bytes: how much of the body of an error is kept.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, error_bytes: int) -> None:
        self._inner = inner
        self._error_bytes = error_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request.

        Raises:
            BadAnswer: the body is packed; and, while it is read, too large.
        """
        response = await self._inner.handle_async_request(request)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        encoding = response.headers.pop("content-encoding", "identity").strip().lower()
        packed = encoding not in ("identity", "")
        asked = f"{request.method} {request.url.path} answered {response.status_code}"
        if response.is_success and packed:
            await response.aclose()
            raise BadAnswer(
                f"{asked} with a packed body ({clean(encoding, 20)}) though none was asked for; the operator checks "
                "api_url and iam_url"
            )
        limit = request.extensions[LIMIT] if response.is_success else 0 if packed else self._error_bytes
        response.stream = _Counted(response.stream, limit, asked if response.is_success else None)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    """A body that ends at its limit, with an error when it is known what was asked."""

    def __init__(self, inner: httpx2.AsyncByteStream, limit: int, asked: str | None) -> None:
        self._inner = inner
        self._limit = limit
        self._asked = asked

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._limit
        async for chunk in self._inner:
            if len(chunk) > left:
                if self._asked is not None:
                    raise BadAnswer(
                        f"{self._asked} with more than {self._limit} bytes, the limit for this; ask for a smaller "
                        "page, or the operator raises it in the setting limits"
                    )
                yield chunk[:left]
                return
            left -= len(chunk)
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
