"""The tool that reads how an image starts."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, RootModel

from fuseboard import Context
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.reading.image_config import ImageConfig, image_config
from fuseboard_oci.reading.platforms import parse_platform
from fuseboard_oci.reading.result import Failure, one_or_several
from fuseboard_oci.reference import parse_image
from fuseboard_oci.tools.arguments import (
    Images,
    MaybeRepositoryName,
    Password,
    Reference,
    RegistryName,
    Username,
    check_one_or_several,
    deadline,
    several,
)

OnePlatform = Annotated[
    str | None, Field(description="Such as linux/arm64. When absent: linux/amd64, or the only one there is.")
]
ShowValues = Annotated[
    bool, Field(description="Also show values that may be secrets: most of env, labels and arguments named like one.")
]


class SeveralConfigs(BaseModel):
    """The configurations of several images, in the order of the question."""

    images: list[ImageConfig | Failure]


class Config(RootModel[ImageConfig | SeveralConfigs]):
    """The answer: about one image, or about several."""

    model_config = ConfigDict(json_schema_extra=one_or_several)


async def get_config(
    ctx: Context[RegistryClient],
    repository: MaybeRepositoryName = None,
    reference: Reference = None,
    registry: RegistryName = None,
    username: Username = None,
    password: Password = None,
    platform: OnePlatform = None,
    show_values: ShowValues = False,
    history: Annotated[bool, Field(description="Also list the build steps.")] = False,
    images: Images = None,
) -> Config:
    """Read how a container image starts: entrypoint, cmd, env, labels, ports, user, volumes, workdir."""
    check_one_or_several(repository, reference, images, login=bool(username or password), registry=registry)
    wanted = parse_platform(platform) if platform else None
    client = ctx.state

    async def read(name: str, tag: str | None = None) -> ImageConfig:
        image = parse_image(name, registry, tag)
        asked = client.registry(image.registry, username, password)
        return await image_config(asked, image, wanted, show_values=show_values, history=history)

    if images:
        return Config(SeveralConfigs(images=await several(ctx, images, read)))
    assert repository
    with deadline(client, repository):
        return Config(await read(repository, reference))
