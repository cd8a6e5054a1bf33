"""The repositories of a registry, read page by page until there are enough."""

from __future__ import annotations

from pydantic import BaseModel, Field

from fuseboard_oci.errors import LoginFailed
from fuseboard_oci.paging import RepositoryPage
from fuseboard_oci.reading.result import Maybe, Some
from fuseboard_oci.reference import DOCKER_HUB, is_repository
from fuseboard_oci.registry import Registry

MAX_PAGES = 20

# Where asking is known to be of no use, nothing is sent.
_CLOSED = {
    DOCKER_HUB: "Docker Hub keeps no list of its repositories that a client may read. Name the repository.",
    "ghcr.io": "GHCR keeps no list of its repositories that a client may read. Name the repository.",
}


class Repositories(BaseModel):
    """Repositories of a registry, in the registry's order."""

    supported: bool = Field(description="whether the registry lists its repositories for us")
    reason: Maybe[str] = Field(default=None, description="why it does not")
    repositories: list[str] = Field(default_factory=list)
    next_cursor: Maybe[str] = Field(default=None, description="there may be more: give this as cursor to read on")
    warnings: Some[str] = Field(default_factory=list)


async def list_repositories(registry: Registry, prefix: str, limit: int, cursor: str | None) -> Repositories:
    """Read the catalogue of a registry until `limit` names begin with `prefix`, or for 20 pages.

    Args:
        registry: whom to ask.
        prefix: empty for every name.
        limit: how many names to return.
        cursor: the name after which to begin, None for the beginning.

    Raises:
        OciError: whatever `Registry.repositories` raises, except that the catalogue wants another login.
    """
    if registry.name in _CLOSED:
        return Repositories(supported=False, reason=_CLOSED[registry.name])
    reader = _Reader(prefix, limit, cursor)
    # A prefix may leave little of a page, so that large ones save requests.
    count = registry.limits.page_size if prefix else min(limit, registry.limits.page_size)
    try:
        for _ in range(MAX_PAGES):
            page = await registry.repositories(reader.last, count)
            if page is None:
                return Repositories(supported=False, reason=f"{registry.name} keeps no list of its repositories")
            if not reader.wants_more_after(page):
                break
    except LoginFailed as error:
        return Repositories(supported=False, reason=_login_reason(registry.name, error))
    return reader.result()


class _Reader:
    """The state of one listing."""

    def __init__(self, prefix: str, limit: int, cursor: str | None) -> None:
        self.last = cursor
        self._prefix = prefix
        self._limit = limit
        self._more = False
        self._seen: set[str] = set()
        self._found: list[str] = []
        self._warnings: list[str] = []

    def wants_more_after(self, page: RepositoryPage) -> bool:
        """Take a page in, and say whether the next one is needed."""
        self._more = page.more
        fresh = [name for name in page.names if is_repository(name) and name not in self._seen and name != self.last]
        for name in fresh:
            wanted = name.startswith(self._prefix)
            if wanted and len(self._found) == self._limit:
                self._more = True
                return False
            self._seen.add(name)
            self.last = name
            if wanted:
                self._found.append(name)
        if page.more and not fresh:
            self._more = False
            self._warnings.append("the registry repeats its pages; there may be more repositories")
        return self._more and len(self._found) < self._limit

    def result(self) -> Repositories:
        """The names so far."""
        return Repositories(
            supported=True,
            repositories=self._found,
            next_cursor=self.last if self._more else None,
            warnings=self._warnings,
        )


def _login_reason(name: str, error: LoginFailed) -> str:
    if error.code == "UNAUTHORIZED":
        return (
            f"{name} lists its repositories only after a login that it accepts, or not at all. "
            "The operator can set credentials in plugins.oci.registries"
        )
    return f"{name} does not let this login list its repositories: {error}"
