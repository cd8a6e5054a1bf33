"""The resource: a manifest by its reference."""

from __future__ import annotations

from typing import Any

from fuseboard import Context
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.errors import BadAnswer
from fuseboard_oci.reading.outline import MOST_BYTES, raw_manifest
from fuseboard_oci.reference import parse_image
from fuseboard_oci.tools.arguments import deadline

# A repository has slashes of its own, so its variable may span several parts of the path (RFC 6570, section 3.2.3).
MANIFEST = "oci://{registry}/{+repository}/{reference}"


async def manifest(ctx: Context[RegistryClient], registry: str, repository: str, reference: str) -> dict[str, Any]:
    """A manifest or index as JSON, such as oci://ghcr.io/owner/image/1.0; control characters are removed."""
    image = parse_image(repository, registry, reference)
    client = ctx.state
    with deadline(client, f"the manifest of {image}"):
        found = await raw_manifest(client.registry(image.registry), image, None, MOST_BYTES)
    if found.manifest is None:
        raise BadAnswer(
            "TOO_LARGE", f"the manifest of {image} has more than {MOST_BYTES} bytes; the tool get_manifest outlines it"
        )
    return found.manifest
