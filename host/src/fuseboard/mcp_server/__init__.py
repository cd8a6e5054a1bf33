"""Host -> the SDK's low-level server: the only package that knows its handlers.

The server is made here; `handlers` answers its requests, `notifier` tells its clients of changes.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from mcp.server import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.shared.exceptions import MCPDeprecationWarning

from fuseboard.caller import asking
from fuseboard.catalogue import Catalogue
from fuseboard.host import Host
from fuseboard.mcp_server.handlers import Handlers
from fuseboard.mcp_server.notifier import ChangeNotifier

NAME = "fuseboard"


class BoardServer(Server[Any]):
    """The SDK's server with instructions that are composed when they are asked for."""

    def __init__(self, host: Host, **options: Any) -> None:
        self._host = host
        super().__init__(NAME, version=version("fuseboard"), **options)

    @property
    def instructions(self) -> str | None:
        """The plugins' paragraphs as they are now, for whoever shakes hands."""
        client = asking.get()
        return self._host.instructions_for(client.roles if client is not None else self._host.access.local) or None

    @instructions.setter
    def instructions(self, value: str | None) -> None:
        """The SDK's constructor sets it; the host composes it."""

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """The SDK's default tells handshake clients `listChanged: false`, though the host sends the changes."""
        everything = NotificationOptions(prompts_changed=True, resources_changed=True, tools_changed=True)
        return super().create_initialization_options(
            notification_options or everything, experimental_capabilities, extensions
        )


@dataclass(frozen=True, slots=True)
class Served:
    """The server of a host and what tells its clients of changes."""

    server: BoardServer
    notifier: ChangeNotifier


def build_server(host: Host, *, in_memory: bool = False) -> Served:
    """Make the server that serves a host in both protocol eras; one for all connections.

    Args:
        host: entered; its plugins may still load.
        in_memory: whether its clients are in this process, as in tests.
    """
    handlers = Handlers(host, in_memory)
    notifier = ChangeNotifier(handlers.rights)

    @asynccontextmanager
    async def lifespan(_: Server[Any]) -> AsyncIterator[Host]:
        yield host  # the host outlives every connection: the SDK enters this once per connection on some transports

    with warnings.catch_warnings():
        # Deprecated on 2026-07-28, but clients of the handshake revisions still set their level.
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        server = BoardServer(
            host,
            lifespan=lifespan,
            get_tool_input_schema=handlers.header_schema,
            on_list_tools=handlers.list_tools,
            on_call_tool=handlers.call_tool,
            on_list_prompts=handlers.list_prompts,
            on_get_prompt=handlers.get_prompt,
            on_list_resources=handlers.list_resources,
            on_list_resource_templates=handlers.list_templates,
            on_read_resource=handlers.read_resource,
            on_subscribe_resource=handlers.subscribe,
            on_unsubscribe_resource=handlers.unsubscribe,
            on_completion=handlers.complete,
            on_set_logging_level=handlers.set_level,
            on_subscriptions_listen=notifier.listen,
        )
    keys = [key.get_secret_value() for key in host.settings.sealing_keys]
    security = RequestStateSecurity(keys=keys) if keys else RequestStateSecurity.ephemeral()
    server.middleware += [
        RequestStateBoundary(security, default_audience=NAME),
        notifier.track,
        handlers.wait_for_plugins,
        handlers.fill_lists,
    ]
    host.watch(_Announcer(notifier).catalogue_changed)
    host.watch_resources(lambda uri: notifier.resource_updated(uri, host.catalogue))
    return Served(server, notifier)


class _Announcer:
    """Turns changes of the catalogue into notifications, in order."""

    def __init__(self, notifier: ChangeNotifier) -> None:
        self._notifier = notifier
        self._tasks: set[asyncio.Task[None]] = set()

    def catalogue_changed(self, before: Catalogue, after: Catalogue) -> None:
        if before is not after:
            task = asyncio.ensure_future(self._notifier.catalogue_changed(before, after))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
