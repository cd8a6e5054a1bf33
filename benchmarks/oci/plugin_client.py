"""The plugin's client asks for the images, without a host around it.

    python plugin_client.py '{"host": "...", "images": [...], "parallel": 16, "at_once": true, "again": false}'

`parallel` is the plugin's limit of requests to one registry; `at_once` asks for all images together; `again` keeps
one client for all rounds, whose cache has what digests name from the second on. Otherwise each round has a new client.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import anyio
from rounds import Clock, order

from fuseboard_oci.client import RegistryClient
from fuseboard_oci.config import OciSettings
from fuseboard_oci.reading.details import ImageDetails, image_details
from fuseboard_oci.reading.platforms import parse_platform
from fuseboard_oci.reference import parse_image


def row(repository: str, found: ImageDetails) -> dict[str, Any]:
    """The part that oras-py finds out as well."""
    [platform] = found.platforms
    return {
        "repository": repository,
        "digest": platform.digest,
        "architecture": found.architectures[0],
        "created": found.created,
        "layers": platform.layers,
        "size": platform.size,
    }


async def ask_all(client: RegistryClient, given: dict[str, Any]) -> list[dict[str, Any]]:
    """Ask for all images, as the tool `get_details` does."""
    platform = parse_platform("linux/amd64")
    rows: list[dict[str, Any]] = []

    async def ask(name: str) -> None:
        image = parse_image(name, given["host"], "1.0")
        rows.append(row(name, await image_details(client.registry(image.registry), image, platform)))

    if given["at_once"]:
        async with anyio.create_task_group() as group:
            for image in given["images"]:
                group.start_soon(partial(ask, image))
    else:
        for image in given["images"]:
            await ask(image)
    return rows


def new_client(given: dict[str, Any]) -> RegistryClient:
    """A client that has no connection and no memory yet."""
    settings = {"registries": {given["host"]: {"insecure": True}}, "limits": {"parallel": given["parallel"]}}
    return RegistryClient(OciSettings.model_validate(settings))


async def one_round(client: RegistryClient, given: dict[str, Any]) -> None:
    """Ask and tell."""
    clock = Clock()
    clock.stop(await ask_all(client, given))


async def main() -> None:
    """A round for each line."""
    given = order()
    if given["again"]:
        async with new_client(given) as client:
            for _ in sys.stdin:
                await one_round(client, given)
    for _ in sys.stdin:
        async with new_client(given) as client:
            await one_round(client, given)


if __name__ == "__main__":
    anyio.run(main)
