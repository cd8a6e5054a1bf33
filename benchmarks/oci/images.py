"""The images that are asked for: fifty indexes of four platforms, and what a right answer says of each.

Every image has layers and configs of its own. With shared ones a cache by digest would save requests in the first
round already, and the candidates would not do the same work.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from fuseboard_oci.testing import Item, Repository
from fuseboard_oci.testing.builder import point_to
from fuseboard_oci.testing.seeds import PLATFORMS, layer

COUNT = 50
REQUESTS = 3  # for one image: its index, the manifest of a platform, the config of that
TAG = "1.0"
PLATFORM = "linux/amd64"


@dataclass(frozen=True, slots=True)
class Row:
    """What a client has to find out about one image.

    Attributes:
        repository: where it is.
        digest: of the manifest for `PLATFORM`.
        architecture: from that manifest's config.
        created: from the same config.
        layers: how many there are.
        size: their bytes together.
    """

    repository: str
    digest: str
    architecture: str
    created: str
    layers: int
    size: int


def names() -> list[str]:
    """The repositories."""
    return [f"bench/image{number:02}" for number in range(COUNT)]


def build() -> list[Repository]:
    """All repositories, the same bytes each time."""
    return [_image(name)[0] for name in names()]


def answers() -> dict[str, Row]:
    """The right answers, by repository."""
    return {name: _row(*_image(name)) for name in names()}


def _image(name: str) -> tuple[Repository, Item]:
    repository = Repository(name)
    items = []
    for architecture, variant in PLATFORMS:
        layers = [layer("base"), layer(name + architecture)]
        items.append(repository.image(architecture=architecture, variant=variant, layers=layers))
    children = []
    for item, (architecture, variant) in zip(items, PLATFORMS, strict=True):
        platform = {"os": "linux", "architecture": architecture} | ({"variant": variant} if variant else {})
        children.append(point_to(item, platform=platform))
    repository.tag(repository.index(children), TAG)
    return repository, items[0]


def _row(repository: Repository, item: Item) -> Row:
    manifest = json.loads(item.body)
    config = next(json.loads(blob) for blob in repository.blobs if blob.startswith(b"{") and b'"amd64"' in blob)
    sizes = [one["size"] for one in manifest["layers"]]
    return Row(repository.name, item.digest, config["architecture"], config["created"], len(sizes), sum(sizes))
