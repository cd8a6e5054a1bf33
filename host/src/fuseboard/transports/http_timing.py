"""`X-Request-ID` and `X-Process-Time` on every answer, whatever gives it: the outermost ASGI middleware."""

from __future__ import annotations

import itertools
import logging
import re
import time
from secrets import token_hex

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fuseboard.logs.call_log import REQUEST_ID

logger = logging.getLogger(__name__)

ID_HEADER = b"x-request-id"
TIME_HEADER = b"x-process-time"
OWN = (ID_HEADER, TIME_HEADER)
SANE = re.compile(rb"[\w.:=+/@-]{1,128}\Z")


class HttpTiming:
    """The middleware.

    Args:
        app: what is served.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        # Nobody has to guess it, so a number will do; the mark sets the processes behind one proxy apart.
        self._mark, self._numbers = token_hex(4), itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request under its id; the time is that to the first byte, in seconds."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        begun = time.perf_counter()
        request_id = scope[REQUEST_ID] = _given(scope) or f"{self._mark}{next(self._numbers):08x}"

        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                seconds = time.perf_counter() - begun
                # Names of headers are in small letters: the ASGI specification demands it.
                kept = [pair for pair in message.get("headers", ()) if pair[0] not in OWN]
                kept += (ID_HEADER, request_id.encode()), (TIME_HEADER, b"%.6f" % seconds)
                message = {**message, "headers": kept}
                if logger.isEnabledFor(logging.DEBUG):
                    _tell(scope, message["status"], request_id, seconds)
            await send(message)

        await self._app(scope, receive, timed)


def _given(scope: Scope) -> str | None:
    """The client's own id; one that could not stand in a log as it is, or two of them, are none."""
    found = [value for name, value in scope["headers"] if name == ID_HEADER]
    return found[0].decode() if len(found) == 1 and SANE.match(found[0]) else None


def _tell(scope: Scope, status: int, request_id: str, seconds: float) -> None:
    facts = {"request_id": request_id, "ms": round(seconds * 1000, 3), "status": status}
    # The query stays out: it is where tokens travel.
    logger.debug("%s %s: %s", scope["method"], scope["path"], status, extra={"fuseboard": facts})
