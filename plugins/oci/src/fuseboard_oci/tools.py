"""The tools. Plain functions: the host adds the prefix `oci_` and makes the schemas from signatures and docstrings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import anyio
from mcp_types import CallToolResult, TextContent
from pydantic import Field, SecretStr

from fuseboard import Context
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.errors import InvalidInput, Unreachable
from fuseboard_oci.images import ImageDetails, image_details, parse_platform
from fuseboard_oci.reference import Image, is_tag, parse_image
from fuseboard_oci.tags import TagList
from fuseboard_oci.text import clean

RepositoryName = Annotated[
    str,
    Field(
        description="Repository such as library/alpine; or, with registry omitted, a full reference such as "
        "ghcr.io/owner/image:tag@sha256:..."
    ),
]
RegistryName = Annotated[
    str | None,
    Field(description="Registry as host or host:port, such as ghcr.io. Docker Hub when omitted."),
]
Username = Annotated[
    str | None,
    Field(description="User name for this call only. Prefer credentials that the operator configured."),
]
Password = Annotated[
    SecretStr | None,
    Field(description="Password or access token that belongs to username, for this call only."),
]


async def ping() -> str:
    """Check that the OCI tools answer. Returns "pong" and asks no registry."""
    return "pong"


async def list_tags(
    ctx: Context[RegistryClient],
    repository: RepositoryName,
    registry: RegistryName = None,
    username: Username = None,
    password: Password = None,
    limit: Annotated[int, Field(ge=1, le=20_000, description="Return at most this many tags.")] = 200,
    last: Annotated[
        str | None, Field(description="Return only the tags that sort after this one, to read on after a cut list.")
    ] = None,
) -> Annotated[CallToolResult, list[str]]:
    """List the tags of a repository in a container registry, sorted as text. A note says when the list is cut."""
    image = parse_image(repository, registry)
    if last and not is_tag(last):
        raise InvalidInput("INVALID_REFERENCE", f"`last` is {clean(last, 80)!r}, which is no tag")
    client = ctx.state
    with _deadline(client, image):
        found = await client.registry(image.registry, username, password).tags(image)
    return _tags_result(found, [tag for tag in found.tags if not last or tag > last], limit)


def _tags_result(found: TagList, rest: list[str], limit: int) -> CallToolResult:
    """The tags as one list, and after it what a reader of the list would otherwise not know."""
    shown = rest[:limit]
    notes = []
    if len(shown) < len(rest):
        notes.append(f"{len(shown)} of {len(rest)} tags. Read on with last={shown[-1]}, or set a larger limit.")
    if found.truncated:
        notes.append(f"The registry has more tags than the {len(found.tags)} that were read; later ones are missing.")
    if not found.tags:
        notes.append("No tags: the repository is empty, or it does not exist and this registry does not tell.")
    blocks = [json.dumps(shown), *notes]
    return CallToolResult(
        content=[TextContent(type="text", text=block) for block in blocks],
        structured_content={"result": shown},
    )


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
    with _deadline(client, image):
        return await image_details(client.registry(image.registry, username, password), image, wanted)


@contextmanager
def _deadline(client: RegistryClient, image: Image) -> Iterator[None]:
    """End a call that needs many requests, each of them in time."""
    seconds = client.settings.limits.call_timeout
    try:
        with anyio.fail_after(seconds):
            yield
    except TimeoutError:
        raise Unreachable("TIMEOUT", f"reading {image.name} took longer than {seconds:g} s; gave up") from None
