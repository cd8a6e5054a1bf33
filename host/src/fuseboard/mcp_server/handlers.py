"""One method per request of the protocol, from the SDK's types to the dispatcher and back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import mcp_types as types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from fuseboard.access import Rights
from fuseboard.caller import CALLER, LOCAL, Caller, asking
from fuseboard.context import Rounds
from fuseboard.dispatcher import MOST_COMPLETIONS, error_result
from fuseboard.errors import CallError, InvalidArguments, MissingCapability, ProtocolError, ToolError, UnknownName
from fuseboard.host import Host
from fuseboard.logs.call_log import REQUEST_ID
from fuseboard.mcp_server.notifier import SUBSCRIPTIONS, connection_of
from fuseboard.mcp_server.session_reach import LOG_LEVEL, SessionReach
from fuseboard.mcp_server.splice import KEY, MARK, Splice
from fuseboard.running import running

RESOURCE_NOT_FOUND = -32002
LISTING_WAITS = 2.0
HANDSHAKE_WAITS = 1.0
MOST_ROUNDS = 10
MOST_SUBSCRIPTIONS = 1000
LONGEST_URI = 2000

Ctx = ServerRequestContext[Any, Any]

NOBODY = Caller("http")
"""Any client over HTTP, where nobody authenticates and nobody's rights differ."""

LISTS: Mapping[str, tuple[str, str]] = {
    "tools/list": ("tools", "tools"),
    "prompts/list": ("prompts", "prompts"),
    "resources/list": ("resources", "resources"),
    "resources/templates/list": ("resourceTemplates", "templates"),
}
"""By method: the member of the result, and the list of the catalogue."""


class Handlers:
    """One method per request of the protocol."""

    def __init__(self, host: Host, in_memory: bool) -> None:
        self._host = host
        self._in_memory = in_memory
        surface, principal = ("memory", None) if in_memory else ("stdio", LOCAL)
        self._local = Caller(surface, principal, roles=host.access.local)

    def rights(self, ctx: Ctx) -> Rights | None:
        """The rights of whoever sent a request."""
        return self._host.access.rights(self._sender(ctx).roles)

    async def wait_for_plugins(self, ctx: Ctx, call_next: CallNext) -> HandlerResult:
        """Server middleware: a handshake and a listing wait a moment for plugins that still load."""
        if self._host.loading:
            if ctx.method in ("initialize", "server/discover"):
                await self._host.settled(HANDSHAKE_WAITS)
            elif ctx.method in LISTS:
                await self._host.settled(LISTING_WAITS)
        return await call_next(ctx)

    async def fill_lists(self, ctx: Ctx, call_next: CallNext) -> HandlerResult:
        """Server middleware: put the precomputed list into the answer, behind the SDK's validation of each item."""
        result = await call_next(ctx)
        if (names := LISTS.get(ctx.method)) is None or not isinstance(result, dict):
            return result
        member, kind = names
        splice: Splice | None = ctx.request.scope.get(KEY) if ctx.request is not None else None
        seen = self._host.seen_by(self._sender(ctx).roles)
        if splice is not None and (items := seen.listed_bytes(kind, ctx.protocol_version)):
            splice.items = items
            result[member] = [MARK]
        else:
            result[member] = seen.listed(kind, ctx.protocol_version)
        return result

    async def list_tools(self, ctx: Ctx, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        _refuse_cursor(params)
        return types.ListToolsResult(tools=[])

    async def list_prompts(self, ctx: Ctx, params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
        _refuse_cursor(params)
        return types.ListPromptsResult(prompts=[])

    async def list_resources(self, ctx: Ctx, params: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
        _refuse_cursor(params)
        return types.ListResourcesResult(resources=[])

    async def list_templates(
        self, ctx: Ctx, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        _refuse_cursor(params)
        return types.ListResourceTemplatesResult(resource_templates=[])

    def header_schema(self, name: str) -> Mapping[str, Any] | None:
        """Only tools with `x-mcp-header` need their schema before the call; walking it for each call is dear."""
        client = asking.get()
        entry = self._host.seen_by(client.roles if client is not None else None).tools.get(name)
        return entry.item.input_schema if entry is not None and entry.item.has_header_arguments else None

    async def call_tool(self, ctx: Ctx, params: types.CallToolRequestParams) -> Any:
        arguments = params.arguments or {}
        reach = SessionReach(ctx, in_memory=self._in_memory)
        caller = self._caller(ctx)

        async def once(rounds: Rounds) -> dict[str, Any]:
            return await self._host.dispatcher.call_tool(params.name, arguments, caller, reach, rounds)

        return await _in_rounds(once, ctx, reach, params)

    async def get_prompt(self, ctx: Ctx, params: types.GetPromptRequestParams) -> Any:
        arguments = dict(params.arguments or {})
        reach = SessionReach(ctx, in_memory=self._in_memory)
        caller = self._caller(ctx)

        async def once(rounds: Rounds) -> dict[str, Any]:
            return await self._host.dispatcher.get_prompt(params.name, arguments, caller, reach, rounds)

        return await _in_rounds(once, ctx, reach, params)

    async def read_resource(self, ctx: Ctx, params: types.ReadResourceRequestParams) -> Any:
        uri = str(params.uri)
        reach = SessionReach(ctx, in_memory=self._in_memory)
        caller = self._caller(ctx)

        async def once(rounds: Rounds) -> dict[str, Any]:
            return await self._host.dispatcher.read_resource(uri, caller, reach, rounds)

        try:
            return await _in_rounds(once, ctx, reach, params)
        except UnknownResource as error:
            code = types.INVALID_PARAMS if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS else RESOURCE_NOT_FOUND
            raise MCPError(code, str(error), {"uri": uri[:1000]}) from None

    async def subscribe(self, ctx: Ctx, params: types.SubscribeRequestParams) -> types.EmptyResult:
        wanted: set[str] = connection_of(ctx).state.setdefault(SUBSCRIPTIONS, set())
        if len(params.uri) > LONGEST_URI or len(wanted) >= MOST_SUBSCRIPTIONS:
            raise MCPError(
                types.INVALID_PARAMS, f"at most {MOST_SUBSCRIPTIONS} subscriptions, of {LONGEST_URI} characters each"
            )
        wanted.add(str(params.uri))
        return types.EmptyResult()

    async def unsubscribe(self, ctx: Ctx, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        connection_of(ctx).state.get(SUBSCRIPTIONS, set()).discard(str(params.uri))
        return types.EmptyResult()

    async def set_level(self, ctx: Ctx, params: types.SetLevelRequestParams) -> types.EmptyResult:
        connection_of(ctx).state[LOG_LEVEL] = params.level
        return types.EmptyResult()

    async def complete(self, ctx: Ctx, params: types.CompleteRequestParams) -> types.CompleteResult:
        given = dict(params.context.arguments or {}) if params.context is not None else {}
        wanted = params.argument
        try:
            if isinstance(params.ref, types.PromptReference):
                values = await self._host.dispatcher.complete(
                    "prompt", params.ref.name, wanted.name, wanted.value, given, self._caller(ctx)
                )
            else:
                values = await self._host.dispatcher.complete(
                    "resource", params.ref.uri, wanted.name, wanted.value, given, self._caller(ctx)
                )
        except UnknownName as error:
            raise MCPError(types.INVALID_PARAMS, str(error)) from None
        return types.CompleteResult(
            completion=types.Completion(values=values[:MOST_COMPLETIONS], has_more=len(values) > MOST_COMPLETIONS)
        )

    def _sender(self, ctx: Ctx) -> Caller:
        """Who sent a request, as the surface knows it."""
        if ctx.request is None:
            return self._local
        known: Caller | None = ctx.request.scope.get(CALLER)
        return known if known is not None else NOBODY

    def _caller(self, ctx: Ctx) -> Caller:
        sender = self._sender(ctx)
        surface = sender.surface
        if ctx.request is not None:
            surface = "http" if ctx.request.scope["path"].startswith("/mcp") else "sse"
        known = ctx.session.client_params
        client = f"{known.client_info.name} {known.client_info.version}"[:200] if known is not None else None
        request_id = str(ctx.request_id)[:200] if ctx.request_id is not None else None
        if ctx.request is not None:
            # The id that went with the HTTP request is also in the proxy's log and in the answer's header.
            request_id = ctx.request.scope.get(REQUEST_ID, request_id)
        return Caller(surface, sender.principal, request_id, client, sender.roles)


class UnknownResource(Exception):
    """Inside this module: a resource that does not exist, whose code depends on the era."""


async def _in_rounds(
    once: Callable[[Rounds], Awaitable[dict[str, Any]]],
    ctx: Ctx,
    reach: SessionReach,
    params: types.CallToolRequestParams | types.GetPromptRequestParams | types.ReadResourceRequestParams,
) -> dict[str, Any]:
    """Call once; where the client cannot repeat a call with answers, ask it here and call again."""
    running.set(None)  # in memory, the request of a client's own callback comes in the context of the call that asked
    responses = {key: _wire(answer) for key, answer in (params.input_responses or {}).items()}
    rounds = Rounds.of(responses, params.request_state)
    for _ in range(MOST_ROUNDS):
        result = await _as_protocol_errors(once, rounds, ctx)
        if result.get("resultType") != "input_required" or reach.asks_in_rounds:
            return result
        answers = {}
        for key, request in (result.get("inputRequests") or {}).items():
            answers[key] = await _ask(reach, request)
        rounds = Rounds.of(answers, result.get("requestState"))
    raise MCPError(types.INTERNAL_ERROR, f"the call asked for input more than {MOST_ROUNDS} times")


async def _ask(reach: SessionReach, request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return await reach.ask(request["method"], request.get("params", {}))
    except ToolError as error:
        raise MCPError(types.INVALID_PARAMS, str(error)) from None


async def _as_protocol_errors(
    once: Callable[[Rounds], Awaitable[dict[str, Any]]], rounds: Rounds, ctx: Ctx
) -> dict[str, Any]:
    try:
        return await once(rounds)
    except ProtocolError as error:
        raise MCPError(error.code, str(error), error.data) from None
    except MissingCapability as error:
        if ctx.method == "tools/call" and ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            # The code is unknown there, and a JSON-RPC error is not shown to the model.
            return error_result(error)
        data = {"requiredCapabilities": error.required}
        raise MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, str(error), data) from None
    except UnknownName as error:
        if ctx.method == "resources/read":
            raise UnknownResource(str(error)) from None
        raise MCPError(types.INVALID_PARAMS, str(error)) from None
    except InvalidArguments as error:
        raise MCPError(types.INVALID_PARAMS, str(error)) from None
    except CallError as error:
        raise MCPError(types.INTERNAL_ERROR, str(error)) from None


def _wire(answer: Any) -> dict[str, Any]:
    if isinstance(answer, Mapping):
        return dict(answer)
    dumped: dict[str, Any] = answer.model_dump(by_alias=True, mode="json", exclude_none=True)
    return dumped


def _refuse_cursor(params: types.PaginatedRequestParams | None) -> None:
    if params is not None and params.cursor is not None:
        raise MCPError(types.INVALID_PARAMS, "unknown cursor: the lists of this server have one page")
