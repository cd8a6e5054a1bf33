"""A subscription to what a caller may not read is honoured and never fires, as that to what does not exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp_types import ResourceUpdatedNotification

from fuseboard import Context, hookimpl
from fuseboard.contributions.registrars import ResourceRegistrar, ToolRegistrar
from fuseboard.host import Host
from fuseboard.mcp_server import build_server
from fuseboard.settings import HostSettings

pytestmark = pytest.mark.anyio

OPEN, SHUT = "notes://open", "notes://shut"


class Notes:
    """A plugin with two resources, and a tool that says of both that they have changed."""

    @hookimpl
    def register_resources(self, register: ResourceRegistrar) -> None:
        register(OPEN, lambda: "open", name="open", description="Open.")
        register(SHUT, lambda: "shut", name="shut", description="Shut.")

    @hookimpl
    def register_tools(self, register: ToolRegistrar) -> None:
        register(change)


async def change(ctx: Context[Any]) -> str:
    """Change both, the one that is open last."""
    await ctx.resource_updated(SHUT)
    await ctx.resource_updated(OPEN)
    return "changed"


def collector(into: list[str]) -> Callable[[Any], Any]:
    async def collect(message: Any) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            into.append(str(message.params.uri))

    return collect


@pytest.mark.filterwarnings("ignore:resources/subscribe")
@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_updates_reach_only_who_may_read_the_resource(mode: str) -> None:
    access = {"roles": {"user": {"allow": ["notes_*", OPEN]}}, "local_roles": ["user"]}
    heard: list[str] = []
    with anyio.fail_after(60):
        async with Host(HostSettings.model_validate({"access": access}), plugins={"notes": Notes()}) as host:
            await host.settled()
            server = build_server(host, in_memory=True).server
            async with Client(server, mode=mode, message_handler=collector(heard)) as client:
                if mode == "legacy":
                    for uri in (OPEN, SHUT):
                        await client.subscribe_resource(uri)
                    await client.call_tool("notes_change", {})
                    while not heard:
                        await anyio.lowlevel.checkpoint()
                else:
                    async with client.listen(resource_subscriptions=[OPEN, SHUT]) as events:
                        await client.call_tool("notes_change", {})
                        async for _ in events:
                            break
                        while not heard:
                            await anyio.lowlevel.checkpoint()
    assert heard == [OPEN]
