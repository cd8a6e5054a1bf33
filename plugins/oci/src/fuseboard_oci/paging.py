"""Listing tags page by page, past the quirks of real registries. No I/O: `client.py` fetches the pages.

Registries ignore the page size, sort as they like, link the next page in four spellings or not at all, and a hostile
one links in circles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from fuseboard_oci.config import Limits
from fuseboard_oci.errors import BadAnswer
from fuseboard_oci.links import next_link, next_page, pagination_loop
from fuseboard_oci.reference import is_digest, is_fallback_tag, is_tag
from fuseboard_oci.text import MAX_LIST_PARTS, parse_object
from fuseboard_oci.transport.wire import Answer

_MOST_NAMES = 20_000


# A character more than the longest tag.
_TOLD_APART = 129


@dataclass(frozen=True, slots=True)
class TagList:
    """The tags of a repository.

    Attributes:
        tags: valid ones, once each, sorted as text; bookkeeping tags of signatures are left out.
        truncated: whether a limit ended the listing before the registry did.
        by_digest: which of `tags` point to a digest, where the list says so (Google's registries do); else empty.
    """

    tags: tuple[str, ...]
    truncated: bool = False
    by_digest: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class TagPages:
    """The state of one listing: where the next page is, and what was found so far."""

    def __init__(self, first: httpx2.URL, limits: Limits) -> None:
        self.url: httpx2.URL | None = first.copy_merge_params({"n": str(limits.page_size)})
        self.over = False
        self._first = self.url
        self._limits = limits
        self._has_links = False
        self._visited: set[str] = set()
        self._raw: set[str] = set()
        self._tags: set[str] = set()
        self._digests: dict[str, str] = {}

    def add(self, answer: Answer) -> None:
        """Take one page in and decide which is next."""
        assert self.url is not None
        self._visited.add(str(self.url))
        fields = _fields_of(answer)
        page = _tags_of(fields)[: self._limits.tags + 1]
        known = len(self._raw)
        # Cut, because what is no tag may be a megabyte long, on each of many pages.
        self._raw.update(tag[:_TOLD_APART] for tag in page)
        self._tags.update(tag for tag in page if is_tag(tag) and not is_fallback_tag(tag))
        # A hostile list may name far more tags here than it lists; the limit is on those that it lists.
        self._digests.update((tag, digest) for tag, digest in _digests_of(fields) if tag in self._tags)
        grew = len(self._raw) > known
        target = next_link(answer)
        self._has_links = self._has_links or target is not None
        self.url = self._linked(target, grew or not page) if target else self._probe(page, grew)
        if len(self._raw) >= self._limits.tags or len(self._visited) >= self._limits.pages:
            self.over = True

    def result(self) -> TagList:
        """The tags so far, sorted."""
        tags = sorted(self._tags)[: self._limits.tags]
        # One page alone may hold more than the limit, where the registry ignores the page size.
        cut = len(tags) < len(self._tags) or (self.over and self.url is not None)
        return TagList(tuple(tags), cut, self._by_digest(tags))

    def _by_digest(self, tags: list[str]) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for tag in tags if self._digests else ():
            if digest := self._digests.get(tag):
                found.setdefault(digest, []).append(tag)
        return {digest: tuple(named) for digest, named in found.items()}

    def _linked(self, target: str, moved: bool) -> httpx2.URL:
        url = next_page(self._first, target, self._visited)
        if not moved:
            raise pagination_loop(self._first)
        return url

    def _probe(self, page: list[str], grew: bool) -> httpx2.URL | None:
        """A full page without a link may be all there is, or come from a registry that never links: ask on."""
        full = len(page) == self._limits.page_size
        if self._has_links or not full or not grew or not is_tag(page[-1]):
            return None
        return self._first.copy_merge_params({"last": page[-1]})


def _fields_of(answer: Answer) -> dict[str, Any]:
    try:
        return parse_object(answer.body, parts=MAX_LIST_PARTS)
    except ValueError as error:
        raise BadAnswer("NOT_A_TAG_LIST", f"{answer.url.host} sent no list of tags: {error}") from None


def _tags_of(fields: dict[str, Any]) -> list[str]:
    tags = fields.get("tags")
    # Some registries say null for an empty list.
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def _digests_of(fields: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Tags and their digests out of Google's `manifest: {digest: {tag: [...]}}`."""
    manifests = fields.get("manifest")
    for digest, about in manifests.items() if isinstance(manifests, dict) else ():
        if isinstance(about, dict) and is_digest(digest):
            for tag in _tags_of({"tags": about.get("tag")}):
                yield tag, digest


@dataclass(frozen=True, slots=True)
class RepositoryPage:
    """One page of the repositories of a registry.

    Attributes:
        names: as the registry wrote them; nothing but text, each once, not checked further.
        more: whether the registry says that there are more, or filled the page.
    """

    names: tuple[str, ...]
    more: bool


def repository_page(answer: Answer, count: int) -> RepositoryPage | None:
    """Read a page of `/v2/_catalog` that was asked for `count` names; None when the answer is no such page."""
    try:
        names = parse_object(answer.body, parts=MAX_LIST_PARTS).get("repositories")
    except ValueError:
        return None
    if names is not None and not isinstance(names, list):
        return None
    found = [name for name in names or [] if isinstance(name, str)][:_MOST_NAMES]
    return RepositoryPage(tuple(dict.fromkeys(found)), next_link(answer) is not None or len(found) >= count)
