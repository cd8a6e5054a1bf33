"""Answers of bounded size: a transport that counts the bytes of every body, those of a login included.

It sits below the client, so that nothing above it (the authentication flow reads bodies too) can read without a limit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

from fuseboard_oci.errors import BadAnswer
from fuseboard_oci.text import clean

LIMIT = "fuseboard_oci.limit"
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
            BadAnswer: BAD_ENCODING; and TOO_LARGE while the body is read.
        """
        response = await self._inner.handle_async_request(request)
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        packed = encoding not in ("identity", "")
        if packed and response.is_success:
            await response.aclose()
            raise BadAnswer(
                "BAD_ENCODING", f"{request.url.host} sent a packed body ({clean(encoding, 20)}) though none was asked"
            )
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        limit = request.extensions.get(LIMIT, self._error_bytes)
        if response.is_success:
            response.stream = _Counted(response.stream, limit, host=request.url.host)
        else:
            # Nothing would be gained by unpacking what explains an error.
            response.headers.pop("content-encoding", None)
            response.stream = _Counted(response.stream, 0 if packed else self._error_bytes)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    """A body that ends at its limit, with an error when it has the name of a host to blame."""

    def __init__(self, inner: httpx2.AsyncByteStream, limit: int, host: str | None = None) -> None:
        self._inner = inner
        self._limit = limit
        self._host = host

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._limit
        async for chunk in self._inner:
            if len(chunk) > left:
                if self._host is not None:
                    raise BadAnswer("TOO_LARGE", f"{self._host} sent more than {self._limit} bytes, the limit for this")
                yield chunk[:left]
                return
            left -= len(chunk)
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
