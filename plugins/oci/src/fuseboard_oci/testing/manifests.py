"""The manifests of the in-memory registry, how often they may be read, and what refers to them."""

from __future__ import annotations

import json
import re
import threading

from fuseboard_oci.documents import OCI_INDEX
from fuseboard_oci.testing.answers import Headers, Pages, error
from fuseboard_oci.testing.http import Request, Response
from fuseboard_oci.testing.store import Store, as_object

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}")
_KNOWN_TYPES = re.compile(
    r"application/vnd\.(?:oci\.image\.(?:index|manifest)\.v1"
    r"|docker\.distribution\.manifest(?:\.list)?\.v2)\+json"
)
_WINDOW = 21600


class Meter:
    """Counts how often manifests may still be read, as Docker Hub does: a GET counts, a HEAD is free.

    Args:
        rate: GETs until a 429, None for any number.
    """

    def __init__(self, rate: int | None) -> None:
        self._first = rate
        self._left = rate or 0
        self._lock = threading.Lock()

    def count(self, request: Request) -> tuple[bool, Headers]:
        """Whether the request may pass, and the headers that tell how many are left."""
        if self._first is None:
            return True, []
        with self._lock:
            allowed = request.method != "GET" or self._left > 0
            self._left -= request.method == "GET" and allowed
            left = self._left
        headers = [
            ("ratelimit-limit", f"{self._first};w={_WINDOW}"),
            ("ratelimit-remaining", f"{left};w={_WINDOW}"),
            ("docker-ratelimit-source", "127.0.0.1"),
        ]
        return allowed, headers


class Manifests:
    """Answers for `/v2/<name>/manifests/` and `/v2/<name>/referrers/`, out of a store.

    Args: see `InMemoryRegistry`; `pages` cuts the list of referrers.
    """

    def __init__(
        self,
        store: Store,
        meter: Meter,
        pages: Pages,
        *,
        digest_header: bool,
        etag: bool,
        strict_types: bool,
        referrers: bool,
    ) -> None:
        self._store = store
        self._meter = meter
        self._pages = pages
        self._digest_header = digest_header
        self._etag = etag
        self._strict_types = strict_types
        self._has_referrers = referrers

    def manifest(self, request: Request, name: str, reference: str) -> Response:
        """Answer for a manifest: read, push or delete."""
        if not _DIGEST.fullmatch(reference) and not _TAG.fullmatch(reference):
            return error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        if request.method == "PUT":
            return self._put(request, name, reference)
        if request.method == "DELETE":
            done = self._store.delete_manifest(name, reference)
            return Response(202) if done else error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        return self._read(request, name, reference)

    def _read(self, request: Request, name: str, reference: str) -> Response:
        found = self._store.manifest(name, reference)
        if found is None:
            code = "MANIFEST_UNKNOWN" if self._store.get(name) else "NAME_UNKNOWN"
            return error(404, code, "not known to registry")
        allowed, headers = self._meter.count(request)
        if not allowed:
            limited = error(429, "TOOMANYREQUESTS", "you have reached your pull rate limit")
            limited.headers += [*headers, ("Retry-After", "30")]
            return limited
        digest, media_type, body = found
        headers.append(("Content-Type", media_type))
        if self._digest_header:
            headers.append(("Docker-Content-Digest", digest))
        if self._etag:
            headers.append(("Etag", f'"{digest}"'))
            if request.headers.get("if-none-match") == f'"{digest}"':
                return Response(304, headers)
        return Response(200, headers, body)

    def _put(self, request: Request, name: str, reference: str) -> Response:
        media_type = request.headers.get("content-type", "")
        if self._strict_types and not _KNOWN_TYPES.fullmatch(media_type):
            return error(400, "MANIFEST_INVALID", "unknown media type")
        try:
            digest = self._store.put_manifest(name, reference, media_type, request.body)
        except ValueError:
            return error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        headers = [("Location", f"/v2/{name}/manifests/{digest}"), ("Docker-Content-Digest", digest)]
        subject = as_object(request.body).get("subject")
        if self._has_referrers and isinstance(subject, dict):
            headers.append(("OCI-Subject", str(subject.get("digest"))))
        return Response(201, headers)

    def referrers(self, request: Request, name: str, digest: str) -> Response:
        """Answer with what has `digest` as its subject, page by page."""
        if not self._has_referrers:
            return Response(404, [("Content-Type", "text/plain; charset=utf-8")], b"404 page not found\n")
        if not _DIGEST.fullmatch(digest):
            return error(400, "DIGEST_INVALID", "not a digest")
        rows = sorted(self._store.referrers(name, digest), key=lambda row: str(row["digest"]))
        headers = [("Content-Type", OCI_INDEX)]
        if wanted := request.query.get("artifactType"):
            rows = [row for row in rows if row.get("artifactType") == wanted]
            headers.append(("OCI-Filters-Applied", "artifactType"))
        page, links = self._pages.cut(request, rows, lambda row: str(row["digest"]))
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": page}
        return Response(200, [*headers, *links], json.dumps(index).encode())
