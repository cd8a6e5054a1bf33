"""Manifests: which kinds there are, and reading one with its digest and type checked. No I/O."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

from fuseboard_oci.errors import BadAnswer
from fuseboard_oci.reference import is_digest
from fuseboard_oci.text import clean, parse_object

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

# In one header: some registries read only the first of several.
ACCEPT = ", ".join((OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST))

_INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
_MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
_KNOWN = _INDEXES | _MANIFESTS | {OCI_ARTIFACT}
IMAGE_CONFIGS = frozenset({OCI_CONFIG, DOCKER_CONFIG})

Kind = Literal["image", "index", "artifact", "unknown"]
DigestSource = Literal["verified", "computed"]


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A pointer from one document to another.

    Attributes:
        media_type: as written there, empty when absent.
        digest: always a well-formed sha256 or sha512 digest.
        size: in bytes, None when it is no sensible number.
        fields: the whole descriptor, untyped.
    """

    media_type: str
    digest: str
    size: int | None
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest of any kind, as it was received.

    Attributes:
        digest: of the received bytes.
        digest_source: "verified" when the registry named the same digest (or it was what we asked for), "computed"
            when only we know it.
        media_type: from its own field, else from the header, else from its structure.
        size: bytes received.
        fields: the JSON object, untyped.
    """

    digest: str
    digest_source: DigestSource
    media_type: str
    size: int
    fields: dict[str, Any]

    @property
    def kind(self) -> Kind:
        """What it describes."""
        if self.media_type in _INDEXES:
            return "index"
        if self.media_type == OCI_ARTIFACT:
            return "artifact"
        if self.media_type not in _MANIFESTS:
            return "unknown"
        config = descriptor(self.fields.get("config"))
        is_image = config is None or config.media_type in IMAGE_CONFIGS
        return "image" if is_image and not isinstance(self.fields.get("artifactType"), str) else "artifact"


def read_manifest(body: bytes, *, asked: str, header_digest: str | None, content_type: str | None) -> Manifest:
    """Check the bytes of a manifest and parse them.

    Args:
        body: the bytes as received; hashing anything else would give another digest.
        asked: the tag or digest that was asked for.
        header_digest: `Docker-Content-Digest`.
        content_type: `Content-Type`.

    Raises:
        BadAnswer: DIGEST_MISMATCH, NOT_A_MANIFEST, MEDIA_TYPE_MISMATCH.
    """
    # For a sha512 question some registries name the sha256 digest in the header, so the question comes first.
    expected = asked if is_digest(asked) else header_digest
    digest = check_digest(body, expected) if expected else digest_of(body)
    try:
        fields = parse_object(body)
    except ValueError as error:
        raise BadAnswer("NOT_A_MANIFEST", f"the answer for {clean(asked, 140)} is no manifest: {error}") from None
    media_type = _media_type(fields, content_type)
    return Manifest(digest, "verified" if expected else "computed", media_type, len(body), fields)


def is_index_type(media_type: str) -> bool:
    """Whether it is the media type of an index, the OCI one or Docker's."""
    return media_type in _INDEXES


def digest_of(body: bytes, algorithm: str = "sha256") -> str:
    """The digest of `body`; `algorithm` is sha256 or sha512."""
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


def check_digest(body: bytes, expected: str) -> str:
    """Return `expected` when it is the digest of `body`.

    Raises:
        BadAnswer: DIGEST_MISMATCH.
    """
    if not is_digest(expected):
        raise BadAnswer("DIGEST_MISMATCH", f"the registry names {clean(expected, 80)!r} as digest, which is none")
    actual = digest_of(body, expected.partition(":")[0])
    if actual != expected:
        raise BadAnswer("DIGEST_MISMATCH", f"what the registry sent has the digest {actual}, not {expected}")
    return expected


def descriptor(value: object) -> Descriptor | None:
    """Read a descriptor out of an untyped document; None when it does not point anywhere."""
    if not isinstance(value, dict):
        return None
    digest, size, media_type = value.get("digest"), value.get("size"), value.get("mediaType")
    if not isinstance(digest, str) or not is_digest(digest):
        return None
    sensible = isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**63
    return Descriptor(media_type if isinstance(media_type, str) else "", digest, size if sensible else None, value)


def descriptors(value: object) -> list[Descriptor]:
    """Read a list of descriptors; what is none is left out."""
    found = map(descriptor, value) if isinstance(value, list) else ()
    return [item for item in found if item is not None]


def _media_type(fields: dict[str, Any], content_type: str | None) -> str:
    own = fields.get("mediaType")
    served = (content_type or "").partition(";")[0].strip().lower()
    if isinstance(own, str) and own:
        if served in _KNOWN and served != own:
            raise BadAnswer(
                "MEDIA_TYPE_MISMATCH",
                f"the manifest says it is {clean(own, 100)!r}, the registry serves it as {served!r}",
            )
        return own
    if served in _KNOWN:
        return served
    if isinstance(fields.get("manifests"), list):
        return OCI_INDEX
    if isinstance(fields.get("config"), dict) and isinstance(fields.get("layers"), list):
        return OCI_MANIFEST
    if served.startswith("application/vnd."):
        return served
    raise BadAnswer("NOT_A_MANIFEST", "the registry's answer is JSON, but no manifest of a known form")
