"""The blobs of the in-memory registry: reading, deleting, and uploads in one piece, in chunks and by mount."""

from __future__ import annotations

import re

from fuseboard_oci.testing.answers import Headers, error
from fuseboard_oci.testing.http import Request, Response
from fuseboard_oci.testing.store import Store

_RANGE = re.compile(r"(?:bytes=)?([0-9]+)-([0-9]*)")


class Blobs:
    """Answers for `/v2/<name>/blobs/`, out of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def blob(self, request: Request, name: str, digest: str) -> Response:
        """Answer for one blob, or for a range of its bytes."""
        if request.method == "DELETE":
            done = self._store.delete_blob(name, digest)
            return Response(202) if done else error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        body = self._store.blob(name, digest)
        if body is None:
            return error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        headers = [("Content-Type", "application/octet-stream"), ("Docker-Content-Digest", digest)]
        asked = _RANGE.fullmatch(request.headers.get("range", ""))
        if asked is None:
            return Response(200, headers, body)
        first, last = int(asked[1]), min(int(asked[2] or len(body)), len(body) - 1)
        if first > last:
            return Response(416, [("Content-Range", f"bytes */{len(body)}")])
        headers.append(("Content-Range", f"bytes {first}-{last}/{len(body)}"))
        return Response(206, headers, body[first : last + 1])

    def upload(self, request: Request, name: str, upload: str) -> Response:
        """Answer for an upload; `upload` is empty where a new one begins."""
        if request.method == "POST" and not upload:
            return self._begin(request, name)
        received = self._store.upload(upload)
        if received is None:
            return error(404, "BLOB_UPLOAD_UNKNOWN", "upload unknown to registry")
        if request.method == "DELETE":
            self._store.close_upload(upload)
            return Response(204)
        if request.method in ("PATCH", "PUT"):
            chunk = _RANGE.fullmatch(request.headers.get("content-range", ""))
            if chunk and int(chunk[1]) != len(received):
                return Response(416, _upload_headers(name, upload, received))
            received += request.body
        if request.method != "PUT":
            return Response(202 if request.method == "PATCH" else 204, _upload_headers(name, upload, received))
        return self._finish(name, self._store.close_upload(upload), request.query.get("digest"))

    def _begin(self, request: Request, name: str) -> Response:
        mount, digest = request.query.get("mount"), request.query.get("digest")
        if mount and self._store.mount(name, mount, request.query.get("from", "")):
            return Response(201, _blob_headers(name, mount))
        if digest:
            return self._finish(name, request.body, digest)
        upload = self._store.open_upload()
        return Response(202, _upload_headers(name, upload, b""))

    def _finish(self, name: str, body: bytes, digest: str | None) -> Response:
        try:
            return Response(201, _blob_headers(name, self._store.put_blob(name, body, digest)))
        except ValueError:
            return error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")


def _blob_headers(name: str, digest: str) -> Headers:
    return [("Location", f"/v2/{name}/blobs/{digest}"), ("Docker-Content-Digest", digest)]


def _upload_headers(name: str, upload: str, received: bytes | bytearray) -> Headers:
    return [
        ("Location", f"/v2/{name}/blobs/uploads/{upload}"),
        ("Range", f"0-{max(len(received) - 1, 0)}"),
        ("Docker-Upload-UUID", upload),
    ]
