"""The npm server, asked directly and through the plugin; what the user and the model of the client answer it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import mcp
import mcp_types
from mcp.client import ClientRequestContext
from mcp.client.stdio import StdioServerParameters, stdio_client

import fuseboard_docker_mcp
from fuseboard.settings import FuseSettings
from fuseboard.testing import PluginHost
from tests import npm

ERAS = ["legacy", "2026-07-28"]
DOORS = ["call_tool", "first class"]
SERVER = "everything"
PREFIX = f"{SERVER}_"
FOLDER = Path(__file__).parent
PATIENCE = 180.0  # seconds

# A tool that only runs as a task cannot be called by a plain call; the server refuses it then.
ONLY_AS_A_TASK = "simulate-research-query"
# Every other tool with arguments that reach no network. A toggle comes twice, which leaves it as it was.
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("echo", {"message": "hi, ü 🔌"}),
    ("get-annotated-message", {"messageType": "error", "includeImage": True}),
    ("get-env", {}),
    ("get-resource-links", {"count": 4}),
    ("get-resource-reference", {"resourceType": "Blob", "resourceId": 3}),
    ("get-roots-list", {}),
    ("get-structured-content", {"location": "Chicago"}),
    ("get-sum", {"a": 2, "b": 3.5}),
    ("get-tiny-image", {}),
    ("gzip-file-as-resource", {"name": "a.gz", "data": "data:text/plain,hello", "outputType": "resource"}),
    ("gzip-file-as-resource", {"name": "a.gz", "data": "data:text/plain,hello", "outputType": "resourceLink"}),
    ("toggle-simulated-logging", {}),
    ("toggle-simulated-logging", {}),
    ("toggle-subscriber-updates", {}),
    ("toggle-subscriber-updates", {}),
    ("trigger-elicitation-request", {}),
    ("trigger-long-running-operation", {"duration": 0.1, "steps": 2}),
    ("trigger-sampling-request", {"prompt": "a poem", "maxTokens": 7}),
    ("trigger-url-elicitation", {"url": "https://example.com/sign-in", "elicitationId": "visit-1"}),
]


async def fill_the_form(context: ClientRequestContext, params: mcp_types.ElicitRequestParams) -> mcp_types.ElicitResult:
    """A user who agrees to open every page, and fills some fields of every form."""
    if isinstance(params, mcp_types.ElicitRequestURLParams):
        return mcp_types.ElicitResult(action="accept")
    return mcp_types.ElicitResult(action="accept", content={"name": "Ada", "check": True, "integer": 7})


async def answer_as_model(
    context: ClientRequestContext, params: mcp_types.CreateMessageRequestParams
) -> mcp_types.CreateMessageResult:
    """A model that says what it was asked."""
    [message] = params.messages
    assert isinstance(message.content, mcp_types.TextContent)
    said = f"{params.max_tokens} tokens on: {message.content.text}"
    return mcp_types.CreateMessageResult(
        role="assistant", content=mcp_types.TextContent(type="text", text=said), model="parrot"
    )


async def name_a_root(context: ClientRequestContext) -> mcp_types.ListRootsResult:
    """A client that works in one folder."""
    return mcp_types.ListRootsResult(roots=[mcp_types.Root(uri="file:///srv/garden", name="garden")])


def answering() -> dict[str, Any]:
    """Options of a client that answers all that a server may ask."""
    return {
        "elicitation_callback": fill_the_form,
        "sampling_callback": answer_as_model,
        "list_roots_callback": name_a_root,
    }


def command() -> list[str]:
    """The program and its arguments; installs the packages first."""
    index = npm.modules(FOLDER) / "@modelcontextprotocol" / "server-everything" / "dist" / "index.js"
    return [str(npm.NODE), str(index), "stdio"]


def section(folder: Path, **server: Any) -> dict[str, Any]:
    """The section `plugins.docker_mcp` with this server alone.

    Args:
        folder: where the plugin may keep things.
        server: more of the server's settings.
    """
    program, *arguments = command()
    settings = {"command": program, "args": arguments, "env": {"GREETING": "ahoy"}, **server}
    return {
        "servers": {SERVER: settings},
        "way": "direct",
        "embedded": "never",
        "secret_store": "file",
        "state_folder": str(folder / "state"),
    }


@asynccontextmanager
async def through_the_plugin(mode: str, folder: Path, **client: Any) -> AsyncIterator[PluginHost]:
    """A host with the plugin and the started server, and a client of one era."""
    options = {"fuse": FuseSettings(start_timeout=PATIENCE), **(client or answering())}
    async with PluginHost(
        fuseboard_docker_mcp, name="docker_mcp", mode=mode, settings=section(folder), **options
    ) as host:
        started = await host.call_tool("docker_mcp_start_servers", {"servers": [SERVER]})
        assert not started.is_error, started
        yield host


@asynccontextmanager
async def directly(**client: Any) -> AsyncIterator[mcp.Client]:
    """A session with the server and nothing in between. It speaks the older era only."""
    program, *arguments = command()
    parameters = StdioServerParameters(command=program, args=arguments, env={"GREETING": "ahoy"})
    with open(os.devnull, "w", encoding="utf-8") as log:  # noqa: ASYNC230 - the null device does not block
        async with mcp.Client(
            stdio_client(parameters, errlog=log), mode="legacy", cache=None, **(client or answering())
        ) as session:
            await session.list_tools()
            yield session


@asynccontextmanager
async def over_stdio(mode: str, folder: Path, settings: str, **client: Any) -> AsyncIterator[mcp.Client]:
    """A client of the real `fuseboard stdio` in a process of its own.

    Args:
        settings: the text of `fuseboard.yaml`.
    """
    (folder / "fuseboard.yaml").write_text(settings)
    own = {"FUSEBOARD_CONFIG": str(folder / "fuseboard.yaml"), "FUSEBOARD_LOAD_PLUGINS": "docker_mcp"}
    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "fuseboard", "stdio"], env={**os.environ, **own}, cwd=folder
    )
    with open(folder / "host.log", "w", encoding="utf-8") as log:  # noqa: ASYNC230 - a small local file
        async with mcp.Client(stdio_client(parameters, errlog=log), mode=mode, cache=None, **client) as session:
            yield session


async def call(client: mcp.Client, door: str, tool: str, arguments: dict[str, Any], **more: Any) -> Any:
    """Call a tool of the server by one of the two doors of the plugin."""
    if door == "call_tool":
        wrapped = {"server": SERVER, "tool_name": tool, "arguments": arguments}
        return await client.call_tool("docker_mcp_call_tool", wrapped, **more)
    return await client.call_tool(PREFIX + tool, arguments, **more)


def wire(result: mcp_types.CallToolResult) -> dict[str, Any]:
    """What a result says, without what differs from call to call: the time of day, and the environment's values."""
    said = result.model_dump(mode="json", by_alias=True, exclude_none=True)
    said.pop("_meta", None)
    return without_the_time(said)


def without_the_time(value: Any) -> Any:
    """The same with every time of day taken out, also out of base64."""
    if isinstance(value, dict):
        # The time is at the end of the only text that is sent as base64.
        return {key: value[key][:40] if key == "blob" else without_the_time(value[key]) for key in value}
    if isinstance(value, list):
        return [without_the_time(item) for item in value]
    return re.sub(r"\d+:\d\d:\d\d [AP]M", "(time)", value) if isinstance(value, str) else value


def text_of(result: mcp_types.CallToolResult) -> str:
    """All texts of a result."""
    return "\n".join(block.text for block in result.content if isinstance(block, mcp_types.TextContent))
