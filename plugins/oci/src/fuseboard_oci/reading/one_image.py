"""From a reference and a platform to one image: which manifest is meant, and the config behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fuseboard_oci.documents import Manifest, descriptor
from fuseboard_oci.errors import BadAnswer, NotFound
from fuseboard_oci.reading.platforms import USUAL_VARIANTS, Platform, platform_of
from fuseboard_oci.reading.survey import Found, Survey
from fuseboard_oci.reference import Image
from fuseboard_oci.registry import Registry
from fuseboard_oci.text import clean, parse_object

USUAL = Platform("linux", "amd64")
"""What is taken when nobody names a platform and the image has it."""

_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class OneImage:
    """One image of one platform.

    Attributes:
        manifest: its own, never an index.
        platform: as the index says, or the config; None when neither names one.
        config: its config, untyped.
        warnings: what a reader should know about the choice.
    """

    manifest: Manifest
    platform: Platform | None
    config: dict[str, Any]
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What an index or a single image offers.

    Attributes:
        whole: the manifest that the reference points to.
        survey: the platforms.
        config: of a single image, which had to be read to know its platform; None of an index.
    """

    whole: Manifest
    survey: Survey
    config: dict[str, Any] | None


async def one_image(registry: Registry, image: Image, wanted: Platform | None) -> OneImage:
    """Read the image that `image` has for a platform.

    Args:
        registry: whom to ask.
        image: an index or a single image.
        wanted: the platform; linux/amd64 when it is None, or the only one there is.

    Raises:
        NotFound: PLATFORM_UNKNOWN, with the list of those that are there.
        BadAnswer: NOT_AN_IMAGE.
    """
    candidates = await find_candidates(registry, image, await registry.manifest(image))
    return await read_one(candidates, choose(candidates, wanted))


async def find_candidates(registry: Registry, image: Image, whole: Manifest) -> Candidates:
    """Find the platforms of an index or a single image.

    Raises:
        BadAnswer: NOT_AN_IMAGE.
        OciError: the config of a single image cannot be read.
    """
    survey = Survey(registry, image)
    if whole.kind == "index":
        await survey.take(whole)
        return Candidates(whole, survey, None)
    if whole.kind != "image":
        raise _no_image(image, whole)
    config = await _read_config(registry, image, whole)
    row = survey.found_in(whole, config)
    survey.rows = [row] if row else []
    return Candidates(whole, survey, config)


def choose(candidates: Candidates, wanted: Platform | None) -> Found | None:
    """Like `pick`; but a single image whose config names no platform is taken when nobody asks for one: None.

    Raises:
        NotFound: PLATFORM_UNKNOWN.
    """
    if candidates.config is not None and not candidates.survey.rows and wanted is None:
        return None
    return pick(candidates.survey, wanted)


def pick(survey: Survey, wanted: Platform | None) -> Found:
    """Return the row that answers to a platform: its exact variant, else the usual one, else the first of the index.

    Args:
        survey: what there is.
        wanted: the platform; linux/amd64 when it is None, or the only one there is.

    Raises:
        NotFound: PLATFORM_UNKNOWN, with the list of those that are there.
    """
    there = list(dict.fromkeys(row.platform for row in survey.rows))
    meant = wanted or (there[0] if len(there) == 1 else USUAL)
    matching = [row for row in survey.rows if row.platform.matches(meant)]
    if not matching:
        choices = f"platforms: {listed(there)}" if wanted or not there else f"give platform, one of {listed(there)}"
        reason = f" ({survey.warnings[0]})" if survey.warnings and not there else ""
        raise NotFound("PLATFORM_UNKNOWN", f"{survey.image} has no image for {meant}; {choices}{reason}")
    return min(matching, key=lambda row: _distance(row.platform, meant))


def listed(platforms: list[Platform]) -> str:
    """Platforms in words, a long list cut."""
    more = len(platforms) - _MOST_NAMED
    named = ", ".join(map(str, platforms[:_MOST_NAMED])) or "none known"
    return f"{named} and {more} more" if more > 0 else named


async def read_one(candidates: Candidates, row: Found | None) -> OneImage:
    """Read the manifest and the config of what was chosen.

    Raises:
        NotFound: MANIFEST_UNKNOWN: the index names an image that is not there.
        BadAnswer: NOT_AN_IMAGE.
    """
    survey = candidates.survey
    if candidates.config is not None or row is None:
        return OneImage(candidates.whole, row.platform if row else None, candidates.config or {}, survey.warnings)
    manifest = await survey.registry.manifest(survey.image, row.digest)
    if manifest.kind != "image":
        raise _no_image(survey.image, manifest)
    config = await _read_config(survey.registry, survey.image, manifest)
    return OneImage(manifest, row.platform, config, [*survey.warnings, *_doubts(survey, row, config)])


async def _read_config(registry: Registry, image: Image, manifest: Manifest) -> dict[str, Any]:
    pointer = descriptor(manifest.fields.get("config"))
    if pointer is None:
        raise BadAnswer("NOT_AN_IMAGE", f"{image}: the manifest {manifest.digest} names no config")
    try:
        return parse_object(await registry.blob(image, pointer))
    except ValueError as error:
        raise BadAnswer("NOT_AN_IMAGE", f"{image}: the config {pointer.digest} cannot be read: {error}") from None


def _doubts(survey: Survey, row: Found, config: dict[str, Any]) -> list[str]:
    """What speaks against a choice: it was one of several, or the config tells of another platform."""
    found = []
    alike = [other for other in survey.rows if other.platform == row.platform and other.digest != row.digest]
    if alike:
        found.append(f"{len(alike) + 1} images are for {row.platform}; this is the first of them")
    inside = platform_of(config)
    if inside is not None and (inside.os, inside.architecture) != (row.platform.os, row.platform.architecture):
        found.append(f"the index says that this image is for {row.platform}, its config says {inside}")
    return found


def _distance(platform: Platform, wanted: Platform) -> int:
    if platform == wanted:
        return 0
    return 1 if platform.variant == USUAL_VARIANTS.get(platform.architecture, "") else 2


def type_of(manifest: Manifest) -> str:
    """What a manifest is in a media type: of an artifact its own type, not the one of all manifests."""
    own = manifest.fields.get("artifactType")
    config = descriptor(manifest.fields.get("config"))
    if manifest.kind == "artifact" and isinstance(own, str) and own:
        return clean(own, 100)
    return clean(config.media_type if manifest.kind == "artifact" and config else manifest.media_type, 100)


def _no_image(image: Image, manifest: Manifest) -> BadAnswer:
    kind = {"artifact": "an artifact", "index": "an index"}.get(manifest.kind, "of an unknown kind")
    return BadAnswer(
        "NOT_AN_IMAGE",
        f"{image}: the manifest {manifest.digest} is {kind} ({type_of(manifest)}) and no image; "
        "get_details tells what it holds",
    )
