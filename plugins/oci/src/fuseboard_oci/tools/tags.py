"""The tools about tags."""

from __future__ import annotations

import json
from typing import Annotated

from mcp_types import CallToolResult, TextContent
from pydantic import Field

from fuseboard import Context
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.errors import InvalidInput, NotFound
from fuseboard_oci.paging import TagList
from fuseboard_oci.reading.tags import FoundTags, Search, notes_on
from fuseboard_oci.reading.tags import find_tags as search_tags
from fuseboard_oci.reference import is_tag, parse_image
from fuseboard_oci.text import clean
from fuseboard_oci.tools.arguments import Password, RegistryName, RepositoryName, Username, deadline
from fuseboard_oci.versions import newest_first


async def list_tags(
    ctx: Context[RegistryClient],
    repository: RepositoryName,
    registry: RegistryName = None,
    username: Username = None,
    password: Password = None,
    limit: Annotated[int, Field(ge=1, le=20_000, description="Return at most this many tags.")] = 200,
    last: Annotated[
        str | None, Field(description="Return only the tags after this one in the list, to read on after a cut list.")
    ] = None,
) -> Annotated[CallToolResult, list[str]]:
    """List the tags of a repository in a container registry: newest versions first, then flavoured ones (1.2-alpine),
    then words such as latest. A note says when the list is cut.
    """
    image = parse_image(repository, registry)
    if last and not is_tag(last):
        raise InvalidInput("INVALID_REFERENCE", f"`last` is {clean(last, 80)!r}, which is no tag")
    client = ctx.state
    with deadline(client, image.name):
        found = await client.registry(image.registry, username, password).tags(image)
    ordered = newest_first(found.tags)
    return _tags_result(found, _after(ordered, last) if last else ordered, limit)


def _after(tags: list[str], last: str) -> list[str]:
    if last not in tags:
        raise NotFound("NOT_FOUND", f"`last` is {last}, which is not in the list any more; start again without it")
    return tags[tags.index(last) + 1 :]


def _tags_result(found: TagList, rest: list[str], limit: int) -> CallToolResult:
    """The tags as one list, and after it what a reader of the list would otherwise not know."""
    shown = rest[:limit]
    notes = notes_on(found)
    if len(shown) < len(rest):
        notes.insert(
            0,
            f"{len(shown)} of {len(rest)} tags. Read on with last={shown[-1]}, set a larger limit, "
            "or search with oci_find_tags.",
        )
    blocks = [json.dumps(shown, separators=(",", ":")), *notes]
    return CallToolResult(
        content=[TextContent(type="text", text=block) for block in blocks],
        structured_content={"result": shown},
    )


async def find_tags(
    ctx: Context[RegistryClient],
    repository: RepositoryName,
    registry: RegistryName = None,
    username: Username = None,
    password: Password = None,
    pattern: Annotated[str | None, Field(description="Only tags that fit this glob, such as 3.*-slim.")] = None,
    current: Annotated[
        str | None,
        Field(
            description="Version in use, such as 1.2.3-alpine; compares only with its kind and flavour. "
            "The tag of a full reference counts when omitted."
        ),
    ] = None,
    flavour: Annotated[str | None, Field(description="Flavour in place of that of current, such as slim.")] = None,
    same_major: Annotated[bool, Field(description="Stay with the first number of current.")] = False,
    prereleases: Annotated[bool, Field(description="Count rc, beta, nightly and the like as versions.")] = False,
    digest: Annotated[
        str | None, Field(description="Only tags that point to this digest (sha256:...), not that of one platform.")
    ] = None,
    limit: Annotated[int, Field(ge=1, le=1000, description="Return at most this many tags.")] = 20,
) -> FoundTags:
    """Find the newest version of an image, whether current is outdated, and the tags that fit a pattern or digest.
    Without current or flavour, newest is one without a flavour.
    """
    image = parse_image(repository, registry)
    search = Search(
        pattern=pattern,
        current=current or image.tag,
        flavour=flavour,
        same_major=same_major,
        prereleases=prereleases,
        # The digest beside a tag pins what the tag was once; alone it is what is asked about.
        digest=digest or (None if image.tag else image.digest),
        limit=limit,
    )
    client = ctx.state
    with deadline(client, image.name):
        return await search_tags(client.registry(image.registry, username, password), image, search)
