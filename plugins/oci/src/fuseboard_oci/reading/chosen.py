"""Which manifest a platform of an image has, for the readings that want its digest and not its config."""

from __future__ import annotations

from fuseboard_oci.documents import Manifest
from fuseboard_oci.reading.one_image import pick
from fuseboard_oci.reading.platforms import Platform
from fuseboard_oci.reading.survey import Survey
from fuseboard_oci.reference import Image
from fuseboard_oci.registry import Registry


async def chosen_digest(registry: Registry, image: Image, manifest: Manifest, wanted: Platform) -> str:
    """Return the digest of the manifest that `image` has for a platform. An index that names it costs no request.

    Args:
        registry: whom to ask.
        image: names the repository.
        manifest: what `image` points to. Of an artifact, which has no platforms, it is its own digest.
        wanted: the platform.

    Raises:
        NotFound: PLATFORM_UNKNOWN.
    """
    if manifest.kind not in ("index", "image"):
        return manifest.digest
    survey = Survey(registry, image)
    await survey.take(manifest)
    return pick(survey, wanted).digest
