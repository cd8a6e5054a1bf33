"""Builds repositories for tests: configs, manifests and indexes as bytes, with deterministic digests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from fuseboard_oci.documents import DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, digest_of

CREATED = "2026-01-15T10:00:00Z"
_OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_EMPTY = "application/vnd.oci.empty.v1+json"


@dataclass(frozen=True, slots=True)
class Item:
    """One manifest: its bytes and the tags it gets.

    Attributes:
        media_type: what it is pushed as.
        body: the bytes.
        tags: none when it is only reachable by its digest.
    """

    media_type: str
    body: bytes
    tags: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The sha256 digest."""
        return digest_of(self.body)


@dataclass(slots=True)
class Repository:
    """What is pushed to one repository, in the order in which registries want it.

    Attributes:
        name: of the repository.
        blobs: configs and layers.
        items: manifests, children before the indexes that name them.
        deleted: tags that are deleted again after the push.
    """

    name: str
    blobs: list[bytes] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    deleted: tuple[str, ...] = ()

    def blob(self, body: bytes) -> bytes:
        """Add a blob and return it."""
        if body not in self.blobs:
            self.blobs.append(body)
        return body

    def tag(self, item: Item, *tags: str) -> None:
        """Give a manifest tags; it moves to the end, behind the children that it may name."""
        self.items = [other for other in self.items if other != item]
        self.items.append(Item(item.media_type, item.body, tags))

    def image(
        self,
        *,
        layers: list[bytes],
        config: dict[str, Any] | None = None,
        raw_config: bytes | None = None,
        architecture: str = "amd64",
        variant: str = "",
        system: str = "linux",
        media_type: str = OCI_MANIFEST,
        config_type: str = OCI_CONFIG,
        layer_type: str = _OCI_LAYER,
        annotations: dict[str, str] | None = None,
        more: dict[str, str] | None = None,
        named: bool = True,
    ) -> Item:
        """Add an image and its blobs."""
        if raw_config is None:
            fields: dict[str, Any] = {"created": CREATED, "architecture": architecture, "os": system, **(more or {})}
            if variant:
                fields["variant"] = variant
            ids = [digest_of(layer) for layer in layers]
            raw_config = encode({**fields, "config": config or {}, "rootfs": {"type": "layers", "diff_ids": ids}})
        kind = _DOCKER_LAYER if media_type == DOCKER_MANIFEST else layer_type
        manifest: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": _pointer(self.blob(raw_config), config_type),
            "layers": [_pointer(self.blob(layer), kind) for layer in layers],
        }
        return self._add(manifest, media_type, annotations, named=named)

    def artifact(self, artifact_type: str, content: bytes, subject: dict[str, Any] | None = None) -> Item:
        """Add an artifact: one content blob and an empty config."""
        manifest: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": artifact_type,
            "config": _pointer(self.blob(b"{}"), _EMPTY),
            "layers": [_pointer(self.blob(content), artifact_type)],
        }
        if subject is not None:
            manifest["subject"] = subject
        return self._add(manifest, OCI_MANIFEST, None, named=True)

    def index(
        self,
        children: list[dict[str, Any]],
        *,
        media_type: str = OCI_INDEX,
        annotations: dict[str, str] | None = None,
        named: bool = True,
    ) -> Item:
        """Add an index of descriptors."""
        manifest = {"schemaVersion": 2, "mediaType": media_type, "manifests": children}
        return self._add(manifest, media_type, annotations, named=named)

    def _add(
        self, manifest: dict[str, Any], media_type: str, annotations: dict[str, str] | None, *, named: bool
    ) -> Item:
        if annotations:
            manifest["annotations"] = annotations
        if not named:
            del manifest["mediaType"]
        item = Item(media_type, encode(manifest))
        if item not in self.items:
            self.items.append(item)
        return item


def point_to(item: Item, **more: Any) -> dict[str, Any]:
    """The descriptor of a manifest, with further fields such as `platform`."""
    return {"mediaType": item.media_type, "digest": item.digest, "size": len(item.body), **more}


def encode(value: Any) -> bytes:
    r"""Compact JSON in UTF-8, keys in the order given; a lone surrogate is written as its escape `\udxxx`."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def _pointer(body: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(body), "size": len(body)}
