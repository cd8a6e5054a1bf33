"""oras-py asks for the images: `python oras_client.py '{"host": "...", "images": [...], "threads": 16}'`.

It runs in an environment of its own. The steps are those of the plugin: the index, the manifest of linux/amd64 in it,
and the config of that. Each thread has a client, and each round has new ones.
"""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import oras.client
from rounds import Clock, order

ACCEPT = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
]


def details(client: oras.client.OrasClient, host: str, repository: str) -> dict[str, Any]:
    """What a config, reached through an index, says of one image."""
    name = f"{host}/{repository}"
    index = client.get_manifest(f"{name}:1.0", allowed_media_type=ACCEPT)
    wanted = {"os": "linux", "architecture": "amd64"}
    digest = next(child["digest"] for child in index["manifests"] if child["platform"] == wanted)
    manifest = client.get_manifest(f"{name}@{digest}", allowed_media_type=ACCEPT)
    config = client.get_blob(name, manifest["config"]["digest"]).json()
    sizes = [layer["size"] for layer in manifest["layers"]]
    return {
        "repository": repository,
        "digest": digest,
        "architecture": config["architecture"],
        "created": config["created"],
        "layers": len(sizes),
        "size": sum(sizes),
    }


def one_round(host: str, images: list[str], threads: int) -> None:
    """Ask for all images with clients that have no connection yet."""
    clients = [oras.client.OrasClient(hostname=host, insecure=True) for _ in range(threads)]
    if threads == 1:
        clock = Clock()
        clock.stop([details(clients[0], host, image) for image in images])
        return
    mine = threading.local()

    def ask(image: str) -> dict[str, Any]:
        return details(mine.client, host, image)

    def take_a_client() -> None:
        mine.client = clients.pop()

    with ThreadPoolExecutor(threads, initializer=take_a_client) as pool:
        clock = Clock()
        clock.stop(list(pool.map(ask, images)))


def main() -> None:
    """A round for each line."""
    given = order()
    for _ in sys.stdin:
        one_round(given["host"], given["images"], given["threads"])


if __name__ == "__main__":
    main()
