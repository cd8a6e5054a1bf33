"""A whole SDK server as contributions: one in-process client of it, on the plugin's circuit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import mcp_types as types
from mcp import Client
from mcp.server import MCPServer, Server
from pydantic import TypeAdapter

from fuseboard.context import Context
from fuseboard.contributions.prompt import Prompt
from fuseboard.contributions.registrars import Contributions
from fuseboard.contributions.resource import Resource
from fuseboard.contributions.tool import Tool
from fuseboard.errors import RegistrationError

_CALLED: TypeAdapter[Any] = TypeAdapter(types.CallToolResult | types.InputRequiredResult)
_GOT: TypeAdapter[Any] = TypeAdapter(types.GetPromptResult | types.InputRequiredResult)
_READ: TypeAdapter[Any] = TypeAdapter(types.ReadResourceResult | types.InputRequiredResult)


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
    """Run a server in process and yield what it offers, each item forwarding to it."""
    async with Client(server, cache=None) as client:
        yield await _offered(client)


async def _offered(client: Client) -> Contributions:
    offer = Contributions()
    capabilities = client.server_capabilities
    if capabilities.tools is not None:
        offer.tools = [_tool(client, tool) for tool in await _pages(client.list_tools, "tools")]
    if capabilities.prompts is not None:
        offer.prompts = [_prompt(client, prompt) for prompt in await _pages(client.list_prompts, "prompts")]
    if capabilities.resources is not None:
        listed = await _pages(client.list_resources, "resources")
        templates = await _pages(client.list_resource_templates, "resource_templates")
        offer.resources = [_resource(client, str(item.uri), item) for item in listed]
        offer.resources += [_resource(client, item.uri_template, item) for item in templates]
    return offer


async def _pages(method: Callable[..., Any], key: str) -> list[Any]:
    page = await method()
    items = list(getattr(page, key))
    while page.next_cursor:
        page = await method(cursor=page.next_cursor)
        items += getattr(page, key)
    return items


def _tool(client: Client, tool: types.Tool) -> Tool:
    async def call(ctx: Context[Any], arguments: dict[str, Any]) -> Any:
        params = types.CallToolRequestParams(name=tool.name, arguments=arguments, **_rounds(ctx))

        async def progress(progress: float, total: float | None, message: str | None) -> None:
            await ctx.report_progress(progress, total, message)

        return await client.session.send_request(
            types.CallToolRequest(params=params), _CALLED, progress_callback=progress
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


def _prompt(client: Client, prompt: types.Prompt) -> Prompt:
    async def get(ctx: Context[Any], arguments: dict[str, str]) -> Any:
        params = types.GetPromptRequestParams(name=prompt.name, arguments=arguments, **_rounds(ctx))
        return await client.session.send_request(types.GetPromptRequest(params=params), _GOT)

    return Prompt.of(
        get,
        name=prompt.name,
        title=prompt.title,
        description=prompt.description or "",
        arguments=[argument.model_dump(by_alias=True, exclude_none=True) for argument in prompt.arguments or []],
    )


def _resource(client: Client, uri: str, listed: types.Resource | types.ResourceTemplate) -> Resource:
    async def read(ctx: Context[Any], asked: str) -> Any:
        params = types.ReadResourceRequestParams(uri=asked, **_rounds(ctx))
        return await client.session.send_request(types.ReadResourceRequest(params=params), _READ)

    return Resource.of(
        uri,
        read,
        name=listed.name,
        title=listed.title,
        description=listed.description or "",
        mime_type=listed.mime_type,
        whole_uri=True,
    )


def _rounds(ctx: Context[Any]) -> Mapping[str, Any]:
    """What a repeated call brings (2026-07-28): the server keeps its own state, so both are passed through."""
    if not ctx.input_responses and ctx.request_state is None:
        return {}
    return {"input_responses": dict(ctx.input_responses) or None, "request_state": ctx.request_state}
