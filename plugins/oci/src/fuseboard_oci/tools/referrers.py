"""The tool that finds what refers to an image: signatures, bills of materials, attestations."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fuseboard import Context
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.reading.platforms import parse_platform
from fuseboard_oci.reading.referrers import Referrers
from fuseboard_oci.reading.referrers import list_referrers as find_referrers
from fuseboard_oci.reference import parse_image
from fuseboard_oci.tools.arguments import Reference, RegistryName, RepositoryName, deadline


async def list_referrers(
    ctx: Context[RegistryClient],
    repository: RepositoryName,
    reference: Reference = None,
    registry: RegistryName = None,
    artifact_type: Annotated[
        str | None, Field(description="List only this type, such as application/spdx+json.", max_length=255)
    ] = None,
    platform: Annotated[
        str | None, Field(description="Look also at the manifest of this platform, such as linux/arm64.")
    ] = None,
) -> Referrers:
    """Find signatures, SBOMs and attestations of an image. Says whether a signature is there, and never verifies it."""
    image = parse_image(repository, registry, reference)
    wanted = parse_platform(platform) if platform else None
    client = ctx.state
    with deadline(client, f"the referrers of {image}"):
        return await find_referrers(client.registry(image.registry), image, artifact_type or None, wanted)
