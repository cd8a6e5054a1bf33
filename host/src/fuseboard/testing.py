"""For plugin authors: a host with only your plugin, and an in-memory client of it.

    async with PluginHost(my_plugin, name="hello") as host:
        result = await host.call_tool("hello_greet", {"name": "Ada"})
        assert result.structured_content == {...}

The pytest fixture `plugin_host` (installed with fuseboard) makes the same: `async with plugin_host(my_plugin, ...)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any

from mcp import Client
from mcp_types import CallToolResult, GetPromptResult, ReadResourceResult

from fuseboard.errors import PluginFailure
from fuseboard.host import Host
from fuseboard.ledger import UP, Row
from fuseboard.mcp_server import build_server
from fuseboard.settings import FuseSettings, HostSettings

__all__ = ["PluginHost"]


class PluginHost:
    """A host with one plugin (or a few), and a client on it. An async context manager.

    Args:
        plugin: the plugin's module or object, or several of them by name.
        name: its name, as its entry point will have it.
        settings: its section of `fuseboard.yaml`.
        fuse: how the host treats it; generous deadlines of the host by default.
        mode: the protocol era of the client: "auto" is 2026-07-28, "legacy" the handshake revisions.
        allow_failure: do not raise when a plugin does not come up; look at `row()` instead.
        client_options: more arguments of `mcp.Client`, such as `elicitation_callback`.

    Attributes:
        host: the host.
        client: an `mcp.Client`, connected.
    """

    def __init__(
        self,
        plugin: object,
        *,
        name: str = "plugin",
        settings: Mapping[str, Any] | None = None,
        fuse: FuseSettings | None = None,
        mode: str = "auto",
        allow_failure: bool = False,
        **client_options: Any,
    ) -> None:
        self._plugins: dict[str, object] = dict(plugin) if isinstance(plugin, Mapping) else {name: plugin}
        self._name = name
        self._settings = HostSettings(
            plugins={name: dict(settings)} if settings is not None else {},
            fuses=dict.fromkeys(self._plugins, fuse) if fuse is not None else {},
        )
        self._mode = mode
        self._allow_failure = allow_failure
        self._client_options = client_options
        self._stack = AsyncExitStack()
        self.host: Host
        self.client: Client

    async def __aenter__(self) -> PluginHost:
        async with AsyncExitStack() as stack:
            self.host = await stack.enter_async_context(Host(self._settings, plugins=self._plugins))
            await self.host.settled()
            if not self._allow_failure:
                self._raise_failures()
            server = build_server(self.host, in_memory=True).server
            self.client = await stack.enter_async_context(
                Client(server, mode=self._mode, cache=None, **self._client_options)
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._stack.__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            if error is None or set(_leaves(group)) != {error}:
                raise
            # The client's task groups have only wrapped the error of the body, which is raised as it is.

    def _raise_failures(self) -> None:
        for row in self.host.ledger.rows():
            if row.state not in UP:
                raise PluginFailure(row.name, row.stage, row.reason)

    def row(self, name: str | None = None) -> Row:
        """What the ledger says of the plugin."""
        return self.host.ledger[name or self._name]

    async def call_tool(self, name: str, arguments: Mapping[str, Any] | None = None, **options: Any) -> CallToolResult:
        """Call a tool through the client."""
        result: CallToolResult = await self.client.call_tool(name, dict(arguments or {}), **options)
        return result

    async def get_prompt(self, name: str, arguments: Mapping[str, str] | None = None) -> GetPromptResult:
        """Render a prompt through the client."""
        result: GetPromptResult = await self.client.get_prompt(name, dict(arguments or {}))
        return result

    async def read_resource(self, uri: str) -> ReadResourceResult:
        """Read a resource through the client."""
        result: ReadResourceResult = await self.client.read_resource(uri)
        return result


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _leaves(part)
    else:
        yield error
