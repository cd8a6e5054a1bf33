"""A whole SDK server as contributions: one in-process client of it, on the plugin's circuit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import mcp_types as types
from mcp import Client
from mcp.server import MCPServer, Server

from fuseboard.context import Context
from fuseboard.contributions.prompt import Prompt
from fuseboard.contributions.registrars import Contributions
from fuseboard.contributions.resource import Resource
from fuseboard.contributions.tool import Tool
from fuseboard.errors import RegistrationError, ToolError
from fuseboard.reach import AskClient


def check_server(server: object) -> None:
    """Refuse what the hook `mcp_server` must not return.

    Raises:
        RegistrationError: it is no server of the SDK.
    """
    if server is not None and not isinstance(server, MCPServer | Server):
        raise RegistrationError(
            f"hook mcp_server must return an MCPServer or a Server of the MCP SDK, not {type(server).__name__}"
        )


@asynccontextmanager
async def joined(server: MCPServer | Server) -> AsyncIterator[Contributions]:
    """Run a server in process and yield what it offers, each item forwarding to it.

    The handshake era is spoken with it, because only there a server can ask in the middle of a call.
    """
    questions = _Questions()
    callbacks: dict[str, Any] = {
        "elicitation_callback": questions.elicit,
        "sampling_callback": questions.sample,
        "list_roots_callback": questions.roots,
    }
    async with Client(server, mode="legacy", cache=None, **callbacks) as client:
        yield await _offered(client, questions)


class _Questions:
    """Brings the server's questions to the client of the call that is running.

    The SDK does not tell which call a question belongs to, so only a call that runs alone can ask.
    """

    def __init__(self) -> None:
        self._calls: dict[asyncio.Task[Any], tuple[Context[Any], asyncio.Future[AskClient]]] = {}

    async def answering(self, ctx: Context[Any], request: Coroutine[Any, Any, Any]) -> Any:
        """Await a request to the server, whose questions go to this context's client."""
        task = asyncio.ensure_future(request)
        asked: asyncio.Future[AskClient] = asyncio.get_running_loop().create_future()
        self._calls[task] = (ctx, asked)
        try:
            await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                raise asked.result()  # the answers come with a repeated call
            return task.result()
        finally:
            del self._calls[task]
            task.cancel()

    async def elicit(self, _: Any, params: Any) -> Any:
        """The SDK's callback."""
        return await self._ask("elicitation/create", params, types.ElicitResult)

    async def sample(self, _: Any, params: Any) -> Any:
        """The SDK's callback."""
        return await self._ask("sampling/createMessage", params, types.CreateMessageResult)

    async def roots(self, _: Any) -> Any:
        """The SDK's callback."""
        return await self._ask("roots/list", None, types.ListRootsResult)

    async def _ask(self, method: str, params: Any, result: Any) -> Any:
        if len(self._calls) != 1:
            return types.ErrorData(code=types.INVALID_REQUEST, message="only one call at a time can ask the client")
        ctx, asked = next(iter(self._calls.values()))
        wire = params.model_dump(by_alias=True, mode="json", exclude_none=True) if params is not None else {}
        wire.pop("_meta", None)
        try:
            return result.model_validate(await ctx.forward(method, wire), by_name=False)
        except AskClient as ask:
            asked.set_result(ask)
            return types.ErrorData(code=types.INVALID_REQUEST, message="the call is repeated with the answer")
        except ToolError as error:
            return types.ErrorData(code=types.INVALID_REQUEST, message=str(error))


async def _offered(client: Client, questions: _Questions) -> Contributions:
    offer = Contributions()
    capabilities = client.server_capabilities
    if capabilities.tools is not None:
        offer.tools = [_tool(client, questions, tool) for tool in await _pages(client.list_tools, "tools")]
    if capabilities.prompts is not None:
        offer.prompts = [_prompt(client, questions, prompt) for prompt in await _pages(client.list_prompts, "prompts")]
    if capabilities.resources is not None:
        listed = await _pages(client.list_resources, "resources")
        templates = await _pages(client.list_resource_templates, "resource_templates")
        offer.resources = [_resource(client, questions, str(item.uri), item) for item in listed]
        offer.resources += [_resource(client, questions, item.uri_template, item) for item in templates]
    return offer


async def _pages(method: Callable[..., Any], key: str) -> list[Any]:
    page = await method()
    items = list(getattr(page, key))
    while page.next_cursor:
        page = await method(cursor=page.next_cursor)
        items += getattr(page, key)
    return items


def _tool(client: Client, questions: _Questions, tool: types.Tool) -> Tool:
    async def call(ctx: Context[Any], arguments: dict[str, Any]) -> Any:
        params = types.CallToolRequestParams(name=tool.name, arguments=arguments)

        async def progress(progress: float, total: float | None, message: str | None) -> None:
            await ctx.report_progress(progress, total, message)

        request = types.CallToolRequest(params=params)
        return await questions.answering(
            ctx, client.session.send_request(request, types.CallToolResult, progress_callback=progress)
        )

    hints = tool.annotations or types.ToolAnnotations()
    return Tool.of(
        call,
        name=tool.name,
        title=tool.title,
        description=tool.description or tool.name,
        read_only=hints.read_only_hint,
        destructive=hints.destructive_hint,
        idempotent=hints.idempotent_hint,
        open_world=hints.open_world_hint,
        meta=tool.meta,
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
    )


def _prompt(client: Client, questions: _Questions, prompt: types.Prompt) -> Prompt:
    async def get(ctx: Context[Any], arguments: dict[str, str]) -> Any:
        params = types.GetPromptRequestParams(name=prompt.name, arguments=arguments)
        request = types.GetPromptRequest(params=params)
        return await questions.answering(ctx, client.session.send_request(request, types.GetPromptResult))

    return Prompt.of(
        get,
        name=prompt.name,
        title=prompt.title,
        description=prompt.description or "",
        arguments=[argument.model_dump(by_alias=True, exclude_none=True) for argument in prompt.arguments or []],
    )


def _resource(
    client: Client, questions: _Questions, uri: str, listed: types.Resource | types.ResourceTemplate
) -> Resource:
    async def read(ctx: Context[Any], asked: str) -> Any:
        params = types.ReadResourceRequestParams(uri=asked)
        request = types.ReadResourceRequest(params=params)
        return await questions.answering(ctx, client.session.send_request(request, types.ReadResourceResult))

    return Resource.of(
        uri,
        read,
        name=listed.name,
        title=listed.title,
        description=listed.description or "",
        mime_type=listed.mime_type,
        whole_uri=True,
    )
