"""Which tags point to a digest: asked with HEAD, which costs no pull, where the list of tags does not say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import anyio

from fuseboard_oci.errors import LoginFailed, OciError, RateLimited
from fuseboard_oci.reference import Image
from fuseboard_oci.registry import Registry


@dataclass(frozen=True, slots=True)
class Pointing:
    """The tags that point to a digest.

    Attributes:
        tags: in the order in which they were given.
        checked: how many tags were compared.
        unchecked: how many were not: one too many, or the registry did not tell.
        warnings: why.
    """

    tags: list[str]
    checked: int
    unchecked: int
    warnings: list[str]


async def pointing_to(
    registry: Registry, image: Image, tags: Sequence[str], digest: str, by_digest: Mapping[str, tuple[str, ...]]
) -> Pointing:
    """Find those of `tags` that point to `digest`.

    Args:
        registry: is asked about at most `Limits.digest_checks` tags, at once.
        image: names the repository.
        tags: the more interesting ones first.
        digest: of an index or of the manifest that a tag points to, not of a platform in an index.
        by_digest: what the list of tags said already.

    Raises:
        OciError: the first failure, when not a single tag could be compared. Otherwise a failure is a warning.
    """
    known = {tag: said for said, named in by_digest.items() for tag in named}
    unknown = [tag for tag in tags if tag not in known]
    asked = unknown[: registry.limits.digest_checks]
    inquiry = _Inquiry(registry, image)
    await inquiry.ask(asked)
    known.update(inquiry.answers)
    checked = sum(tag in known for tag in tags)
    if not checked and inquiry.failures:
        raise inquiry.failures[0]
    warnings = []
    if len(asked) < len(unknown):
        warnings.append(f"Only the first {len(asked)} of {len(unknown)} tags were checked; narrow the search.")
    if silent := len(asked) - len(inquiry.answers):
        reason = inquiry.failures[0] if inquiry.failures else "the registry names no digest"
        warnings.append(f"{silent} tags could not be checked: {reason}")
    found = [tag for tag in tags if known.get(tag) == digest]
    return Pointing(found, checked, len(tags) - checked, warnings)


class _Inquiry:
    """Many tags asked for their digests at once."""

    def __init__(self, registry: Registry, image: Image) -> None:
        self._registry = registry
        self._image = image
        self._scope = anyio.CancelScope()
        self.answers: dict[str, str] = {}
        self.failures: list[OciError] = []

    async def ask(self, tags: Sequence[str]) -> None:
        with self._scope:
            async with anyio.create_task_group() as group:
                for tag in tags:
                    group.start_soon(partial(self._ask_one, tag))

    async def _ask_one(self, tag: str) -> None:
        try:
            digest = await self._registry.digest(replace(self._image, tag=tag, digest=None))
        except OciError as error:
            self.failures.append(error)
            # The others would be refused as well, and asking on makes the registry's patience shorter.
            if isinstance(error, RateLimited | LoginFailed):
                self._scope.cancel()
            return
        if digest is not None:
            self.answers[tag] = digest
