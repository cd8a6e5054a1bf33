"""The tool that reads what a tag or digest holds."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, RootModel

from fuseboard import Context
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.errors import OciError
from fuseboard_oci.reading.base import is_outdated
from fuseboard_oci.reading.details import BaseImage, ImageDetails, SeveralDetails, image_details
from fuseboard_oci.reading.platforms import parse_platform
from fuseboard_oci.reading.result import one_or_several
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


class Details(RootModel[ImageDetails | SeveralDetails]):
    """The answer: about one image, or about several."""

    model_config = ConfigDict(json_schema_extra=one_or_several)


async def get_details(
    ctx: Context[RegistryClient],
    repository: MaybeRepositoryName = None,
    reference: Reference = None,
    registry: RegistryName = None,
    username: Username = None,
    password: Password = None,
    platform: Annotated[
        str | None,
        Field(description="Only this one, such as linux/arm64; also reads its size, layers and creation time."),
    ] = None,
    check_base: Annotated[
        bool, Field(description="Also ask whether the base image that the annotations name has moved on.")
    ] = False,
    images: Images = None,
) -> Details:
    """Read digest, architectures, platforms and annotations of an image, index or artifact in a container registry."""
    check_one_or_several(repository, reference, images, login=bool(username or password), registry=registry)
    wanted = parse_platform(platform) if platform else None
    client = ctx.state

    async def read(name: str, tag: str | None = None) -> ImageDetails:
        image = parse_image(name, registry, tag)
        details = await image_details(client.registry(image.registry, username, password), image, wanted)
        if check_base and details.base:
            await _check_base(client, details.base, details.warnings)
        return details

    if images:
        return Details(SeveralDetails(images=await several(ctx, images, read)))
    assert repository
    with deadline(client, repository):
        return Details(await read(repository, reference))


async def _check_base(client: RegistryClient, base: BaseImage, warnings: list[str]) -> None:
    """Ask for the base image, with the operator's credentials only: its name is a stranger's text."""
    if not base.name or not base.digest:
        warnings.append("the base image cannot be checked: the annotations do not name both its tag and its digest")
        return
    try:
        image = parse_image(base.name)
        base.outdated = await is_outdated(client.registry(image.registry), image, base.digest)
    except OciError as error:
        warnings.append(f"the base image cannot be checked: {error}")
