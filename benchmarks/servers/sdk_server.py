"""Candidate (b): the SDK's low-level server alone, with fuseboard's transport settings and nothing of its safety.

The tools' schemas are literals and their arguments go unchecked: this is the least that a protocol server costs.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from typing import Any

from mcp import types
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server

from fuseboard_bench.tools import listed_by_hand

TOOLS = [types.Tool.model_validate(tool) for tool in listed_by_hand()]


async def list_tools(
    ctx: ServerRequestContext[Any, Any], params: types.PaginatedRequestParams | None
) -> types.ListToolsResult:
    """Every tool, as made at start."""
    return types.ListToolsResult(tools=TOOLS)


async def call_tool(ctx: ServerRequestContext[Any, Any], params: types.CallToolRequestParams) -> types.CallToolResult:
    """The echo."""
    text = (params.arguments or {})["text"]
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)])


def no_schema(name: str) -> None:
    """No tool maps arguments to headers, so the SDK need not look for that on each call."""


def make_server() -> Server[Any]:
    """The bare server."""
    return Server("bench", on_list_tools=list_tools, on_call_tool=call_tool, get_tool_input_schema=no_schema)


async def serve_stdio() -> None:
    """Serve on standard input and output until the end of input."""
    server = make_server()
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def serve_http(port: int) -> None:
    """Serve streamable HTTP on a loopback port, with the same check of Host and Origin as fuseboard."""
    import uvicorn
    from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
    from mcp.server.transport_security import TransportSecuritySettings
    from starlette.applications import Starlette
    from starlette.routing import Route

    hosts = [f"127.0.0.1:{port}", f"localhost:{port}"]
    guard = TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=[f"http://{host}" for host in hosts])
    manager = StreamableHTTPSessionManager(make_server(), security_settings=guard)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    app = Starlette(lifespan=lifespan, routes=[Route("/mcp", StreamableHTTPASGIApp(manager))])
    uvicorn.run(app, port=port, http="h11", loop="asyncio", log_level="warning", access_log=False)


if __name__ == "__main__":
    if sys.argv[1] == "http":
        serve_http(int(sys.argv[2]))
    else:
        asyncio.run(serve_stdio())
