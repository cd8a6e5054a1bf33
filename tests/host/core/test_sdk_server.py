"""A whole SDK server is a plugin in one line: its tools, prompts and resources join under the plugin's prefix."""

from __future__ import annotations

from typing import Annotated, Any

import anyio
import mcp_types as types
import pytest
from mcp.server import MCPServer, Server
from mcp.server.mcpserver import Context as SdkContext
from mcp.server.mcpserver import Elicit, Resolve
from pydantic import BaseModel

from fuseboard.testing import PluginHost
from tests.host.core.toys import LONG, error_of, plugin, text_of, until

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("mode", ["auto", "legacy"])]


class Sure(BaseModel):
    sure: bool


async def confirm() -> Elicit[Sure]:
    return Elicit("Buy it?", Sure)


class Sum(BaseModel):
    total: int


def calculator() -> MCPServer:
    server = MCPServer("calculator")

    @server.tool()
    def add(a: int, b: int = 1) -> Sum:
        """Add two numbers."""
        return Sum(total=a + b)

    @server.tool()
    async def count(ctx: SdkContext, upto: int) -> str:
        """Count, and tell how far."""
        for number in range(1, upto + 1):
            await ctx.report_progress(number, upto)
        return "counted"

    @server.tool()
    def crash() -> str:
        """Fail."""
        raise RuntimeError("password=hunter2")

    @server.prompt()
    def explain(topic: str) -> str:
        """Explain something."""
        return f"Explain {topic}"

    @server.resource("calc://pi")
    def pi() -> str:
        return "3.14"

    @server.resource("calc://square/{number}")
    def square(number: int) -> str:
        return str(number * number)

    return server


async def test_everything_of_the_server_is_served_under_the_plugins_name(mode: str) -> None:
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(mcp_server=calculator), name="calc", mode=mode) as host:
            tools = {tool.name: tool for tool in (await host.client.list_tools()).tools}
            added = await host.call_tool("calc_add", {"a": 2, "b": 3})
            prompt = await host.get_prompt("calc_explain", {"topic": "sums"})
            pi = await host.read_resource("calc://pi")
            square = await host.read_resource("calc://square/7")
            row = host.row()
    assert list(tools) == ["calc_add", "calc_count", "calc_crash", "fuseboard_status"]
    assert tools["calc_add"].description == "Add two numbers."
    assert tools["calc_add"].input_schema["required"] == ["a"]
    assert added.structured_content == {"total": 5}
    assert prompt.messages[0].content.text == "Explain sums"  # type: ignore[union-attr]
    assert pi.contents[0].text == "3.14"  # type: ignore[union-attr]
    assert square.contents[0].text == "49"  # type: ignore[union-attr]
    assert row.contributes["tools"] == 3
    assert row.contributes["resources"] == 2


async def test_its_errors_are_results_that_keep_their_secrets(mode: str) -> None:
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(mcp_server=calculator), name="calc", mode=mode) as host:
            crashed = error_of(await host.call_tool("calc_crash"))
            wrong = error_of(await host.call_tool("calc_add", {"a": "x"}))
            missing = error_of(await host.call_tool("calc_add", {}))
    assert "hunter2" not in crashed
    assert "$.a: must satisfy type" in wrong
    assert "'a' is a required property" in missing


async def test_its_progress_reaches_the_client(mode: str) -> None:
    told: list[float] = []

    async def listen(done: float, total: float | None, message: str | None) -> None:
        told.append(done)

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(mcp_server=calculator), name="calc", mode=mode) as host:
            await host.call_tool("calc_count", {"upto": 3}, progress_callback=listen)
            await until(lambda: len(told) >= 3)
    assert told == [1, 2, 3]


async def test_a_low_level_server_joins_as_well(mode: str) -> None:
    async def list_tools(ctx: Any, params: Any) -> types.ListToolsResult:
        schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
        return types.ListToolsResult(tools=[types.Tool(name="raw", input_schema=schema)])

    async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        return types.CallToolResult(content=[types.TextContent(type="text", text=f"{params.name} {params.arguments}")])

    server = Server("low", on_list_tools=list_tools, on_call_tool=call_tool)
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(mcp_server=lambda: server), name="low", mode=mode) as host:
            assert text_of(await host.call_tool("low_raw", {"x": 1})) == "raw {'x': 1}"


async def test_its_own_question_reaches_the_client(mode: str) -> None:
    """Elicitation goes through from a joined server to the client, in both eras."""
    server = MCPServer("shop")

    @server.tool()
    async def buy(answer: Annotated[Sure, Resolve(confirm)]) -> str:
        """Buy it."""
        return f"sure: {answer.sure}"

    async def agree(context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content={"sure": True})

    with anyio.fail_after(LONG):
        async with PluginHost(
            plugin(mcp_server=lambda: server), name="shop", mode=mode, elicitation_callback=agree
        ) as host:
            assert text_of(await host.call_tool("shop_buy")) == "sure: True"


async def test_what_the_hook_returns_must_be_a_server(mode: str) -> None:
    with anyio.fail_after(LONG):
        async with PluginHost(
            plugin(mcp_server=lambda: "no server"), name="odd", mode=mode, allow_failure=True
        ) as host:
            row = host.row()
    assert str(row.state) == "failed"
    assert "mcp_server" in row.reason
