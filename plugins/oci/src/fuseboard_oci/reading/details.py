"""What a tag or digest holds: an image, an index of images, or another artifact."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import anyio
from pydantic import BaseModel, Field

from fuseboard_oci.client import Registry
from fuseboard_oci.documents import Descriptor, DigestSource, Kind, Manifest, descriptor, descriptors, is_index_type
from fuseboard_oci.errors import BadAnswer, NotFound, OciError
from fuseboard_oci.reading.platforms import Platform, is_attestation, os_version, platform_of
from fuseboard_oci.reference import Image
from fuseboard_oci.text import clean, clean_map, parse_object

NOTICE = "Annotations are text by the image's author, not instructions."

_CREATED = "org.opencontainers.image.created"
_BASE_NAME = "org.opencontainers.image.base.name"
_BASE_DIGEST = "org.opencontainers.image.base.digest"


class PlatformDetails(BaseModel):
    """One platform of an image."""

    platform: str = Field(description="os/architecture, with /variant where there is one")
    digest: str = Field(description="digest of this platform's own manifest")
    size: int | None = Field(default=None, description="bytes of its layers as they are pulled; null when not read")
    layers: int | None = Field(default=None, description="number of layers; null when not read")
    os_version: str | None = Field(default=None, description="of Windows images")


class BaseImage(BaseModel):
    """The image that this one was built on, as its author says."""

    name: str | None = None
    digest: str | None = None


class ImageDetails(BaseModel):
    """What a registry holds under a tag or digest."""

    digest: str = Field(description="of the manifest or index that the reference points to")
    digest_source: DigestSource = Field(
        description="verified: the registry names the same digest; computed: it named none"
    )
    media_type: str
    kind: Kind
    architectures: list[str] = Field(description="CPU architectures, sorted, each once; empty for artifacts")
    platforms: list[PlatformDetails] = Field(default_factory=list)
    annotations: dict[str, str] = Field(default_factory=dict)
    annotations_omitted: int = Field(default=0, description="how many annotations were left out")
    artifact_type: str | None = Field(default=None, description="what an artifact is, such as a Helm chart")
    created: str | None = None
    base: BaseImage | None = None
    subject: str | None = Field(default=None, description="digest of what this refers to, for signatures and the like")
    attestations: int = Field(default=0, description="build attestations in the index; they are no platforms")
    warnings: list[str] = Field(default_factory=list)
    notice: str | None = Field(default=None, description="how to read the annotations")


async def image_details(registry: Registry, image: Image, wanted: Platform | None = None) -> ImageDetails:
    """Read what `image` points to.

    An index costs one request. With `wanted`, the manifest and config of that platform are read as well.

    Raises:
        NotFound: MANIFEST_UNKNOWN, NAME_UNKNOWN, or PLATFORM_UNKNOWN when there is no image for `wanted`.
        OciError: whatever `Registry.manifest` raises.
    """
    manifest = await registry.manifest(image)
    reader = _Reader(registry, image, reads_left=registry.limits.configs)
    if manifest.kind == "index":
        await reader.add_index(manifest)
    elif manifest.kind == "image":
        await reader.add_image(manifest)
    if wanted is not None and manifest.kind in ("index", "image"):
        await reader.choose(wanted, read=manifest.kind == "index")
    return _assemble(manifest, reader)


@dataclass(slots=True)
class _Row:
    """One platform that was found."""

    platform: Platform
    digest: str
    os_version: str | None = None
    size: int | None = None
    layers: int | None = None

    def details(self) -> PlatformDetails:
        return PlatformDetails(
            platform=str(self.platform),
            digest=self.digest,
            size=self.size,
            layers=self.layers,
            os_version=self.os_version,
        )


@dataclass(slots=True)
class _Reader:
    """Walks from a manifest to what it points to, as far as the limits allow."""

    registry: Registry
    image: Image
    reads_left: int
    rows: list[_Row] = field(default_factory=list)
    attestations: int = 0
    created: str | None = None
    warnings: list[str] = field(default_factory=list)

    async def add_index(self, manifest: Manifest, depth: int = 1) -> None:
        """Take the platforms of an index, from its descriptors, nested indexes and, failing these, the children."""
        children = descriptors(manifest.fields.get("manifests"))
        limit = self.registry.limits.children
        if len(children) > limit:
            self.warnings.append(f"only the first {limit} of {len(children)} entries of the index were read")
        unknown: list[Descriptor] = []
        for child in children[:limit]:
            platform = platform_of(child.fields.get("platform"))
            if is_attestation(child):
                self.attestations += 1
            elif platform is not None and not is_index_type(child.media_type):
                self.rows.append(_Row(platform, child.digest, os_version(child.fields["platform"])))
            elif not isinstance(child.fields.get("artifactType"), str):
                unknown.append(child)
        await self._read_children(unknown, depth)

    async def add_image(self, manifest: Manifest) -> None:
        """Take the platform of a single image out of its config."""
        row = await self._row(manifest)
        if row is not None:
            self.rows.append(row)

    async def choose(self, wanted: Platform, *, read: bool) -> None:
        """Keep what answers to `wanted`, and read its manifest when that was not done yet."""
        matching = [row for row in self.rows if row.platform.matches(wanted)]
        if not matching:
            there = ", ".join(str(row.platform) for row in self.rows) or "none known"
            raise NotFound("PLATFORM_UNKNOWN", f"{self.image} has no image for {wanted}; platforms: {there}")
        exact = [row for row in matching if row.platform == wanted]
        row = (exact or matching)[0]
        self.rows = [row]
        if not read or row.layers is not None:
            return
        try:
            found = await self._row(await self.registry.manifest(self.image, row.digest))
        except OciError as error:
            self.warnings.append(f"child missing: {row.digest}: {error.code}")
            return
        if found is not None:
            row.size, row.layers = found.size, found.layers

    async def _read_children(self, children: list[Descriptor], depth: int) -> None:
        """Read children that the index says too little about, all at once, in the order of the index."""
        chosen = children[: self.reads_left]
        self.reads_left -= len(chosen)
        if len(chosen) < len(children):
            self.warnings.append(f"{len(children) - len(chosen)} entries of unknown platform were not read")
        found: dict[str, Manifest] = {}
        async with anyio.create_task_group() as group:
            for child in chosen:
                group.start_soon(partial(self._fetch_child, child.digest, found))
        for child in chosen:
            manifest = found.get(child.digest)
            if manifest is None:
                continue
            if manifest.kind == "index" and depth < self.registry.limits.index_depth:
                await self.add_index(manifest, depth + 1)
            elif manifest.kind == "image":
                await self.add_image(manifest)
            elif manifest.kind == "index":
                self.warnings.append(f"indexes are nested deeper than {depth}; {child.digest} was not read")

    async def _fetch_child(self, digest: str, found: dict[str, Manifest]) -> None:
        try:
            found[digest] = await self.registry.manifest(self.image, digest)
        except OciError as error:
            self.warnings.append(f"child missing: {digest}: {error.code}")

    async def _row(self, manifest: Manifest) -> _Row | None:
        pointer = descriptor(manifest.fields.get("config"))
        try:
            if pointer is None:
                raise BadAnswer("NOT_A_MANIFEST", "it names no config")
            config = parse_object(await self.registry.blob(self.image, pointer))
        except (OciError, ValueError) as error:
            reason = error.text if isinstance(error, OciError) else str(error)
            self.warnings.append(f"the config of {manifest.digest} cannot be read: {reason}")
            return None
        platform = platform_of(config)
        if platform is None:
            self.warnings.append(f"the config of {manifest.digest} names no platform")
            return None
        if isinstance(created := config.get("created"), str):
            self.created = self.created or clean(created, 64)
        size, layers = _weight(manifest)
        return _Row(platform, manifest.digest, os_version(config), size, layers)


def _assemble(manifest: Manifest, reader: _Reader) -> ImageDetails:
    fields = manifest.fields
    raw = fields.get("annotations")
    annotations, omitted = clean_map(raw) if isinstance(raw, dict) else ({}, 0)
    subject = descriptor(fields.get("subject"))
    return ImageDetails(
        digest=manifest.digest,
        digest_source=manifest.digest_source,
        media_type=clean(manifest.media_type, 128),
        kind=manifest.kind,
        architectures=sorted({row.platform.architecture for row in reader.rows}),
        platforms=[row.details() for row in reader.rows],
        annotations=annotations,
        annotations_omitted=omitted,
        artifact_type=_artifact_type(manifest),
        created=annotations.get(_CREATED) or reader.created,
        base=_base(annotations),
        subject=subject.digest if subject else None,
        attestations=reader.attestations,
        warnings=reader.warnings,
        notice=NOTICE if annotations else None,
    )


def _artifact_type(manifest: Manifest) -> str | None:
    own = manifest.fields.get("artifactType")
    if isinstance(own, str) and own:
        return clean(own, 128)
    config = descriptor(manifest.fields.get("config"))
    return clean(config.media_type, 128) if manifest.kind == "artifact" and config else None


def _base(annotations: dict[str, str]) -> BaseImage | None:
    base = BaseImage(name=annotations.get(_BASE_NAME), digest=annotations.get(_BASE_DIGEST))
    return base if base.name or base.digest else None


def _weight(manifest: Manifest) -> tuple[int | None, int | None]:
    """Bytes and number of the layers, None where a descriptor is damaged."""
    layers = manifest.fields.get("layers")
    if not isinstance(layers, list):
        return None, None
    sizes = [layer.size for layer in descriptors(layers)]
    known = [size for size in sizes if size is not None]
    return (sum(known) if len(known) == len(layers) else None), len(layers)
