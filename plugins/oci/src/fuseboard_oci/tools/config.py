"""The tool that reads how an image starts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fuseboard import Context
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.reading.image_config import ImageConfig, image_config
from fuseboard_oci.reading.platforms import parse_platform
from fuseboard_oci.reference import parse_image
from fuseboard_oci.tools.arguments import Password, Reference, RegistryName, RepositoryName, Username, deadline

OnePlatform = Annotated[
    str | None, Field(description="Such as linux/arm64. When absent: linux/amd64, or the only one there is.")
]
ShowValues = Annotated[
    bool, Field(description="Also show values that may be secrets: most of env, labels and arguments named like one.")
]


async def get_config(
    ctx: Context[RegistryClient],
    repository: RepositoryName,
    reference: Reference = None,
    registry: RegistryName = None,
    username: Username = None,
    password: Password = None,
    platform: OnePlatform = None,
    show_values: ShowValues = False,
    history: Annotated[bool, Field(description="Also list the build steps.")] = False,
) -> ImageConfig:
    """Read how a container image starts: entrypoint, cmd, env, labels, ports, user, volumes, workdir."""
    image = parse_image(repository, registry, reference)
    wanted = parse_platform(platform) if platform else None
    client = ctx.state
    with deadline(client, image.name):
        asked = client.registry(image.registry, username, password)
        return await image_config(asked, image, wanted, show_values=show_values, history=history)
