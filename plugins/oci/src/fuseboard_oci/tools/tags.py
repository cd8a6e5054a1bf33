"""The tools about tags."""

from __future__ import annotations

import json
from typing import Annotated

from mcp_types import CallToolResult, TextContent
from pydantic import Field

from fuseboard import Context
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.errors import InvalidInput
from fuseboard_oci.paging import TagList
from fuseboard_oci.reference import is_tag, parse_image
from fuseboard_oci.text import clean
from fuseboard_oci.tools.arguments import Password, RegistryName, RepositoryName, Username, deadline


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
    with deadline(client, image.name):
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
