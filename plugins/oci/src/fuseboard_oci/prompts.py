"""The prompts: one message each, that names a tool and its arguments.

The arguments pass the grammar before they become part of a text; otherwise a prompt argument could smuggle one in.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fuseboard_oci.reference import Image, parse_image

Registry = Annotated[str, Field(description="Registry, such as ghcr.io or docker.io")]
Repository = Annotated[str, Field(description="Repository, such as library/alpine")]
Reference = Annotated[str, Field(description="Tag or digest, such as 3.22 or sha256:...")]


def list_tags_prompt(registry: Registry, repository: Repository) -> str:
    """List the tags of a repository."""
    image = parse_image(repository, registry)
    call = f'oci_list_tags with registry="{image.registry}" and repository="{image.repository}"'
    return f"List the tags of {image.name}. Call the tool {call}, and show the tags one per line."


def list_architectures_prompt(registry: Registry, repository: Repository, reference: Reference) -> str:
    """List the CPU architectures that an image supports."""
    return _details(registry, repository, reference, "Which CPU architectures does {image} support?", "architectures")


def list_digests_prompt(registry: Registry, repository: Repository, reference: Reference) -> str:
    """Get the digest of an image, and of each of its platforms."""
    return _details(
        registry,
        repository,
        reference,
        "What is the digest of {image}, and of each of its platforms?",
        "digest and platforms",
    )


def list_annotations_prompt(registry: Registry, repository: Repository, reference: Reference) -> str:
    """List the annotations of an image."""
    return _details(registry, repository, reference, "Which OCI annotations does {image} carry?", "annotations")


def _details(registry: str, repository: str, reference: str, question: str, fields: str) -> str:
    image = parse_image(repository, registry, reference)
    return f"{question.format(image=image)} Call the tool {_call(image)}, and answer from {fields} of its result."


def _call(image: Image) -> str:
    return (
        f'oci_get_details with registry="{image.registry}", repository="{image.repository}" '
        f'and reference="{image.reference}"'
    )
