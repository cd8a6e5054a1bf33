"""The tools about what a tag or digest holds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fuseboard import Context
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.reading.details import ImageDetails, image_details
from fuseboard_oci.reading.platforms import parse_platform
from fuseboard_oci.reference import parse_image
from fuseboard_oci.tools.arguments import Password, RegistryName, RepositoryName, Username, deadline


async def get_details(
    ctx: Context[RegistryClient],
    repository: RepositoryName,
    reference: Annotated[
        str | None, Field(description="Tag or digest (sha256:...). latest when neither this nor repository names one.")
    ] = None,
    registry: RegistryName = None,
    username: Username = None,
    password: Password = None,
    platform: Annotated[
        str | None,
        Field(description="Only this platform, such as linux/arm64; also reads its size, layers and creation time."),
    ] = None,
) -> ImageDetails:
    """Read digest, architectures, platforms and annotations of an image, index or artifact in a container registry."""
    image = parse_image(repository, registry, reference)
    wanted = parse_platform(platform) if platform else None
    client = ctx.state
    with deadline(client, image.name):
        return await image_details(client.registry(image.registry, username, password), image, wanted)
