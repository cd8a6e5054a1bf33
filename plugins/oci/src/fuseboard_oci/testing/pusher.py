"""Brings repositories into a registry: straight into an in-memory one, or over HTTP into any other."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from fuseboard_oci.documents import OCI_INDEX, digest_of
from fuseboard_oci.testing.builder import Item, Repository, encode, point_to
from fuseboard_oci.testing.store import Store, as_object

Authorize = Callable[[str], str | None]
"""From a repository's name to the value of the `Authorization` header."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A manifest that the registry did not take."""

    repository: str
    media_type: str
    status: int


def load(repositories: Iterable[Repository], store: Store, *, referrers: bool = True) -> None:
    """Put repositories into the store of an in-memory registry.

    Args:
        repositories: what to put there.
        store: where to.
        referrers: whether the registry lists referrers itself; if not, they are listed under a tag.
    """
    for repository in repositories:
        for body in repository.blobs:
            store.put_blob(repository.name, body)
        for item in repository.items:
            for reference in item.tags or (item.digest,):
                store.put_manifest(repository.name, reference, item.media_type, item.body)
            if not referrers and (subject := _subject(item)):
                store.put_manifest(repository.name, _fallback_tag(subject), OCI_INDEX, _fallback(repository, item))
        for tag in repository.deleted:
            store.delete_manifest(repository.name, tag)


def push(repositories: Iterable[Repository], url: str, authorize: Authorize | None = None) -> list[Refusal]:
    """Push repositories over HTTP, and return what the registry refused.

    Args:
        repositories: what to push.
        url: `http://host:port` of the registry.
        authorize: makes the `Authorization` header; None for none.

    Raises:
        RuntimeError: a blob was not taken, which no registry has a reason for.
    """
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        refused: list[Refusal] = []
        for repository in repositories:
            pusher = _Pusher(connection, repository, authorize(repository.name) if authorize else None)
            refused += pusher.push()
        return refused
    finally:
        connection.close()


class _Pusher:
    def __init__(self, connection: http.client.HTTPConnection, repository: Repository, header: str | None) -> None:
        self._connection = connection
        self._repository = repository
        self._path = f"/v2/{repository.name}"
        self._headers = {"Authorization": header} if header else {}

    def push(self) -> list[Refusal]:
        for body in self._repository.blobs:
            self._blob(body)
        refused = []
        for item in self._repository.items:
            statuses = [self._manifest(item, reference) for reference in item.tags or (item.digest,)]
            if bad := [status for status in statuses if status != 201]:
                refused.append(Refusal(self._repository.name, item.media_type, bad[0]))
        for tag in self._repository.deleted:
            item = next(item for item in self._repository.items if tag in item.tags)
            self._ask("DELETE", f"{self._path}/manifests/{item.digest}")
        return refused

    def _blob(self, body: bytes) -> None:
        status, headers = self._ask("POST", f"{self._path}/blobs/uploads/")
        location = urlsplit(headers.get("location", ""))
        query = f"{location.query}&" if location.query else ""
        if status == 202:
            target = f"{location.path}?{query}digest={digest_of(body)}"
            status, _ = self._ask("PUT", target, body, "application/octet-stream")
        if status != 201:
            raise RuntimeError(f"{self._repository.name}: the registry answered {status} to a blob")

    def _manifest(self, item: Item, reference: str) -> int:
        status, headers = self._ask("PUT", f"{self._path}/manifests/{reference}", item.body, item.media_type)
        subject = _subject(item)
        if status == 201 and subject and "oci-subject" not in headers:
            index = _fallback(self._repository, item)
            self._ask("PUT", f"{self._path}/manifests/{_fallback_tag(subject)}", index, OCI_INDEX)
        return status

    def _ask(
        self, method: str, target: str, body: bytes = b"", content_type: str | None = None
    ) -> tuple[int, dict[str, str]]:
        headers = {**self._headers, **({"Content-Type": content_type} if content_type else {})}
        self._connection.request(method, target, body, headers)
        response = self._connection.getresponse()
        response.read()
        return response.status, {name.lower(): value for name, value in response.getheaders()}


def _subject(item: Item) -> str:
    """The digest that an item refers to, empty when it refers to none."""
    subject = as_object(item.body).get("subject")
    return str(subject["digest"]) if subject else ""


def _fallback_tag(subject: str) -> str:
    """A registry without referrers leaves it to the client to keep a list of them, under this tag."""
    return subject.replace(":", "-")


def _fallback(repository: Repository, newest: Item) -> bytes:
    """That list as it is when `newest` has just been pushed."""
    pushed = repository.items[: repository.items.index(newest) + 1]
    kin = [item for item in pushed if _subject(item) == _subject(newest)]
    rows = [point_to(item, artifactType=as_object(item.body)["artifactType"]) for item in kin]
    return encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": rows})
