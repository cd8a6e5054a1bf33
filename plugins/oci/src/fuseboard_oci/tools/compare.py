"""The tool that tells two images apart."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, RootModel

from fuseboard import Context
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.errors import InvalidInput
from fuseboard_oci.reading.compare import Comparison, compare
from fuseboard_oci.reading.many import MOST_IMAGES
from fuseboard_oci.reading.platforms import parse_platform
from fuseboard_oci.reading.result import Failure, one_or_several
from fuseboard_oci.reference import DOCKER_HUB, Image, names_registry, parse_image
from fuseboard_oci.tools.arguments import Password, RegistryName, RepositoryName, Username, deadline, several
from fuseboard_oci.tools.config import OnePlatform, ShowValues


class SeveralComparisons(BaseModel):
    """What changed from a to each, in the order asked."""

    images: list[Comparison | Failure]


class Comparisons(RootModel[Comparison | SeveralComparisons]):
    """The answer: about one image b, or about several."""

    model_config = ConfigDict(json_schema_extra=one_or_several)


async def compare_images(
    ctx: Context[RegistryClient],
    repository: RepositoryName,
    reference_a: Annotated[str | None, Field(description="Tag or digest of a, the older one.")] = None,
    reference_b: Annotated[
        str | None, Field(description="Tag or digest of b; that of a when only repository_b is given.")
    ] = None,
    registry: RegistryName = None,
    repository_b: Annotated[
        str | None,
        Field(description="Where b is, if elsewhere: a repository of the same registry, or a full reference."),
    ] = None,
    username: Username = None,
    password: Password = None,
    platform: OnePlatform = None,
    show_values: ShowValues = False,
    images: Annotated[
        list[str] | None,
        Field(
            min_length=1,
            max_length=MOST_IMAGES,
            description="Several images b, in place of reference_b and repository_b.",
        ),
    ] = None,
) -> Comparisons:
    """Tell what changed from image a to b: platforms, layers, size, env, labels, ports, commands, user, base, history.

    For example repository=library/alpine reference_a=3.21 reference_b=3.22.
    """
    if images and (reference_b or repository_b):
        raise InvalidInput("INVALID_ARGUMENT", "give either images, or reference_b and repository_b")
    a = parse_image(repository, registry, reference_a)
    wanted = parse_platform(platform) if platform else None
    client = ctx.state
    registry_a = client.registry(a.registry, username, password)

    async def read(name: str | None, tag: str | None = None) -> Comparison:
        b = _second(a, name, tag)
        # A login that came with the call belongs to the registry of a; no other one gets to see it.
        registry_b = registry_a if b.registry == a.registry else client.registry(b.registry)
        return await compare(registry_a, a, registry_b, b, wanted, show_values=show_values)

    if images:
        return Comparisons(SeveralComparisons(images=await several(ctx, images, read)))
    with deadline(client, f"{a} and what it is compared with"):
        return Comparisons(await read(repository_b, reference_b))


def _second(first: Image, repository: str | None, reference: str | None) -> Image:
    """The image b, which may leave out what it shares with a."""
    if not repository and not reference:
        raise InvalidInput("INVALID_ARGUMENT", "there is nothing to compare with: give reference_b or repository_b")
    if not repository:
        return parse_image(first.repository, first.registry, reference)
    registry = None if first.registry == DOCKER_HUB or names_registry(repository) else first.registry
    second = parse_image(repository, registry, reference)
    if second.tag or second.digest:
        return second
    return Image(second.registry, second.repository, first.tag, first.digest)
