"""Listing tags page by page, past the quirks of real registries. No I/O: `client.py` fetches the pages.

Registries ignore the page size, sort as they like, link the next page in four spellings or not at all, and a hostile
one links in circles.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx2

from fuseboard_oci.config import Limits
from fuseboard_oci.errors import BadAnswer
from fuseboard_oci.reference import is_fallback_tag, is_tag
from fuseboard_oci.text import parse_object
from fuseboard_oci.transport.policy import HostPolicy
from fuseboard_oci.transport.wire import Answer

_LINK = re.compile(r'<([^<>]{1,8192})>((?:\s*;\s*[\w-]+\s*=\s*(?:"[^"]*"|[^\s";,]+))*)')
_NEXT = re.compile(r';\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?=\s*(?:;|$)))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TagList:
    """The tags of a repository.

    Attributes:
        tags: valid ones, once each, sorted as text; bookkeeping tags of signatures are left out.
        truncated: whether a limit ended the listing before the registry did.
    """

    tags: tuple[str, ...]
    truncated: bool = False


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

    def add(self, answer: Answer) -> None:
        """Take one page in and decide which is next."""
        assert self.url is not None
        self._visited.add(str(self.url))
        page = _tags_of(answer)
        known = len(self._raw)
        self._raw.update(page)
        self._tags.update(tag for tag in page if is_tag(tag) and not is_fallback_tag(tag))
        grew = len(self._raw) > known
        target = next_link(answer)
        self._has_links = self._has_links or target is not None
        self.url = self._linked(target, grew or not page) if target else self._probe(page, grew)
        if len(self._raw) >= self._limits.tags or len(self._visited) >= self._limits.pages:
            self.over = True

    def result(self) -> TagList:
        """The tags so far, sorted."""
        tags = sorted(self._tags)
        return TagList(tuple(tags[: self._limits.tags]), self.over and self.url is not None)

    def _linked(self, target: str, moved: bool) -> httpx2.URL:
        try:
            url = self._first.join(target).copy_with(fragment=None)
        except httpx2.InvalidURL:
            raise BadAnswer("NOT_A_TAG_LIST", "the link to the next page of tags is no URL") from None
        HostPolicy.check_link(self._first, url)
        if str(url) in self._visited or not moved:
            raise BadAnswer("PAGINATION_LOOP", f"{self._first.host} links from page to page without an end")
        return url

    def _probe(self, page: list[str], grew: bool) -> httpx2.URL | None:
        """A full page without a link may be all there is, or come from a registry that never links: ask on."""
        full = len(page) == self._limits.page_size
        if self._has_links or not full or not grew or not is_tag(page[-1]):
            return None
        return self._first.copy_merge_params({"last": page[-1]})


def next_link(answer: Answer) -> str | None:
    """The target of the first `Link` with the relation `next`, quoted or not; None when there is none."""
    for header in answer.headers.get_list("link"):
        for link in _LINK.finditer(header[:16384]):
            if _NEXT.search(link[2]):
                return link[1]
    return None


def _tags_of(answer: Answer) -> list[str]:
    try:
        tags = parse_object(answer.body).get("tags")
    except ValueError as error:
        raise BadAnswer("NOT_A_TAG_LIST", f"{answer.url.host} sent no list of tags: {error}") from None
    # Some registries say null for an empty list.
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
