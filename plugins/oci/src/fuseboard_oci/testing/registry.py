"""An in-memory registry: the OCI distribution protocol for pull and push, with switches for how real ones differ."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable
from typing import Literal

from fuseboard_oci.testing.builder import Repository
from fuseboard_oci.testing.doorman import AuthMode, Doorman
from fuseboard_oci.testing.http import LoopbackServer, Request, Response
from fuseboard_oci.testing.pusher import load
from fuseboard_oci.testing.store import Store, as_object

_NAME = r"(?P<name>[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)"
_ROUTES = (
    ("base", re.compile(r"/v2/")),
    ("catalog", re.compile(r"/v2/_catalog")),
    ("tags", re.compile(rf"/v2/{_NAME}/tags/list")),
    ("manifest", re.compile(rf"/v2/{_NAME}/manifests/(?P<reference>[^/]+)")),
    ("referrers", re.compile(rf"/v2/{_NAME}/referrers/(?P<reference>[^/]+)")),
    ("upload", re.compile(rf"/v2/{_NAME}/blobs/uploads/(?P<reference>[^/]*)")),
    ("blob", re.compile(rf"/v2/{_NAME}/blobs/(?P<reference>[^/]+)")),
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}")
_RANGE = re.compile(r"(?:bytes=)?([0-9]+)-([0-9]*)")
_KNOWN_TYPES = re.compile(
    r"application/vnd\.(?:oci\.image\.(?:index|manifest)\.v1"
    r"|docker\.distribution\.manifest(?:\.list)?\.v2)\+json"
)

LinkForm = Literal["rfc", "unquoted", "absolute", "none"]


class InMemoryRegistry(LoopbackServer):
    """A registry on a free loopback port. A context manager.

    Args:
        auth: nobody signs in; everybody by Basic; or by tokens of its own `/token` (anonymous may pull, but not
            `private/*`).
        users: passwords by user name; everybody in it may do everything.
        referrers: whether the referrers API exists.
        link: how the next page of a list is linked.
        digest_header: whether a manifest comes with `Docker-Content-Digest`.
        max_n: largest page of a list.
        ignore_n: whether `n` and `last` of the tags list are ignored, as distribution 2.8 does.
        rate: manifests that may be read before a 429, None for any number; HEAD is free.
        strict_types: whether a push of an unknown media type is refused.
        unknown_is_empty: whether an unknown repository answers an empty list of tags instead of 404.
        null_tags: whether an empty list of tags is written as null.
    """

    def __init__(
        self,
        *,
        auth: AuthMode = "none",
        users: dict[str, str] | None = None,
        referrers: bool = True,
        link: LinkForm = "rfc",
        digest_header: bool = True,
        max_n: int = 1000,
        ignore_n: bool = False,
        rate: int | None = None,
        strict_types: bool = False,
        unknown_is_empty: bool = False,
        null_tags: bool = False,
    ) -> None:
        super().__init__()
        self.store = Store()
        self.doorman = Doorman(auth, users if users is not None else {"alice": "secret"}, self.url)
        self._has_referrers = referrers
        self._link = link
        self._digest_header = digest_header
        self._max_n = max_n
        self._ignore_n = ignore_n
        self.rate = rate
        self._first_rate = rate
        self._strict_types = strict_types
        self._unknown_is_empty = unknown_is_empty
        self._null_tags = null_tags
        self._lock = threading.Lock()

    def seed(self, repositories: Iterable[Repository]) -> None:
        """Put repositories in without a request."""
        load(repositories, self.store)

    def respond(self, request: Request) -> Response:
        """Answer a request of the distribution protocol, or one for a token."""
        if request.path == "/token":
            return self.doorman.token(request)
        for kind, pattern in _ROUTES:
            if match := pattern.fullmatch(request.path):
                parts = match.groupdict()
                name, reference = parts.get("name") or "", parts.get("reference") or ""
                refusal = self.doorman.refusal(request, name, catalog=kind == "catalog")
                return refusal or self._route(kind, request, name, reference)
        return _error(404, "NOT_FOUND", "no such route")

    def _route(self, kind: str, request: Request, name: str, reference: str) -> Response:
        match kind:
            case "base":
                return Response(200, [("Docker-Distribution-API-Version", "registry/2.0")], b"{}")
            case "catalog":
                names, headers = self._page(request, self.store.names())
                return _json(200, {"repositories": names}, headers)
            case "tags":
                return self._tags(request, name)
            case "manifest":
                return self._manifest(request, name, reference)
            case "referrers":
                return self._referrers(request, name, reference)
            case "upload":
                return self._upload(request, name, reference)
            case _:
                return self._blob(request, name, reference)

    def _tags(self, request: Request, name: str) -> Response:
        held = self.store.get(name)
        if held is None and not self._unknown_is_empty:
            return _error(404, "NAME_UNKNOWN", "repository name not known to registry")
        tags = list(held.tags) if held else []
        if self._ignore_n:
            return _json(200, {"name": name, "tags": tags})
        page, headers = self._page(request, sorted(tags))
        return _json(200, {"name": name, "tags": page or (None if self._null_tags else [])}, headers)

    def _page(self, request: Request, items: list[str]) -> tuple[list[str], list[tuple[str, str]]]:
        asked = request.query.get("n", "")
        size = min(int(asked) if asked.isdigit() else self._max_n, self._max_n)
        rest = [item for item in items if item > request.query.get("last", "")]
        page = rest[:size]
        if len(page) == len(rest) or not page or self._link == "none":
            return page, []
        target = f"{request.path}?last={page[-1]}&n={size}"
        target = f"{self.url}{target}" if self._link == "absolute" else target
        relation = "next" if self._link == "unquoted" else '"next"'
        return page, [("Link", f"<{target}>; rel={relation}")]

    def _manifest(self, request: Request, name: str, reference: str) -> Response:
        if not _DIGEST.fullmatch(reference) and not _TAG.fullmatch(reference):
            return _error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        if request.method == "PUT":
            return self._put_manifest(request, name, reference)
        if request.method == "DELETE":
            done = self.store.delete_manifest(name, reference)
            return Response(202) if done else _error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        found = self.store.manifest(name, reference)
        if found is None:
            code = "MANIFEST_UNKNOWN" if self.store.get(name) else "NAME_UNKNOWN"
            return _error(404, code, "not known to registry")
        limited, headers = self._count(request)
        if limited is not None:
            return limited
        digest, media_type, body = found
        headers.append(("Content-Type", media_type))
        if self._digest_header:
            headers.append(("Docker-Content-Digest", digest))
        return Response(200, headers, body)

    def _count(self, request: Request) -> tuple[Response | None, list[tuple[str, str]]]:
        if self.rate is None:
            return None, []
        with self._lock:
            exhausted = request.method == "GET" and self.rate == 0
            self.rate -= request.method == "GET" and self.rate > 0
        headers = [("ratelimit-limit", f"{self._first_rate};w=21600"), ("ratelimit-remaining", f"{self.rate};w=21600")]
        if not exhausted:
            return None, headers
        limited = _error(429, "TOOMANYREQUESTS", "you have reached your pull rate limit")
        limited.headers += [*headers, ("Retry-After", "30")]
        return limited, headers

    def _put_manifest(self, request: Request, name: str, reference: str) -> Response:
        media_type = request.headers.get("content-type", "")
        if self._strict_types and not _KNOWN_TYPES.fullmatch(media_type):
            return _error(400, "MANIFEST_INVALID", "unknown media type")
        try:
            digest = self.store.put_manifest(name, reference, media_type, request.body)
        except ValueError:
            return _error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        headers = [("Location", f"/v2/{name}/manifests/{digest}"), ("Docker-Content-Digest", digest)]
        subject = as_object(request.body).get("subject")
        if self._has_referrers and isinstance(subject, dict):
            headers.append(("OCI-Subject", str(subject.get("digest"))))
        return Response(201, headers)

    def _referrers(self, request: Request, name: str, digest: str) -> Response:
        if not self._has_referrers:
            return Response(404, [("Content-Type", "text/plain; charset=utf-8")], b"404 page not found\n")
        if not _DIGEST.fullmatch(digest):
            return _error(400, "DIGEST_INVALID", "not a digest")
        rows = self.store.referrers(name, digest)
        headers = [("Content-Type", "application/vnd.oci.image.index.v1+json")]
        if wanted := request.query.get("artifactType"):
            rows = [row for row in rows if row.get("artifactType") == wanted]
            headers.append(("OCI-Filters-Applied", "artifactType"))
        index = {"schemaVersion": 2, "mediaType": headers[0][1], "manifests": rows}
        return Response(200, headers, json.dumps(index).encode())

    def _blob(self, request: Request, name: str, digest: str) -> Response:
        if request.method == "DELETE":
            done = self.store.delete_blob(name, digest)
            return Response(202) if done else _error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        body = self.store.blob(name, digest)
        if body is None:
            return _error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        headers = [("Content-Type", "application/octet-stream"), ("Docker-Content-Digest", digest)]
        asked = _RANGE.fullmatch(request.headers.get("range", ""))
        if asked is None:
            return Response(200, headers, body)
        first, last = int(asked[1]), min(int(asked[2] or len(body)), len(body) - 1)
        if first > last:
            return Response(416, [("Content-Range", f"bytes */{len(body)}")])
        headers.append(("Content-Range", f"bytes {first}-{last}/{len(body)}"))
        return Response(206, headers, body[first : last + 1])

    def _upload(self, request: Request, name: str, upload: str) -> Response:
        if request.method == "POST" and not upload:
            return self._begin(request, name)
        received = self.store.upload(upload)
        if received is None:
            return _error(404, "BLOB_UPLOAD_UNKNOWN", "upload unknown to registry")
        if request.method == "DELETE":
            self.store.close_upload(upload)
            return Response(204)
        if request.method in ("PATCH", "PUT"):
            chunk = _RANGE.fullmatch(request.headers.get("content-range", ""))
            if chunk and int(chunk[1]) != len(received):
                return Response(416, _upload_headers(name, upload, received))
            received += request.body
        if request.method != "PUT":
            return Response(202 if request.method == "PATCH" else 204, _upload_headers(name, upload, received))
        return self._finish(name, self.store.close_upload(upload), request.query.get("digest"))

    def _begin(self, request: Request, name: str) -> Response:
        mount, digest = request.query.get("mount"), request.query.get("digest")
        if mount and self.store.mount(name, mount, request.query.get("from", "")):
            return Response(201, _blob_headers(name, mount))
        if digest:
            return self._finish(name, request.body, digest)
        upload = self.store.open_upload()
        return Response(202, _upload_headers(name, upload, b""))

    def _finish(self, name: str, body: bytes, digest: str | None) -> Response:
        try:
            return Response(201, _blob_headers(name, self.store.put_blob(name, body, digest)))
        except ValueError:
            return _error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")


def _blob_headers(name: str, digest: str) -> list[tuple[str, str]]:
    return [("Location", f"/v2/{name}/blobs/{digest}"), ("Docker-Content-Digest", digest)]


def _upload_headers(name: str, upload: str, received: bytes | bytearray) -> list[tuple[str, str]]:
    return [
        ("Location", f"/v2/{name}/blobs/uploads/{upload}"),
        ("Range", f"0-{max(len(received) - 1, 0)}"),
        ("Docker-Upload-UUID", upload),
    ]


def _json(status: int, value: object, headers: list[tuple[str, str]] | None = None) -> Response:
    return Response(status, [("Content-Type", "application/json"), *(headers or [])], json.dumps(value).encode())


def _error(status: int, code: str, message: str) -> Response:
    return _json(status, {"errors": [{"code": code, "message": message}]})
