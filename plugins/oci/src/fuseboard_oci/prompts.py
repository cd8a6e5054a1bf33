"""The prompts: one message each, that names a tool and its arguments.

The arguments pass the grammar before they become part of a text; otherwise a prompt argument could smuggle one in.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fuseboard import Context
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.reference import Image, parse_image

Ctx = Context[RegistryClient]
Registry = Annotated[str, Field(description="Registry, such as ghcr.io or docker.io")]
Repository = Annotated[str, Field(description="Repository, such as library/alpine")]
Reference = Annotated[str, Field(description="Tag or digest, such as 3.22 or sha256:...")]


def list_tags_prompt(ctx: Ctx, registry: Registry, repository: Repository) -> str:
    """List the tags of a repository."""
    image = parse_image(repository, registry)
    call = f'{_served(ctx, "list_tags")} with registry="{image.registry}" and repository="{image.repository}"'
    return f"List the tags of {image.name}. Call the tool {call}, and show the tags one per line."


def list_architectures_prompt(ctx: Ctx, registry: Registry, repository: Repository, reference: Reference) -> str:
    """List the CPU architectures that an image supports."""
    image = parse_image(repository, registry, reference)
    return _details(ctx, image, f"Which CPU architectures does {image} support?", "architectures")


def list_digests_prompt(ctx: Ctx, registry: Registry, repository: Repository, reference: Reference) -> str:
    """Get the digest of an image, and of each of its platforms."""
    image = parse_image(repository, registry, reference)
    return _details(ctx, image, f"What is the digest of {image}, and of each of its platforms?", "digest and platforms")


def list_annotations_prompt(ctx: Ctx, registry: Registry, repository: Repository, reference: Reference) -> str:
    """List the annotations of an image."""
    image = parse_image(repository, registry, reference)
    return _details(ctx, image, f"Which OCI annotations does {image} carry?", "annotations")


def _details(ctx: Ctx, image: Image, question: str, fields: str) -> str:
    call = (
        f'{_served(ctx, "get_details")} with registry="{image.registry}", repository="{image.repository}" '
        f'and reference="{image.reference}"'
    )
    return f"{question} Call the tool {call}, and answer from {fields} of its result."


def _served(ctx: Ctx, tool: str) -> str:
    """The public name of one of our tools: an operator may have chosen another prefix."""
    served = ctx.board.catalogue.tools.items()
    ours = (name for name, entry in served if entry.plugin == ctx.plugin and entry.item.name == tool)
    return next(ours, f"oci_{tool}")
