"""Waiting for the plugins of a host that has just been started."""

from __future__ import annotations

import json

import anyio
import mcp


async def settled(client: mcp.Client) -> None:
    """Wait until no plugin starts any more; without it a listing shows who was there within two seconds.

    Args:
        client: without a cache, as it asks again and again.
    """
    while True:
        [content] = (await client.read_resource("fuseboard://plugins")).contents
        rows = json.loads(content.text)["plugins"]  # type: ignore[union-attr]
        if not any(row["state"] == "starting" for row in rows):
            return
        await anyio.sleep(0.05)
