"""An MCP server as the SDK's own quickstart shows one. It knows nothing of fuseboard."""

from __future__ import annotations

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from pydantic import BaseModel

mcp = MCPServer("Demo")


class Weather(BaseModel):
    """A structured result."""

    city: str
    degrees: float


@mcp.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@mcp.tool()
async def weather(city: str) -> Weather:
    """The weather of a city."""
    return Weather(city=city, degrees=21.5)


@mcp.tool()
async def long_task(steps: int, ctx: Context) -> str:
    """Report progress."""
    for step in range(steps):
        await ctx.report_progress(step + 1, steps)
    return "done"


@mcp.tool()
def fails() -> str:
    """Raise."""
    raise ValueError("the password is hunter2")


@mcp.resource("config://app")
def config() -> str:
    """The configuration."""
    return "debug=false"


@mcp.resource("greeting://{name}")
def greeting(name: str) -> str:
    """A personalised greeting."""
    return f"Hello, {name}!"


@mcp.prompt()
def review(code: str) -> str:
    """Review a piece of code."""
    return f"Please review this code:\n\n{code}"
