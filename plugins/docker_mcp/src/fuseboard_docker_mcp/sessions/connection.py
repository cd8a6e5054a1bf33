"""One life of a server: its process or address, the SDK's client on it, and what it lists."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import mcp_types
from mcp import Client
from mcp_types import Implementation
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from fuseboard_docker_mcp.config import ProxySettings
from fuseboard_docker_mcp.models import HttpLaunch, Launch, StdioLaunch
from fuseboard_docker_mcp.sessions.filtered import filtered
from fuseboard_docker_mcp.sessions.http import http_transport
from fuseboard_docker_mcp.sessions.process import Process
from fuseboard_docker_mcp.sessions.questions import Questions
from fuseboard_docker_mcp.sessions.stdio import stdio_transport
from fuseboard_docker_mcp.text import clean

CLIENT = Implementation(name="fuseboard-docker-mcp", version="0.1.0")


class Connection:
    """A server that is connected.

    Attributes:
        client: the SDK's.
        gone: whether the peer has ended the connection.
        over: set when this life ends, for whatever reason.
        broken: the reason, when the connection stands and is of no use any more.
        dropped: names of the tools that the filter left out.
        stale: set when the server says that its tools or prompts have changed.
    """

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.client: Client
        self.gone = False
        self.over = anyio.Event()
        self.broken = ""
        self.dropped: list[str] = []
        self.stale = anyio.Event()

    @property
    def is_modern(self) -> bool:
        """Whether it speaks 2026-07-28, where a server asks by its result."""
        return self.client.protocol_version in MODERN_PROTOCOL_VERSIONS

    def close(self) -> None:
        """The peer is gone."""
        self.gone = True
        self.over.set()

    def fail(self, reason: str) -> None:
        """Give this connection up, so that the server is started again."""
        self.broken = self.broken or reason
        self.over.set()

    def drop(self, tool: Any) -> None:
        """Remember a tool that the filter left out."""
        name = tool.get("name") if isinstance(tool, dict) else None
        self.dropped.append(clean(name, 64) if isinstance(name, str) else "without a name")

    async def notice(self, message: object) -> None:
        """Take a notification of the server."""
        if isinstance(message, mcp_types.ToolListChangedNotification | mcp_types.PromptListChangedNotification):
            self.stale.set()


@asynccontextmanager
async def connected(
    launch: Launch, process: Process | None, settings: ProxySettings, questions: Questions
) -> AsyncIterator[Connection]:
    """Open the protocol with a server; leaving it ends the connection, and the process if there is one.

    Raises:
        MCPError: the server refused, or ended. Also inside groups.
        httpx2.HTTPError: inside groups, the address cannot be reached.
    """
    connection = Connection(launch)
    try:
        if isinstance(launch, StdioLaunch):
            assert process is not None
            transport: AbstractAsyncContextManager[tuple[Any, Any]] = stdio_transport(process)
        else:
            assert isinstance(launch, HttpLaunch)
            transport = http_transport(launch, settings, lambda: connection.fail("it has forgotten the session"))
        async with Client(
            filtered(transport, connection.drop, connection.close),
            mode=launch.protocol,
            cache=None,
            client_info=CLIENT,
            elicitation_callback=questions.elicit,
            sampling_callback=questions.sample,
            list_roots_callback=questions.roots,
            message_handler=connection.notice,
        ) as client:
            connection.client = client
            if launch.protocol in MODERN_PROTOCOL_VERSIONS:
                # The SDK takes a revision that was chosen for granted and does not ask what the server has.
                discovered = await client.session.send_discover(launch.protocol)
                client.session.adopt(mcp_types.DiscoverResult.model_validate(discovered))
            yield connection
    finally:
        connection.over.set()
        if process is not None:
            await process.stop()
