"""How a client on an MCP session is reached: the surface's side of a running call."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from fuseboard.errors import ToolError
from fuseboard.mcp_server.notifier import connection_of

LOG_LEVEL = "fuseboard/log-level"
LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")

_REQUESTS: Mapping[str, tuple[Any, Any]] = {
    "elicitation/create": (types.ElicitRequest, types.ElicitResult),
    "sampling/createMessage": (types.CreateMessageRequest, types.CreateMessageResult),
    "roots/list": (types.ListRootsRequest, types.ListRootsResult),
}


class SessionReach:
    """One request's way back to its client. Lives on the host's loop.

    Args:
        ctx: the request.
        in_memory: whether the client is in this process.
    """

    __slots__ = ("_ctx", "_session", "asks_in_rounds", "wants_progress")

    def __init__(self, ctx: ServerRequestContext[Any, Any], *, in_memory: bool) -> None:
        self._ctx = ctx
        self._session: ServerSession = ctx.session
        self.asks_in_rounds = ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
        # An in-memory client hands its callback over directly; all others ask for progress by a token.
        self.wants_progress = in_memory or (ctx.meta is not None and ctx.meta.get("progress_token") is not None)

    def can(self, capability: str) -> bool:
        """Whether the client declared "elicitation.form", "elicitation.url", "sampling" or "roots"."""
        declared: Any = self._session.client_capabilities
        if declared is None:
            return False
        name, _, mode = capability.partition(".")
        found = getattr(declared, name, None)
        if name != "elicitation" or found is None:
            return found is not None
        # A client that names no mode means forms (specification 2025-11-25, elicitation).
        return getattr(found, mode, None) is not None or (mode == "form" and found.url is None)

    async def progress(self, done: float, total: float | None, message: str | None) -> None:
        """Send `notifications/progress` for this request."""
        await self._session.report_progress(done, total, message)

    async def ask(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request to the client and wait for its answer (handshake revisions).

        Raises:
            ToolError: the client refused, or answered something else.
        """
        request_type, result_type = _REQUESTS[method]
        request = request_type.model_validate({"method": method, "params": dict(params)})
        data = request.model_dump(by_alias=True, mode="json", exclude_none=True)
        try:
            result = await self._session.send_request(request, result_type, metadata=_related(self._ctx.request_id))
        except MCPError as error:
            raise ToolError(f"the client refused {data['method']}: {error.error.message[:200]}") from error
        except ValidationError as error:
            raise ToolError(f"the client's answer to {data['method']} has a wrong form") from error
        answer: dict[str, Any] = result.model_dump(by_alias=True, mode="json", exclude_none=True)
        return answer

    async def log(self, level: str, data: Any, logger: str | None) -> None:
        """Send `notifications/message`, if the client wants messages of this level."""
        lowest = connection_of(self._ctx).state.get(LOG_LEVEL, "debug")
        if level not in LEVELS or LEVELS.index(level) < LEVELS.index(lowest):
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MCPDeprecationWarning)
            await self._session.send_log_message(level, data, logger, related_request_id=self._ctx.request_id)  # type: ignore[arg-type]


def _related(request_id: types.RequestId | None) -> Any:
    from mcp.shared.message import ServerMessageMetadata

    return ServerMessageMetadata(related_request_id=request_id)
