"""Whether the image that another was built on has moved on since."""

from __future__ import annotations

from fuseboard_oci.documents import descriptors
from fuseboard_oci.reference import Image
from fuseboard_oci.registry import Registry


async def is_outdated(registry: Registry, base: Image, digest: str) -> bool:
    """Return whether the tag `base` no longer holds the image with `digest`.

    Builders write down the digest of the index or that of one platform's image, so both count.

    Args:
        registry: of the base image.
        base: its name and tag.
        digest: what it was when the image was built.

    Raises:
        OciError: the base image cannot be read.
    """
    if await registry.digest(base) == digest:
        return False
    manifest = await registry.manifest(base)
    children = descriptors(manifest.fields.get("manifests"))
    return digest != manifest.digest and digest not in {child.digest for child in children}
