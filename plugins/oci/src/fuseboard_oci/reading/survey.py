"""Which platforms a manifest has: from its index, from indexes in it and, where these are silent, from the configs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio

from fuseboard_oci.documents import Descriptor, Manifest, descriptor, descriptors, is_index_type
from fuseboard_oci.errors import BadAnswer, OciError
from fuseboard_oci.reading.platforms import Platform, is_attestation, os_version, platform_of
from fuseboard_oci.reference import Image
from fuseboard_oci.registry import Registry
from fuseboard_oci.text import clean, parse_object


@dataclass(slots=True)
class Found:
    """One platform that was found.

    Attributes:
        platform: what the index says, or the config where the index is silent.
        digest: of its own manifest.
        os_version: of Windows images.
        size: bytes of its layers, None when its manifest was not read or is damaged.
        layers: how many there are, None when its manifest was not read or is damaged.
        created: as its config says, None when that was not read.
    """

    platform: Platform
    digest: str
    os_version: str | None = None
    size: int | None = None
    layers: int | None = None
    created: str | None = None


@dataclass(slots=True)
class Survey:
    """Walks from a manifest to what it points to, as far as the limits allow. What cannot be read becomes a warning."""

    registry: Registry
    image: Image
    rows: list[Found] = field(default_factory=list)
    attestations: int = 0
    warnings: list[str] = field(default_factory=list)
    _reads_left: int = field(init=False)

    def __post_init__(self) -> None:
        self._reads_left = self.registry.limits.configs

    async def take(self, manifest: Manifest) -> None:
        """Add the platforms of an index or image; other manifests have none."""
        if manifest.kind == "index":
            await self._take_index(manifest, 1)
        elif manifest.kind == "image" and (row := await self._read(manifest)) is not None:
            self.rows.append(row)

    async def complete(self, row: Found) -> None:
        """Read the manifest and config of a row that only the index told about, for its size and creation time."""
        try:
            found = await self._read(await self.registry.manifest(self.image, row.digest))
        except OciError as error:
            self.warnings.append(_missing(row.digest, error))
            return
        if found is not None:
            row.size, row.layers, row.created = found.size, found.layers, found.created

    async def _take_index(self, manifest: Manifest, depth: int) -> None:
        children = descriptors(manifest.fields.get("manifests"))
        limit = self.registry.limits.children
        if len(children) > limit:
            self.warnings.append(f"only the first {limit} of {len(children)} entries of the index were read")
        silent: list[Descriptor] = []
        for child in children[:limit]:
            platform = platform_of(child.fields.get("platform"))
            if is_attestation(child):
                self.attestations += 1
            elif platform is not None and not is_index_type(child.media_type):
                self.rows.append(Found(platform, child.digest, os_version(child.fields["platform"])))
            elif not isinstance(child.fields.get("artifactType"), str):
                silent.append(child)
        await self._read_children(silent, depth)

    async def _read_children(self, children: list[Descriptor], depth: int) -> None:
        """Read children that the index says too little about, all at once, in the order of the index."""
        chosen = children[: self._reads_left]
        self._reads_left -= len(chosen)
        if len(chosen) < len(children):
            self.warnings.append(f"{len(children) - len(chosen)} entries of unknown platform were not read")
        found: dict[str, Manifest | Found] = {}
        async with anyio.create_task_group() as group:
            for child in chosen:
                group.start_soon(partial(self._fetch, child.digest, found))
        for child in chosen:
            what = found.get(child.digest)
            if isinstance(what, Found):
                self.rows.append(what)
            elif what is not None and depth < self.registry.limits.index_depth:
                await self._take_index(what, depth + 1)
            elif what is not None:
                self.warnings.append(f"indexes are nested deeper than {depth}; {child.digest} was not read")

    async def _fetch(self, digest: str, found: dict[str, Manifest | Found]) -> None:
        """Find out whether a child is an index, or an image of some platform; what is neither is left out."""
        try:
            manifest = await self.registry.manifest(self.image, digest)
        except OciError as error:
            self.warnings.append(_missing(digest, error))
            return
        if manifest.kind == "index":
            found[digest] = manifest
        elif manifest.kind == "image" and (row := await self._read(manifest)) is not None:
            found[digest] = row

    async def _read(self, manifest: Manifest) -> Found | None:
        """The row of an image, by its config."""
        pointer = descriptor(manifest.fields.get("config"))
        try:
            if pointer is None:
                raise BadAnswer("NOT_A_MANIFEST", "it names no config")
            config = parse_object(await self.registry.blob(self.image, pointer))
        except (OciError, ValueError) as error:
            reason = error.text if isinstance(error, OciError) else str(error)
            self.warnings.append(f"the config of {manifest.digest} cannot be read: {reason}")
            return None
        return self.found_in(manifest, config)

    def found_in(self, manifest: Manifest, config: dict[str, Any]) -> Found | None:
        """The row of an image whose config was read; a warning and None when that names no platform."""
        platform = platform_of(config)
        if platform is None:
            self.warnings.append(f"the config of {manifest.digest} names no platform")
            return None
        created = config.get("created")
        size, layers = _weight(manifest)
        return Found(
            platform,
            manifest.digest,
            os_version(config),
            size,
            layers,
            clean(created, 64) if isinstance(created, str) else None,
        )


def _missing(digest: str, error: OciError) -> str:
    return f"child missing: {digest}: {error.code}"


def _weight(manifest: Manifest) -> tuple[int | None, int | None]:
    """Bytes and number of the layers, None where a descriptor is damaged."""
    layers = manifest.fields.get("layers")
    if not isinstance(layers, list):
        return None, None
    sizes = [layer.size for layer in descriptors(layers)]
    known = [size for size in sizes if size is not None]
    return (sum(known) if len(known) == len(layers) else None), len(layers)
