"""Candidate (a): the floor. A bare Starlette route that answers a JSON-RPC `tools/call` and knows no more of MCP."""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def echo(request: Request) -> JSONResponse:
    """Answer with the text that was sent, in the shape of a tool's result."""
    message = await request.json()
    content = [{"type": "text", "text": message["params"]["arguments"]["text"]}]
    return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": {"content": content, "isError": False}})


if __name__ == "__main__":
    app = Starlette(routes=[Route("/mcp", echo, methods=["POST"])])
    uvicorn.run(app, port=int(sys.argv[2]), http="h11", loop="asyncio", log_level="warning", access_log=False)
