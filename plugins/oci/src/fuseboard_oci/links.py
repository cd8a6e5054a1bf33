"""The `Link` header that leads from one page of a list to the next (RFC 8288, as registries write it). No I/O."""

from __future__ import annotations

import re

import httpx2

from fuseboard_oci.errors import BadAnswer
from fuseboard_oci.transport.policy import HostPolicy
from fuseboard_oci.transport.wire import Answer

_MAX_HEADER = 16_384
_LINK = re.compile(r'<([^<>]{1,8192})>((?:\s*;\s*[\w-]+\s*=\s*(?:"[^"]*"|[^\s";,]+))*)')
_NEXT = re.compile(r';\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?=\s*(?:;|$)))', re.IGNORECASE)


def next_link(answer: Answer) -> str | None:
    """The target of the first `Link` with the relation `next`, quoted or not; None when there is none."""
    for header in answer.headers.get_list("link"):
        for link in _LINK.finditer(header[:_MAX_HEADER]):
            if _NEXT.search(link[2]):
                return link[1]
    return None


def next_page(first: httpx2.URL, target: str, visited: set[str]) -> httpx2.URL:
    """Return the URL of the next page.

    Args:
        first: the first page; all others are on its origin, below `/v2/`.
        target: what `next_link` found.
        visited: the pages that were read.

    Raises:
        BadAnswer: PAGINATION_LOOP, or BAD_LINK when it is no URL.
        Blocked: BLOCKED_LINK.
    """
    try:
        url = first.join(target).copy_with(fragment=None)
    except httpx2.InvalidURL:
        raise BadAnswer("BAD_LINK", f"{first.host} links its next page at something that is no URL") from None
    HostPolicy.check_link(first, url)
    if str(url) in visited:
        raise pagination_loop(first)
    return url


def pagination_loop(first: httpx2.URL) -> BadAnswer:
    """The error for pages that lead nowhere."""
    return BadAnswer("PAGINATION_LOOP", f"{first.host} links from page to page without an end")
