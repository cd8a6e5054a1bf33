"""One call of a server's tool, or of its prompt: checked, sent once, and ended in one of a few known ways."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import anyio
import mcp_types
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, GetPromptResult, InputRequiredResult
from pydantic import TypeAdapter, ValidationError

from fuseboard_docker_mcp.errors import InvalidInput, ServerDied, ToolFailed, UnknownTool
from fuseboard_docker_mcp.sessions.arguments import check_arguments
from fuseboard_docker_mcp.sessions.connection import Connection
from fuseboard_docker_mcp.sessions.filtered import capabilities
from fuseboard_docker_mcp.sessions.questions import PARKED, Flight, capabilities_of, capability_of
from fuseboard_docker_mcp.text import clean, redacted

if TYPE_CHECKING:
    from fuseboard import Context
    from fuseboard_docker_mcp.sessions.session import Session

TOOL_RESULT: TypeAdapter[Any] = TypeAdapter(CallToolResult | InputRequiredResult)
PROMPT_RESULT: TypeAdapter[Any] = TypeAdapter(GetPromptResult | InputRequiredResult)
ASKED = "asked:"
"""Begins the request state of a question that a server asked by its result; the server's own state follows."""
ASKED_STATELESS = "asked"
PAGE = re.compile(r"https?://[!-~]{1,1000}")
MOST_PAGES = 3
GATEWAY_LOST_SERVER = 'connection closed: calling "tools/call": client is closing: EOF'
"""What a gateway answers for ever once its container has ended."""


async def call_tool(session: Session, ctx: Context[Any], name: str, arguments: Mapping[str, Any]) -> Any:
    """Call a tool; see `Session.call_tool`."""
    started = time.perf_counter()
    outcome = "failed"
    try:
        result = await _round(session, ctx, "tool", name, arguments)
        outcome = "error" if getattr(result, "is_error", False) else "ok"
        return result
    except asyncio.CancelledError:
        outcome = "cancelled"
        raise
    finally:
        seconds = time.perf_counter() - started
        session.metrics.observe("call_seconds", seconds, server=session.name, outcome=outcome)


async def get_prompt(session: Session, ctx: Context[Any], name: str, arguments: Mapping[str, str]) -> Any:
    """Render a prompt; see `Session.get_prompt`."""
    return await _round(session, ctx, "prompt", name, arguments)


async def _round(session: Session, ctx: Context[Any], kind: str, name: str, arguments: Mapping[str, Any]) -> Any:
    key = (session.name, name, kind, json.dumps(arguments, sort_keys=True, default=str), ctx.caller.principal)
    state = ctx.request_state
    if state is not None and state.startswith(PARKED):
        return await session.questions.wait(session.questions.resume(ctx, key))
    connection = await session.connected()
    if kind == "tool":
        check_arguments(session.schema(name), f"{session.name} {name}", arguments)
    elif name not in {prompt.name for prompt in session.prompts}:
        raise UnknownTool(f"{session.name} has no prompt {clean(name, 64)}; it has: {_names(session.prompts)}")
    request = _request(kind, name, arguments, ctx)
    flight = session.questions.take_off(ctx, key, lambda flight: _send(session, connection, flight, request, kind))
    return await session.questions.wait(flight)


def _request(kind: str, name: str, arguments: Mapping[str, Any], ctx: Context[Any]) -> Any:
    params: dict[str, Any] = {"name": name, "arguments": dict(arguments)}
    state = ctx.request_state
    if state is not None and (state == ASKED_STATELESS or state.startswith(ASKED)):
        params["inputResponses"] = dict(ctx.input_responses)
        if state.startswith(ASKED):
            params["requestState"] = state.removeprefix(ASKED)
    try:
        if kind == "tool":
            return mcp_types.CallToolRequest(params=mcp_types.CallToolRequestParams.model_validate(params))
        return mcp_types.GetPromptRequest(params=mcp_types.GetPromptRequestParams.model_validate(params))
    except ValidationError:
        raise InvalidInput(
            f"{clean(name, 64)}: the answers to its questions have a wrong form; call it again"
        ) from None


async def _send(session: Session, connection: Connection, flight: Flight, request: Any, kind: str) -> Any:
    ctx = flight.ctx
    assert ctx is not None
    if connection.is_modern:
        capabilities.set(capabilities_of(ctx))
    adapter = TOOL_RESULT if kind == "tool" else PROMPT_RESULT
    try:
        result = await connection.client.session.send_request(request, adapter, progress_callback=flight.progress)
    except MCPError as error:
        raise _failure(session, connection, flight, error) from None
    except ValidationError:
        raise ToolFailed(f"{flight.label} answered with something that is no result of the protocol") from None
    except (anyio.ClosedResourceError, anyio.BrokenResourceError):
        raise _died(session, connection, flight) from None
    if isinstance(result, InputRequiredResult):
        return _question(result, ctx, flight)
    if isinstance(result, CallToolResult) and result.is_error and _has_lost_its_server(result):
        connection.fail("its container has ended")
        raise _died(session, connection, flight)
    return result


def _failure(session: Session, connection: Connection, flight: Flight, error: MCPError) -> Exception:
    message = error.error.message
    if GATEWAY_LOST_SERVER in message:
        connection.fail("its container has ended")
        return _died(session, connection, flight)
    if (
        connection.gone
        or connection.broken
        or (error.error.code == mcp_types.CONNECTION_CLOSED and message == "Connection closed")
    ):
        return _died(session, connection, flight)
    if error.error.code == mcp_types.CONNECTION_CLOSED and message.startswith("SSE stream"):
        return ServerDied(f"{flight.label}: {clean(message)}. The call may have had its effect; it was not repeated.")
    said = clean(redacted(message, connection.launch.secrets), 900) or "nothing more"
    return ToolFailed(f"{flight.label} answered with error {error.error.code}: {said}{_pages(error)}")


def _pages(error: MCPError) -> str:
    """The pages that the user must visit first, where the server says so."""
    data = error.error.data
    if error.error.code != mcp_types.URL_ELICITATION_REQUIRED or not isinstance(data, dict):
        return ""
    wanted = data.get("elicitations")
    urls = [page.get("url") for page in wanted if isinstance(page, dict)] if isinstance(wanted, list) else []
    pages = [url for url in urls if isinstance(url, str) and PAGE.fullmatch(url)][:MOST_PAGES]
    return f". The user has to open {' and '.join(pages)} first; then call the tool again." if pages else ""


def _died(session: Session, connection: Connection, flight: Flight) -> ServerDied:
    why = f" ({connection.broken})" if connection.broken else ""
    return ServerDied(
        f"the connection to {session.name} broke in the middle of {flight.key[1]}{why}. "
        "The call may have had its effect; it was not repeated. The server is being started again."
    )


def _question(result: InputRequiredResult, ctx: Context[Any], flight: Flight) -> InputRequiredResult:
    for request in (result.input_requests or {}).values():
        if not ctx.can(capability_of(request)):
            raise ToolFailed(
                f"{flight.label} wants {request.method}, and the client of this call cannot be asked for it"
            )
    state = ASKED_STATELESS if result.request_state is None else ASKED + result.request_state
    return result.model_copy(update={"request_state": state})


def _has_lost_its_server(result: CallToolResult) -> bool:
    return any(
        isinstance(block, mcp_types.TextContent) and GATEWAY_LOST_SERVER in block.text for block in result.content
    )


def _names(items: Any) -> str:
    return ", ".join(clean(item.name, 64) for item in items[:20]) or "none"
