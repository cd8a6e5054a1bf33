"""The tool that shows a manifest as it is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fuseboard import Context
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.reading.outline import MOST_BYTES, RawManifest, raw_manifest
from fuseboard_oci.reading.platforms import parse_platform
from fuseboard_oci.reference import parse_image
from fuseboard_oci.tools.arguments import Reference, RegistryName, RepositoryName, deadline


async def get_manifest(
    ctx: Context[RegistryClient],
    repository: RepositoryName,
    reference: Reference = None,
    registry: RegistryName = None,
    platform: Annotated[
        str | None, Field(description="The manifest of this platform, such as linux/arm64, instead of the index.")
    ] = None,
    max_bytes: Annotated[
        int, Field(ge=256, le=MOST_BYTES, description="Return only an outline when the JSON is larger.")
    ] = 16_384,
) -> RawManifest:
    """Read a manifest or index as JSON, with its digest. get_details costs fewer tokens where it suffices."""
    image = parse_image(repository, registry, reference)
    wanted = parse_platform(platform) if platform else None
    client = ctx.state
    with deadline(client, f"the manifest of {image}"):
        return await raw_manifest(client.registry(image.registry), image, wanted, max_bytes)
