"""Completions for prompts and resources: registries, repositories and tags that fit what was typed.

Nothing is ever wrong here: a registry that cannot be asked completes to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import anyio

from fuseboard import Context
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.config import is_pattern
from fuseboard_oci.errors import OciError
from fuseboard_oci.reading.catalogue import list_repositories
from fuseboard_oci.reference import DOCKER_HUB, parse_image, parse_registry
from fuseboard_oci.versions import newest_first

# One more than the specification lets into an answer (100), so that the host can say that there are more.
_MOST = 101
# People type on; a late completion is of no use.
_PATIENCE = 3.0
_WELL_KNOWN = ("docker.io", "gcr.io", "ghcr.io", "public.ecr.aws", "quay.io", "registry.gitlab.com")


async def registries(ctx: Context[RegistryClient], value: str, given: Mapping[str, str]) -> list[str]:
    """The operator's registries first, then those that everybody knows."""
    named = [name for name in ctx.state.settings.registries if not is_pattern(name) and name != DOCKER_HUB]
    return [name for name in dict.fromkeys((*named, *_WELL_KNOWN)) if name.startswith(value.lower())]


async def repositories(ctx: Context[RegistryClient], value: str, given: Mapping[str, str]) -> list[str]:
    """The repositories of the registry that was given, where it lists them."""
    try:
        registry = ctx.state.registry(parse_registry(given.get("registry", "")))
        with anyio.move_on_after(_PATIENCE):
            return (await list_repositories(registry, value, _MOST, None)).repositories
    except OciError:
        pass
    return []


async def references(ctx: Context[RegistryClient], value: str, given: Mapping[str, str]) -> list[str]:
    """The tags of the repository that was given, newest versions first."""
    try:
        image = parse_image(given.get("repository", ""), given.get("registry"))
        with anyio.move_on_after(_PATIENCE):
            tags = (await ctx.state.registry(image.registry).tags(image)).tags
            return newest_first(tag for tag in tags if tag.startswith(value))
    except OciError:
        pass
    return []
