"""Following what a connected server says of itself: its tools and prompts may change while it runs."""

from __future__ import annotations

import logging
from collections.abc import Callable

import anyio
from mcp.client.subscriptions import SubscriptionLost
from mcp.shared.exceptions import MCPError

from fuseboard_docker_mcp.sessions.connection import Connection
from fuseboard_docker_mcp.sessions.listing import Listing, listing

logger = logging.getLogger(__name__)

TOGETHER = 0.05
"""Seconds in which several changes become one."""
LISTEN_AGAIN_AFTER = 1.0
LONGEST_PAUSE = 60.0


async def follow(
    connection: Connection, allowed: frozenset[str] | None, timeout: float, take: Callable[[Listing], None]
) -> None:
    """Hand every new listing to `take`, until the connection is over.

    Args:
        connection: that stands.
        allowed: the tools that the operator left on.
        timeout: seconds for one listing.
        take: gets what was listed.
    """
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_list_again, connection, allowed, timeout, take)
        if connection.is_modern:
            tasks.start_soon(_listen, connection)
        await connection.over.wait()
        tasks.cancel_scope.cancel()


async def _list_again(
    connection: Connection, allowed: frozenset[str] | None, timeout: float, take: Callable[[Listing], None]
) -> None:
    while True:
        await connection.stale.wait()
        await anyio.sleep(TOGETHER)
        connection.stale = anyio.Event()
        try:
            with anyio.fail_after(timeout):
                take(await listing(connection, allowed))
        except (MCPError, TimeoutError, ValueError) as error:
            logger.warning("a server's tools have changed, and could not be listed: %s", type(error).__name__)


async def _listen(connection: Connection) -> None:
    """Keep the subscription of 2026-07-28 open; the handshake revisions send their notifications unasked."""
    capabilities = connection.client.server_capabilities
    tools = capabilities.tools is not None and bool(capabilities.tools.list_changed)
    prompts = capabilities.prompts is not None and bool(capabilities.prompts.list_changed)
    pause = LISTEN_AGAIN_AFTER
    while tools or prompts:
        try:
            async with connection.client.listen(tools_list_changed=tools, prompts_list_changed=prompts) as changes:
                connection.stale.set()  # what changed before the subscription stood has been missed
                async for _ in changes:
                    pause = LISTEN_AGAIN_AFTER
                    connection.stale.set()
        except (MCPError, SubscriptionLost, TimeoutError) as error:
            logger.debug("a subscription ended: %s", type(error).__name__)
        await anyio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
