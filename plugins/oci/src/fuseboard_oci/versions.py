"""Versions in tags: reading them, putting them in order, and the newest one of a track. No I/O.

A tag is a version only when all of it fits the pattern below; everything else (`latest`, a commit hash, the tag of a
signature) is a word. Versions are compared within a track: the same kind, the same flavour, no less precise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

VersionKind = Literal["semver", "calver", "date"]
Order = tuple[tuple[int, ...], tuple[int, int], int, tuple[int, ...]]

# What is asked first when nobody says which kind is meant, and what comes first in a list.
KINDS: tuple[VersionKind, ...] = ("semver", "calver", "date")

_MAX_TAG = 128
_RANKS = {
    **dict.fromkeys(("dev", "snapshot", "nightly", "canary"), 0),
    **dict.fromkeys(("alpha", "a", "m", "ea"), 1),
    **dict.fromkeys(("beta", "b", "preview", "pre", "next"), 2),
    **dict.fromkeys(("rc", "c"), 3),
}
_RELEASE = (4, 0)

# Runs of digits and names are possessive (`++`), so that a hostile tag is walked a few times at most, never in loops.
# The a of -alpine is no prerelease: what may follow one does not begin with a letter, so the whole is a flavour.
_VERSION = re.compile(
    rf"""
    (?P<prefix> v | version- | release- | r )?
    (?P<numbers> [0-9]++ (?: \.[0-9]++ ){{0,3}} )
    (?: [-._]? (?P<word> {"|".join(_RANKS)} ) (?: [-._]? (?P<count> [0-9]++ ) )? )?
    (?: _ (?P<build> [a-z0-9.]++ ) )?
    (?: - (?P<flavour> [a-z] [a-z0-9._-]*+ ) )?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_HASH = re.compile(r"[0-9a-f]{7,64}", re.IGNORECASE)
_MARKED_HASH = re.compile(r"(?:sha-|git-|commit-)?[0-9a-f]{7,64}|sha(?:256|512)-.*", re.IGNORECASE)
_DATE = re.compile(r"(?:19|20)(?:[0-9]{6}|[0-9]{10,12})")
_DATE_DIGITS = 14
_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Version:
    """A tag that is a version.

    Attributes:
        tag: the whole tag.
        kind: kinds are never compared with each other.
        prefix: `v` and the like in lower case, empty without one.
        numbers: one to four.
        prerelease: rank of its word and its number (-1 without one); `(4, 0)` for a release.
        build: the numbers of its build, such as 12 of `_build.12`.
        flavour: what follows the version, in lower case and without its hyphen, such as `slim-bookworm`.
    """

    tag: str
    kind: VersionKind
    prefix: str
    numbers: tuple[int, ...]
    prerelease: tuple[int, int]
    build: tuple[int, ...]
    flavour: str

    @property
    def is_prerelease(self) -> bool:
        """Whether it comes before its release: dev, alpha, beta, rc and their like."""
        return self.prerelease != _RELEASE

    @property
    def padded(self) -> tuple[int, ...]:
        """The numbers as they are compared, so that 1.2 and 1.2.0 are one, and a day begins at its first second."""
        if self.kind == "date":
            return (self.numbers[0] * 10 ** (_DATE_DIGITS - len(str(self.numbers[0]))),)
        return self.numbers + (0,) * (4 - len(self.numbers))

    @property
    def order(self) -> Order:
        """What to sort by. Only versions of one kind may be compared; prefix and flavour do not count."""
        return self.padded, self.prerelease, len(self.numbers), self.build

    def is_newer_than(self, other: Version) -> bool:
        """Whether going from `other` to this is an update. From `17` to `17.0` is none, though it sorts higher."""
        return (self.padded, self.prerelease, self.build) > (other.padded, other.prerelease, other.build)


def parse_version(tag: str) -> Version | None:
    """Read a tag as a version; None when it is none. Takes any text."""
    if len(tag) > _MAX_TAG or (match := _VERSION.fullmatch(tag)) is None:
        return None
    prefix, numbers, word, count, build, flavour = match.groups()
    kind = _kind(tag, prefix, numbers)
    if kind is None:
        return None
    return Version(
        tag,
        kind,
        prefix.lower() if prefix else "",
        tuple(map(int, numbers.split("."))),
        (_RANKS[word.lower()], int(count) if count else -1) if word else _RELEASE,
        tuple(map(int, _NUMBER.findall(build))) if build else (),
        flavour.lower() if flavour else "",
    )


def _kind(tag: str, prefix: str | None, numbers: str) -> VersionKind | None:
    first, dot, _ = numbers.partition(".")
    if dot:
        return "calver" if len(first) == 4 and 1990 <= int(first) <= 2100 else "semver"
    # With or without a prefix: v20260115 among v1.4.0 and v1.5.0 is a day, and not their newest version.
    if _DATE.fullmatch(first):
        return "date"
    # A commit hash may consist of digits only, or look like the beta of a large number.
    return None if not prefix and (len(first) > 6 or _HASH.fullmatch(tag)) else "semver"


@dataclass(frozen=True, slots=True)
class Track:
    """Versions that may follow one another. Made by `track_of`.

    Attributes:
        kind: of all of them.
        flavour: of all of them, in lower case; empty for those without one.
        current: the version in use: others have at least as many numbers, and newest is never older.
        same_major: whether the first number has to be that of `current`.
        prereleases: whether they count. Without it only those that lead to the same release as `current`, if that is
            a prerelease itself.
    """

    kind: VersionKind
    flavour: str
    current: Version | None
    same_major: bool
    prereleases: bool

    def holds(self, version: Version) -> bool:
        """Whether `version` belongs to this track."""
        if version.kind != self.kind or version.flavour != self.flavour:
            return False
        current = self.current
        if current is None:
            return self.prereleases or not version.is_prerelease
        if len(version.numbers) < len(current.numbers):
            return False
        if self.same_major and version.numbers[0] != current.numbers[0]:
            return False
        if self.prereleases or not version.is_prerelease:
            return True
        return current.is_prerelease and version.padded == current.padded

    def newest_first(self, versions: Iterable[Version]) -> list[Version]:
        """Those of `versions` that belong to this track. Of two equal ones that with the prefix of `current` leads."""
        style = self.current.prefix if self.current else ""
        members = sorted(filter(self.holds, versions), key=lambda version: version.tag)
        members.sort(key=lambda version: (version.order, version.prefix == style), reverse=True)
        return members

    def newest(self, members: list[Version]) -> Version | None:
        """The first of what `newest_first` gave; None when there is none, or it is older than `current`."""
        if not members or (self.current and self.current.order > members[0].order):
            return None
        return members[0]


def track_of(
    versions: Iterable[Version],
    *,
    current: Version | None = None,
    flavour: str | None = None,
    same_major: bool = False,
    prereleases: bool = False,
) -> Track | None:
    """Choose the versions to compare.

    Args:
        versions: all there are; without `current` the first kind among them is taken that has a member.
        current: the version in use.
        flavour: replaces the one of `current`; without both only versions without a flavour count.
        same_major: stay with the first number of `current`; means nothing without it.
        prereleases: count them too.

    Returns:
        None when there is no `current` and no version to take its place.
    """
    wanted = flavour.lower() if flavour else (current.flavour if current else "")
    if current is not None:
        return Track(current.kind, wanted, current, same_major, prereleases)
    known = list(versions)
    tracks = (Track(kind, wanted, None, False, prereleases) for kind in KINDS)
    return next((track for track in tracks if any(map(track.holds, known))), None)


def newest(
    tags: Iterable[str],
    *,
    current: Version | None = None,
    flavour: str | None = None,
    same_major: bool = False,
    prereleases: bool = False,
) -> str | None:
    """The newest version among `tags` in the track that the arguments choose, as `track_of` says."""
    versions = parse_versions(tags)
    track = track_of(versions, current=current, flavour=flavour, same_major=same_major, prereleases=prereleases)
    found = track.newest(track.newest_first(versions)) if track else None
    return found.tag if found else None


def parse_versions(tags: Iterable[str]) -> list[Version]:
    """The versions among `tags`."""
    return [version for version in map(parse_version, tags) if version is not None]


def newest_first(tags: Iterable[str], versions: Iterable[Version] | None = None) -> list[str]:
    """Put a whole list of tags in order: versions, the newest first, then words, then hashes.

    Versions without a flavour lead, in the order of `KINDS`. An image with ten flavours has ten tags of every version:
    side by side they would fill the first twenty places with one version, and the reader would not see the one before
    it. So the first release in the list is also what `newest` answers. The flavoured ones follow, newest first. Words
    come before hashes, of which there may be thousands and none says anything.

    Args:
        tags: all of them, in any order.
        versions: those among `tags`, for a caller who has read them already.
    """
    text = sorted(tags)
    known = sorted(parse_versions(text) if versions is None else versions, key=lambda version: version.tag)
    ordered: list[Version] = []
    for flavoured in (False, True):
        for kind in KINDS:
            group = [version for version in known if version.kind == kind and bool(version.flavour) is flavoured]
            ordered += sorted(group, key=lambda version: version.order, reverse=True)
    names = {version.tag for version in known}
    rest = [tag for tag in text if tag not in names]
    return [*(version.tag for version in ordered), *sorted(rest, key=_is_hash)]


def _is_hash(tag: str) -> bool:
    return _MARKED_HASH.fullmatch(tag) is not None
