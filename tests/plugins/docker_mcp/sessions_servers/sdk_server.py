"""A server made with the SDK: 2026-07-28 on the standard streams, or on streamable HTTP.

python sdk_server.py [--http FILE]; the port is written to FILE.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import anyio
import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import (
    CallToolResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    TextContent,
)

server = MCPServer("sdk", version="2.0", instructions="An SDK server.")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
async def meet(ctx: Context) -> CallToolResult | InputRequiredResult:  # type: ignore[type-arg]  # the SDK's needs none
    """Ask for a name, then for a town."""
    answers = ctx.input_responses or {}
    if ctx.request_state is None:
        return _asks("name", "Who are you?", "round 1")
    answer = answers[next(iter(answers))]
    assert isinstance(answer, ElicitResult)
    assert answer.content is not None
    if ctx.request_state == "round 1":
        return _asks("town", "Where from?", f"round 2: {answer.content['name']}")
    name = ctx.request_state.removeprefix("round 2: ")
    return CallToolResult(content=[TextContent(text=f"{name} from {answer.content['town']}")])


def _asks(field: str, message: str, state: str) -> InputRequiredResult:
    schema = {"type": "object", "properties": {field: {"type": "string"}}, "required": [field]}
    params = ElicitRequestFormParams(message=message, requested_schema=schema)
    return InputRequiredResult(input_requests={field: ElicitRequest(params=params)}, request_state=state)


@server.tool()
async def work(steps: int, ctx: Context) -> str:  # type: ignore[type-arg]  # as above
    """Report progress."""
    for step in range(steps):
        await ctx.report_progress(step + 1, steps, f"step {step + 1}")
    return "worked"


@server.tool()
async def grow(ctx: Context) -> str:  # type: ignore[type-arg]  # as above
    """Have one tool more."""
    server.add_tool(lambda: "grown", name="grown", description="New.")
    await ctx.notify_tools_changed()
    return "grew"


@server.tool()
def big(size: int) -> str:
    """A text of so many characters."""
    return "x" * size


def main() -> None:
    """Serve."""
    if sys.argv[1:2] != ["--http"]:
        server.run("stdio")
        return
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # the test holds the port as well
    listener.bind(("127.0.0.1", int(os.environ.get("PORT", "0"))))
    listener.listen()
    Path(sys.argv[2]).write_text(str(listener.getsockname()[1]))
    app = server.sse_app() if os.environ.get("TRANSPORT") == "sse" else server.streamable_http_app()
    config = uvicorn.Config(app, log_level="warning")
    anyio.run(lambda: uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
