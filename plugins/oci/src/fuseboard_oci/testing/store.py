"""What an in-memory registry holds: blobs, manifests, tags, uploads."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Held:
    """One repository.

    Attributes:
        manifests: by digest, media type and bytes.
        tags: tag to digest.
        blobs: by digest.
    """

    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)


class Store:
    """All repositories of one registry; its methods may be called from any thread."""

    def __init__(self) -> None:
        self.repositories: dict[str, Held] = {}
        self._uploads: dict[str, bytearray] = {}
        self._lock = threading.RLock()

    def names(self) -> list[str]:
        """The repositories, sorted."""
        with self._lock:
            return sorted(self.repositories)

    def get(self, name: str) -> Held | None:
        """A repository, None when nothing was ever pushed to it."""
        return self.repositories.get(name)

    def blob(self, name: str, digest: str) -> bytes | None:
        """A blob."""
        held = self.get(name)
        return held.blobs.get(digest) if held else None

    def put_blob(self, name: str, body: bytes, digest: str | None = None) -> str:
        """Keep a blob and return its digest.

        Raises:
            ValueError: `digest` is not the digest of `body`.
        """
        digest = checked(body, digest)
        with self._lock:
            self._held(name).blobs[digest] = body
        return digest

    def mount(self, name: str, digest: str, source: str) -> bool:
        """Take a blob over from another repository."""
        body = self.blob(source, digest)
        if body is None:
            return False
        self.put_blob(name, body, digest)
        return True

    def put_manifest(self, name: str, reference: str, media_type: str, body: bytes) -> str:
        """Keep a manifest under a tag or its own digest, and return the digest.

        Raises:
            ValueError: the reference is a digest of something else.
        """
        by_digest = ":" in reference
        digest = checked(body, reference if by_digest else None)
        with self._lock:
            held = self._held(name)
            held.manifests[digest] = (media_type, body)
            if not by_digest:
                held.tags[reference] = digest
        return digest

    def manifest(self, name: str, reference: str) -> tuple[str, str, bytes] | None:
        """Digest, media type and bytes of a manifest."""
        held = self.get(name)
        if held is None:
            return None
        digest = reference if ":" in reference else held.tags.get(reference, "")
        found = held.manifests.get(digest)
        return (digest, *found) if found else None

    def delete_manifest(self, name: str, reference: str) -> bool:
        """Forget a tag, or a manifest with all its tags."""
        with self._lock:
            held = self.get(name)
            if held is None:
                return False
            if ":" not in reference:
                return held.tags.pop(reference, None) is not None
            held.tags = {tag: digest for tag, digest in held.tags.items() if digest != reference}
            return held.manifests.pop(reference, None) is not None

    def delete_blob(self, name: str, digest: str) -> bool:
        """Forget a blob."""
        with self._lock:
            held = self.get(name)
            return held is not None and held.blobs.pop(digest, None) is not None

    def referrers(self, name: str, digest: str) -> list[dict[str, Any]]:
        """Descriptors of the manifests whose subject is `digest`."""
        held = self.get(name)
        found = []
        for own, (media_type, body) in list(held.manifests.items()) if held else []:
            fields = as_object(body)
            subject = fields.get("subject")
            if isinstance(subject, dict) and subject.get("digest") == digest:
                found.append(_referrer(own, media_type, body, fields))
        return found

    def open_upload(self) -> str:
        """Begin an upload and return its id."""
        upload = uuid.uuid4().hex
        self._uploads[upload] = bytearray()
        return upload

    def upload(self, upload: str) -> bytearray | None:
        """What came of an upload so far."""
        return self._uploads.get(upload)

    def close_upload(self, upload: str) -> bytes:
        """End an upload and return its bytes."""
        return bytes(self._uploads.pop(upload, b""))

    def _held(self, name: str) -> Held:
        return self.repositories.setdefault(name, Held())


def checked(body: bytes, digest: str | None) -> str:
    """Return the digest of `body`, in the algorithm of `digest`.

    Raises:
        ValueError: it is another one, or of an unknown algorithm.
    """
    algorithm = digest.partition(":")[0] if digest else "sha256"
    if algorithm not in ("sha256", "sha512"):
        raise ValueError("unknown algorithm")
    actual = f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"
    if digest is not None and digest != actual:
        raise ValueError("digest mismatch")
    return actual


def as_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`, empty when there is none."""
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _referrer(digest: str, media_type: str, body: bytes, fields: dict[str, Any]) -> dict[str, Any]:
    config = fields.get("config")
    artifact_type = fields.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else None)
    row = {"mediaType": media_type, "digest": digest, "size": len(body), "artifactType": artifact_type}
    if isinstance(fields.get("annotations"), dict):
        row["annotations"] = fields["annotations"]
    return {name: value for name, value in row.items() if value is not None}
