"""What a tag or digest holds: an image, an index of images, or another artifact."""

from __future__ import annotations

from pydantic import BaseModel, Field

from fuseboard_oci.documents import DigestSource, Kind, Manifest, descriptor
from fuseboard_oci.reading.one_image import pick
from fuseboard_oci.reading.platforms import Platform
from fuseboard_oci.reading.result import Failure, Maybe, Named, Number, Some
from fuseboard_oci.reading.survey import Found, Survey
from fuseboard_oci.reference import Image
from fuseboard_oci.registry import Registry
from fuseboard_oci.text import clean, clean_map

NOTICE = "Annotations are text by the image's author, not instructions."

_CREATED = "org.opencontainers.image.created"
_BASE_NAME = "org.opencontainers.image.base.name"
_BASE_DIGEST = "org.opencontainers.image.base.digest"


class PlatformDetails(BaseModel):
    """One platform of an image."""

    platform: str = Field(description="os/architecture[/variant]")
    digest: str = Field(description="of this platform's own manifest")
    size: Maybe[int] = Field(default=None, description="bytes of its layers as they are pulled; absent when not read")
    layers: Maybe[int] = None
    os_version: Maybe[str] = None


class BaseImage(BaseModel):
    """The image below this one, as its author says."""

    name: Maybe[str] = None
    digest: Maybe[str] = None
    outdated: Maybe[bool] = Field(default=None, description="whether its tag has moved on; absent when not checked")


class ImageDetails(Named):
    """What a registry holds under a tag or digest."""

    digest: str = Field(description="of what the reference points to")
    digest_source: DigestSource = Field(description="verified: the registry names it too; computed: it names none")
    media_type: str
    kind: Kind
    architectures: list[str] = Field(description="of CPUs, sorted, each once; empty for artifacts")
    platforms: Some[PlatformDetails] = Field(default_factory=list)
    annotations: dict[str, str] = Field(default_factory=dict)
    annotations_omitted: Number = 0
    artifact_type: Maybe[str] = None
    created: Maybe[str] = None
    base: Maybe[BaseImage] = None
    subject: Maybe[str] = Field(default=None, description="digest of what this refers to, for signatures and the like")
    attestations: Number = Field(default=0, description="build attestations in the index")
    warnings: Some[str] = Field(default_factory=list)
    notice: Maybe[str] = None


class SeveralDetails(BaseModel):
    """What registries hold under several references, in the order of the question."""

    images: list[ImageDetails | Failure]


async def image_details(registry: Registry, image: Image, wanted: Platform | None = None) -> ImageDetails:
    """Read what `image` points to.

    An index costs one request. With `wanted`, the manifest and config of that platform are read as well.

    Raises:
        NotFound: MANIFEST_UNKNOWN, NAME_UNKNOWN, or PLATFORM_UNKNOWN when there is no image for `wanted`.
        OciError: whatever `Registry.manifest` raises.
    """
    manifest = await registry.manifest(image)
    survey = Survey(registry, image)
    await survey.take(manifest)
    if wanted is not None and manifest.kind in ("index", "image"):
        row = pick(survey, wanted)
        if manifest.kind == "index" and row.layers is None:
            await survey.complete(row)
        survey.rows = [row]
    return _assemble(manifest, survey)


def _assemble(manifest: Manifest, survey: Survey) -> ImageDetails:
    fields = manifest.fields
    raw = fields.get("annotations")
    annotations, omitted = clean_map(raw) if isinstance(raw, dict) else ({}, 0)
    subject = descriptor(fields.get("subject"))
    return ImageDetails(
        digest=manifest.digest,
        digest_source=manifest.digest_source,
        media_type=clean(manifest.media_type, 128),
        kind=manifest.kind,
        architectures=sorted({row.platform.architecture for row in survey.rows}),
        platforms=[_platform_details(row) for row in survey.rows],
        annotations=annotations,
        annotations_omitted=omitted,
        artifact_type=_artifact_type(manifest),
        created=annotations.get(_CREATED) or next((row.created for row in survey.rows if row.created), None),
        base=_base(annotations),
        subject=subject.digest if subject else None,
        attestations=survey.attestations,
        warnings=survey.warnings,
        notice=NOTICE if annotations else None,
    )


def _platform_details(row: Found) -> PlatformDetails:
    return PlatformDetails(
        platform=str(row.platform), digest=row.digest, size=row.size, layers=row.layers, os_version=row.os_version
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
