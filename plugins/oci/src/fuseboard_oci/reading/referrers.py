"""What refers to an image: signatures, bills of materials, attestations. Found and counted, never verified.

The places, in the order in which they are looked at: the referrers API; without it the tag `sha256-<hex>` that stands
in for it (distribution specification 1.1); where no signature was found, the tags `sha256-<hex>.sig`, `.att` and
`.sbom` of older cosign; and the attestations that a build put into the index itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import anyio
from pydantic import BaseModel, Field

from fuseboard_oci.documents import Descriptor, Manifest, descriptors
from fuseboard_oci.errors import NotFound, OciError
from fuseboard_oci.reading.artifacts import GROUPS, Group, annotation, artifact_type_of, group_of
from fuseboard_oci.reading.chosen import chosen_digest
from fuseboard_oci.reading.platforms import Platform, is_attestation
from fuseboard_oci.reading.result import Maybe, Some
from fuseboard_oci.reference import Image, is_digest
from fuseboard_oci.registry import Registry
from fuseboard_oci.text import clean

MAX_ENTRIES = 200

_CREATED = "org.opencontainers.image.created"
_ATTESTED = "vnd.docker.reference.digest"
_OLD_TAGS: tuple[tuple[str, Group], ...] = ((".sig", "signatures"), (".att", "attestations"), (".sbom", "sboms"))

Source = Literal["api", "tag", "none"]
_RANK: tuple[Source, ...] = ("none", "tag", "api")


class Referrer(BaseModel):
    """One thing that refers to the image."""

    digest: str
    artifact_type: Maybe[str] = None
    created: Maybe[str] = None
    size: Maybe[int] = Field(default=None, description="bytes of its manifest")
    subject: Maybe[str] = Field(default=None, description="what it refers to, when that may be one of several")
    tag: Maybe[str] = Field(default=None, description="where it was found, when no list of referrers names it")


class Referrers(BaseModel):
    """What refers to an image. Signatures are found here, not verified."""

    subject: str = Field(description="digest of what the reference points to")
    platform_subject: Maybe[str] = Field(default=None, description="digest of the chosen platform's own manifest")
    source: Source = Field(description="where the list is from: the referrers API, tags that stand in for it, or none")
    signed: Literal["present", "absent", "unknown"] = Field(
        description="present: there is a signature, nobody has verified it; unknown: see warnings"
    )
    verified: Literal[False] = Field(default=False, description="always false")
    signatures: Some[Referrer] = Field(default_factory=list)
    sboms: Some[Referrer] = Field(default_factory=list)
    attestations: Some[Referrer] = Field(default_factory=list)
    other: Some[Referrer] = Field(default_factory=list)
    omitted: Maybe[int] = Field(default=None, description=f"how many entries beyond {MAX_ENTRIES} were left out")
    warnings: Some[str] = Field(default_factory=list)


async def list_referrers(
    registry: Registry, image: Image, artifact_type: str | None = None, wanted: Platform | None = None
) -> Referrers:
    """Find what refers to the digest of `image`, and with `wanted` also what refers to that platform's manifest.

    Args:
        registry: whom to ask.
        image: a tag or digest.
        artifact_type: list only entries of exactly this type; `signed` is about all of them.
        wanted: a platform of the image.

    Raises:
        NotFound: MANIFEST_UNKNOWN, NAME_UNKNOWN, PLATFORM_UNKNOWN.
        OciError: whatever `Registry.manifest` and `Registry.referrers` raise.
    """
    manifest = await registry.manifest(image)
    subjects = [manifest.digest]
    if wanted is not None and (chosen := await chosen_digest(registry, image, manifest, wanted)) != manifest.digest:
        subjects.append(chosen)
    searches = [_Search(registry, image, subject) for subject in subjects]
    async with anyio.create_task_group() as group:
        for search in searches:
            group.start_soon(search.run)
    for search in searches:
        if search.error is not None:
            raise search.error
    entries = [entry for search in searches for entry in search.entries]
    entries += _attestations(manifest, only=subjects[1] if len(subjects) > 1 else None)
    result = Referrers(
        subject=subjects[0],
        platform_subject=subjects[1] if len(subjects) > 1 else None,
        source=max((search.source for search in searches), key=_RANK.index),
        signed=_signed(entries, searches),
        warnings=[warning for search in searches for warning in search.warnings],
    )
    _fill(result, entries, artifact_type)
    return result


@dataclass(frozen=True, slots=True)
class _Entry:
    """A referrer, and what it counts as. One that only a tag names has no descriptor."""

    group: Group
    digest: str
    subject: str
    pointer: Descriptor | None = None
    tag: str | None = None

    @property
    def artifact_type(self) -> str | None:
        return (artifact_type_of(self.pointer) or None) if self.pointer else None

    def row(self, *, with_subject: bool) -> Referrer:
        """The entry for the result, its text cleaned."""
        created = annotation(self.pointer, _CREATED) if self.pointer else ""
        return Referrer(
            digest=self.digest,
            artifact_type=clean(self.artifact_type, 128) if self.artifact_type else None,
            created=clean(created, 64) or None,
            size=self.pointer.size if self.pointer else None,
            subject=self.subject if with_subject else None,
            tag=self.tag,
        )


@dataclass(slots=True)
class _Search:
    """Looks for what refers to one digest."""

    registry: Registry
    image: Image
    subject: str
    source: Source = "none"
    entries: list[_Entry] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: OciError | None = None

    async def run(self) -> None:
        """Look everywhere. An error is kept for whoever started this: a task group would wrap it."""
        try:
            await self._list()
        except OciError as error:
            self.error = error
            return
        if not any(entry.group == "signatures" for entry in self.entries):
            async with anyio.create_task_group() as group:
                for ending, kind in _OLD_TAGS:
                    group.start_soon(partial(self._old_tag, ending, kind))

    async def _list(self) -> None:
        # Without a filter: whether the image is signed shall not depend on what was asked to be listed.
        found = await self.registry.referrers(self.image, self.subject)
        if found is not None:
            self.source = "api"
            if not found.complete:
                self.warnings.append("the registry's list of referrers is longer than was read")
        rows = found.rows if found is not None else await self._fallback()
        self.entries = [_Entry(group_of(pointer), pointer.digest, self.subject, pointer) for pointer in rows]

    async def _fallback(self) -> list[Descriptor]:
        tag = _tag_of(self.subject)
        try:
            index = await self.registry.manifest(_tagged(self.image, tag))
        except NotFound:
            return []
        except OciError as error:
            self.warnings.append(f"tag {tag}: {error}")
            return []
        self.source = "tag"
        if index.kind != "index":
            self.warnings.append(f"tag {tag} is no index of referrers")
        return descriptors(index.fields.get("manifests"))

    async def _old_tag(self, ending: str, kind: Group) -> None:
        tag = _tag_of(self.subject) + ending
        image = _tagged(self.image, tag)
        try:
            # HEAD is free where reading is counted.
            digest = await self.registry.digest(image) or (await self.registry.manifest(image)).digest
        except NotFound:
            return
        except OciError as error:
            self.warnings.append(f"tag {tag}: {error}")
            return
        if self.source == "none":
            self.source = "tag"
        self.entries.append(_Entry(kind, digest, self.subject, tag=tag))


def _tag_of(digest: str) -> str:
    """The tag that stands in for the referrers of a digest; the specification cuts it at 64 hex digits."""
    algorithm, _, value = digest.partition(":")
    return f"{algorithm}-{value[:64]}"


def _tagged(image: Image, tag: str) -> Image:
    return Image(image.registry, image.repository, tag)


def _attestations(manifest: Manifest, only: str | None) -> list[_Entry]:
    """The attestations in the index itself; `only` those about one platform's manifest, when it is given."""
    if manifest.kind != "index":
        return []
    found = []
    for child in filter(is_attestation, descriptors(manifest.fields.get("manifests"))):
        attested = annotation(child, _ATTESTED)
        subject = attested if is_digest(attested) else manifest.digest
        if only in (None, subject):
            found.append(_Entry("attestations", child.digest, subject, child))
    return found


def _signed(entries: list[_Entry], searches: list[_Search]) -> Literal["present", "absent", "unknown"]:
    if any(entry.group == "signatures" for entry in entries):
        return "present"
    # A place that could not be looked at may hold one.
    return "unknown" if any(search.warnings for search in searches) else "absent"


def _fill(result: Referrers, entries: list[_Entry], artifact_type: str | None) -> None:
    """Put the entries where they belong, each once, signatures first, so that a cut never hides one behind the rest."""
    unique: dict[tuple[str, str], _Entry] = {}
    for entry in entries:
        unique.setdefault((entry.digest, entry.subject), entry)
    chosen = [entry for entry in unique.values() if artifact_type in (None, entry.artifact_type)]
    chosen.sort(key=lambda entry: GROUPS.index(entry.group))
    for entry in chosen[:MAX_ENTRIES]:
        several = result.platform_subject is not None or entry.subject != result.subject
        getattr(result, entry.group).append(entry.row(with_subject=several))
    result.omitted = len(chosen) - MAX_ENTRIES if len(chosen) > MAX_ENTRIES else None
