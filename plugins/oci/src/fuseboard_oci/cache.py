"""What is remembered between calls: documents by their digest, which never change, and lists of tags for a minute.

Every key begins with whose question it was, so that nobody is answered out of what another login was allowed to see.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import LRUCache, TTLCache

from fuseboard_oci.config import Limits
from fuseboard_oci.paging import TagList

Key = tuple[str, ...]
"""(registry, user, repository), and what was asked for."""

_MOST_DOCUMENTS = 256
_MOST_REFERENCES = 4096
# A hostile registry may make every tag 128 characters long: this many are about 20 MB.
_MOST_TAGS = 100_000


@dataclass(frozen=True, slots=True)
class Document:
    """The bytes of a manifest or config, which fit their digest, and the type that they were served as."""

    body: bytes
    content_type: str | None = None


class Cache:
    """The plugin's memory; it forgets what was not used for the longest time.

    Args:
        limits: how much is kept, and for how long.
        clock: seconds; a test can put its own here.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        # A small document counts as its share, so that one number bounds the bytes and the entries.
        share = max(limits.cache_bytes // _MOST_DOCUMENTS, 1)
        self._documents: LRUCache[Key, Document] = LRUCache(
            limits.cache_bytes, getsizeof=lambda document: max(len(document.body), share)
        )
        self._references: LRUCache[Key, str] = LRUCache(_MOST_REFERENCES)
        self._tags: TTLCache[Key, TagList] = TTLCache(
            _MOST_TAGS, limits.tags_age, timer=clock, getsizeof=lambda found: len(found.tags) + len(found.by_digest) + 1
        )

    def document(self, key: Key) -> Document | None:
        """The document with the digest at the key's end."""
        return self._documents.get(key)

    def keep_document(self, key: Key, document: Document) -> None:
        """Keep a document whose digest was checked; one that is larger than the whole cache is not kept."""
        if len(document.body) <= self._documents.maxsize:
            self._documents[key] = document

    def digest(self, key: Key) -> str | None:
        """The digest that the tag at the key's end had when it was last asked for. It may have moved since."""
        return self._references.get(key)

    def keep_digest(self, key: Key, digest: str) -> None:
        """Remember what a tag points to."""
        self._references[key] = digest

    def tags(self, key: Key) -> TagList | None:
        """The tags of a repository, when they were listed less than `Limits.tags_age` ago."""
        return self._tags.get(key)

    def keep_tags(self, key: Key, tags: TagList) -> None:
        """Remember a list of tags for a while; one that fills the whole cache is not kept."""
        if len(tags.tags) + len(tags.by_digest) < self._tags.maxsize:
            self._tags[key] = tags
