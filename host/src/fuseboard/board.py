"""`Board`: the narrow door that a plugin has to the host, usable from any loop and thread."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from fuseboard.strict_json import sendable

if TYPE_CHECKING:
    from fuseboard.caller import Caller
    from fuseboard.catalogue import Catalogue
    from fuseboard.contributions.prompt import Prompt
    from fuseboard.contributions.resource import Resource
    from fuseboard.contributions.tool import Tool
    from fuseboard.health import CheckResult
    from fuseboard.ledger import Row


class House(Protocol):
    """What a board needs of the host; all of it runs on the host's loop."""

    home: asyncio.AbstractEventLoop
    catalogue: Catalogue

    def seen_by(self, roles: frozenset[str] | None) -> Catalogue:
        """What a caller with these roles may see and call."""
        ...

    def plugins(self) -> list[Row]:
        """The ledger's rows."""
        ...

    async def call_tool_for(self, plugin: str, name: str, arguments: Mapping[str, Any], caller: Caller | None) -> Any:
        """Call a tool for a plugin."""
        ...

    async def health(self, max_age: float = 2.0) -> dict[str, list[CheckResult]]:
        """The health checks by plugin."""
        ...

    def replace(
        self,
        plugin: str,
        namespace: str,
        tools: Sequence[Tool],
        prompts: Sequence[Prompt],
        resources: Sequence[Resource],
    ) -> None:
        """Replace what a plugin added under a namespace."""
        ...

    async def resource_updated(self, uri: str) -> None:
        """Tell the subscribers."""
        ...


class Board:
    """The door of one plugin. Given to the hooks `lifespan` and `http_routes`, and to calls as `ctx.board`.

    Args:
        plugin: whose door it is.
        house: the host behind it.
    """

    def __init__(self, plugin: str, house: House) -> None:
        self.plugin = plugin
        self._house = house

    @property
    def catalogue(self) -> Catalogue:
        """The snapshot that is served now. Read it; a new one replaces it at every change.

        Everything is in it: what a caller may see of it is `seen_by`.
        """
        return self._house.catalogue

    def seen_by(self, caller: Caller) -> Catalogue:
        """The part of the snapshot that a caller may see and call."""
        return self._house.seen_by(caller.roles)

    def plugins(self) -> list[Row]:
        """The ledger's rows: every plugin with its state, stage and reason. Read them only."""
        return self._house.plugins()

    async def call(self, name: str, arguments: Mapping[str, Any], caller: Caller | None = None) -> dict[str, Any]:
        """Call a tool of any plugin, within the remaining time of the call that this one is part of.

        Args:
            name: public name, bare name or alias.
            arguments: as JSON values.
            caller: in whose name; this plugin's if absent. Within a call, or a request to a route of this plugin, it
                has the roles of whoever sent that, unless it has roles of its own.

        Returns:
            The `CallToolResult` in wire form; an error of the tool is a result with `isError`.

        Raises:
            UnknownName: nothing answers to the name, or the caller may not call it.
        """
        result: dict[str, Any] = await self._at_home(self._house.call_tool_for(self.plugin, name, arguments, caller))
        return result

    async def health(self) -> dict[str, list[CheckResult]]:
        """The health checks of all plugins, at most two seconds old."""
        result: dict[str, list[CheckResult]] = await self._at_home(self._house.health())
        return result

    async def resource_updated(self, uri: str) -> None:
        """Tell the clients that subscribed to this resource that it has changed."""
        await self._at_home(self._house.resource_updated(sendable(uri)))

    def replace(
        self,
        namespace: str,
        tools: Sequence[Tool] = (),
        prompts: Sequence[Prompt] = (),
        resources: Sequence[Resource] = (),
    ) -> None:
        """Replace all that this plugin serves under a namespace; clients are told with `list_changed`.

        Args:
            namespace: becomes the prefix `<namespace>_`; "" is the plugin's own prefix.
            tools, prompts, resources: made with `Tool.of` and the like; none of all takes the namespace away.

        Raises:
            RegistrationError: the namespace is no legal name, or a plugin has it.
        """
        self._house.replace(self.plugin, namespace, tuple(tools), tuple(prompts), tuple(resources))

    async def _at_home(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        if asyncio.get_running_loop() is self._house.home:
            return await coroutine
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._house.home))
