"""The one private name of the SDK that the host uses, and the day on which it can go."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from mcp.server.connection import Connection
from mcp.server.session import ServerSession

from fuseboard.mcp_server import BoardServer
from fuseboard.mcp_server.notifier import connection_of
from fuseboard.testing import PluginHost
from tests.host.core.toys import LONG, plugin, until

pytestmark = pytest.mark.anyio


async def hello() -> str:
    """Say hello."""
    return "hello"


def test_there_is_still_no_public_way_from_a_session_to_its_connection() -> None:
    """`list_changed` and subscriptions on the handshake revisions need the connection behind a session."""
    public = [name for name in dir(ServerSession) if not name.startswith("_") and "connection" in name.lower()]
    assert public == [], (
        f"the SDK's ServerSession has got {public}: let notifier.connection_of use it instead of the private "
        "`_connection`, and delete this file"
    )


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_private_way_still_leads_to_a_connection_that_can_notify(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Any] = []

    class Watching(BoardServer):
        """Looks at every request on its way."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.middleware.append(self.look)

        async def look(self, ctx: Any, call_next: Any) -> Any:
            assert hasattr(ctx.session, "_connection"), (
                "the SDK has taken ServerSession._connection away: clients of the handshake revisions would get no "
                "list_changed. Find the new way to a connection and use it in notifier.connection_of"
            )
            found.append(connection_of(ctx))
            return await call_next(ctx)

    monkeypatch.setattr("fuseboard.mcp_server.BoardServer", Watching)
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(hello), mode=mode) as host:
            await host.client.list_tools()
    assert found
    assert all(isinstance(connection, Connection) for connection in found)
    for method in (
        "send_tool_list_changed",
        "send_prompt_list_changed",
        "send_resource_list_changed",
        "send_resource_updated",
    ):
        assert callable(getattr(found[0], method)), f"the SDK's Connection has no {method} any more"
    assert hasattr(found[0], "state"), "subscriptions and log levels are kept in Connection.state"


async def test_a_connection_that_has_ended_is_forgotten() -> None:
    """The host remembers the connections of handshake clients only for as long as the SDK keeps them."""
    import gc

    from mcp import Client

    from fuseboard.mcp_server import build_server

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(hello)) as host:
            served = build_server(host.host, in_memory=True)
            for _ in range(5):
                async with Client(served.server, mode="legacy", cache=None) as client:
                    await client.list_tools()

            def forgotten() -> bool:
                gc.collect()
                return len(served.notifier._legacy) == 0

            await until(forgotten)
