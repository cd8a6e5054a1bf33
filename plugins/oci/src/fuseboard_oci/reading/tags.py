"""Finding tags: the newest version, an update to the one in use, tags that match a pattern or point to a digest."""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import BaseModel, Field

from fuseboard_oci.errors import InvalidInput
from fuseboard_oci.paging import TagList
from fuseboard_oci.reading.pointing import Pointing, pointing_to
from fuseboard_oci.reading.result import Maybe, Some
from fuseboard_oci.reference import Image, is_digest
from fuseboard_oci.registry import Registry
from fuseboard_oci.text import clean
from fuseboard_oci.versions import Track, Version, VersionKind, newest_first, parse_version, parse_versions, track_of

_MAX_PATTERN = 128
_FLAVOURS_SHOWN = 8


class FoundTags(BaseModel):
    """What a search among the tags of a repository found."""

    newest: str | None = Field(description="newest version that fits, null when there is none")
    update_available: bool | None = Field(description="whether newest is newer than current; null without current")
    kind: Maybe[VersionKind] = Field(default=None, description="of newest; kinds are never compared")
    total: int = Field(description="tags in the repository")
    matched: int = Field(description="tags that fit")
    tags: list[str] = Field(description="those, newest versions first")
    truncated: bool = Field(description="whether more tags fit, or may, than are shown")
    checked: Maybe[int] = Field(default=None, description="tags whose digest was compared")
    warnings: Some[str] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for; an empty text counts as not given.

    Attributes:
        pattern: a glob of at most 128 characters, upper and lower case being different.
        current: the version in use. It names the track, and need not be a tag of the repository.
        flavour: in place of the flavour of `current`.
        same_major: stay with the first number of `current`.
        prereleases: count them as versions.
        digest: only tags that point to it.
        limit: how many tags to return.
    """

    pattern: str | None = None
    current: str | None = None
    flavour: str | None = None
    same_major: bool = False
    prereleases: bool = False
    digest: str | None = None
    limit: int = 20


async def find_tags(registry: Registry, image: Image, search: Search) -> FoundTags:
    """Search the tags of the repository of `image`; its own tag and digest do not matter.

    With `current` or `flavour` only versions of that track are found, else every tag that fits, versions first.

    Raises:
        InvalidInput: INVALID_PATTERN, INVALID_VERSION, INVALID_REFERENCE; nothing was sent.
        OciError: whatever `Registry.tags` and `pointing_to` raise.
    """
    fits, current, digest = _matcher(search.pattern), _current(search.current), _digest(search.digest)
    listed = await registry.tags(image)
    chosen = _choose([tag for tag in listed.tags if fits(tag)], current, search)
    pointing = None
    if digest:
        pointing = await pointing_to(registry, image, chosen.tags, digest, listed.by_digest)
        chosen = _choose(pointing.tags, current, search)
    newest = chosen.newest
    return FoundTags(
        newest=newest.tag if newest else None,
        update_available=newest is not None and newest.is_newer_than(current) if current else None,
        kind=chosen.track.kind if chosen.track else None,
        total=len(listed.tags),
        matched=len(chosen.tags),
        tags=chosen.tags[: search.limit],
        truncated=len(chosen.tags) > search.limit or listed.truncated or bool(pointing and pointing.unchecked),
        checked=pointing.checked if pointing else None,
        warnings=_warnings(listed, chosen, search, pointing),
    )


def notes_on(listed: TagList) -> list[str]:
    """What a reader of a list of tags would otherwise not know."""
    if listed.truncated:
        return [f"The registry has more tags than the {len(listed.tags)} that were read; later ones are missing."]
    if not listed.tags:
        return ["No tags: the repository is empty, or it does not exist and this registry does not tell."]
    return []


def _matcher(pattern: str | None) -> Callable[[str], object]:
    if not pattern:
        return bool
    if len(pattern) > _MAX_PATTERN:
        raise InvalidInput(
            "INVALID_PATTERN", f"the pattern has {len(pattern)} characters; a tag has at most {_MAX_PATTERN}"
        )
    # Every star becomes an atomic group, so that no pattern makes the match go back and forth.
    return re.compile(fnmatch.translate(pattern)).match


def _current(text: str | None) -> Version | None:
    if not text:
        return None
    if (version := parse_version(text)) is None:
        raise InvalidInput(
            "INVALID_VERSION",
            f"current is {clean(text, 80)!r}, which is no version such as 1.2.3 or v1.2-alpine. Leave it out to get "
            "the newest version; search with the digest of a tag such as latest to see which version that is",
        )
    return version


def _digest(text: str | None) -> str | None:
    if text and not is_digest(text):
        raise InvalidInput(
            "INVALID_REFERENCE",
            f"{clean(text, 80)!r} is no digest (sha256: and 64, or sha512: and 128 lower case hex digits)",
        )
    return text or None


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Tags that fit, newest versions first, and what was learned from them."""

    tags: list[str]
    versions: list[Version]
    track: Track | None
    newest: Version | None


def _choose(fitting: list[str], current: Version | None, search: Search) -> _Chosen:
    versions = parse_versions(fitting)
    track = track_of(
        versions,
        current=current,
        flavour=search.flavour.removeprefix("-") if search.flavour else None,
        same_major=search.same_major,
        prereleases=search.prereleases,
    )
    members = track.newest_first(versions) if track else []
    if current or search.flavour:
        tags = [version.tag for version in members]
    else:
        tags = newest_first(fitting, versions)
    return _Chosen(tags, versions, track, track.newest(members) if track else None)


def _warnings(listed: TagList, chosen: _Chosen, search: Search, pointing: Pointing | None) -> list[str]:
    warnings = notes_on(listed)
    if search.same_major and not search.current:
        warnings.append("same_major was ignored: it needs current.")
    if pointing is not None:
        return [*warnings, *pointing.warnings]
    if chosen.newest is None and listed.tags:
        warnings.append(_why_none(chosen, search))
    return warnings


def _why_none(chosen: _Chosen, search: Search) -> str:
    """Why there is no newest version, and what to ask instead."""
    versions = chosen.versions
    current = chosen.track.current if chosen.track else None
    if not versions:
        return "No tag that fits is a version."
    if current and chosen.tags:
        return f"The newest that may follow {current.tag} is {chosen.tags[0]}, which is older."
    known = [version.tag for version in versions]
    if ahead := _choose(known, current, replace(search, prereleases=True)).newest:
        return f"There are only prereleases, such as {ahead.tag}: search with prereleases=true."
    wanted = (search.flavour or (current.flavour if current else "")).removeprefix("-")
    text = f"No version {f'with the flavour {clean(wanted, 40)}' if wanted else 'without a flavour'}"
    if current:
        text += f" may follow {current.tag}, a {current.kind} with {len(current.numbers)} numbers"
    flavours = Counter(version.flavour for version in versions if version.flavour)
    named = ", ".join(flavour for flavour, _ in flavours.most_common(_FLAVOURS_SHOWN))
    return f"{text}. Flavours there are: {named}." if named else f"{text}."
