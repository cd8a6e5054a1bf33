"""What an artifact that refers to an image counts as, by its type and what its annotations say. No I/O."""

from __future__ import annotations

from typing import Literal

from fuseboard_oci.documents import Descriptor

Group = Literal["signatures", "sboms", "attestations", "other"]
GROUPS: tuple[Group, ...] = ("signatures", "sboms", "attestations", "other")

# The first prefix that fits decides. A bundle may hold either; its annotation says what.
_TYPES: tuple[tuple[str, Group], ...] = (
    ("application/vnd.dev.sigstore.bundle", "signatures"),
    ("application/vnd.dev.cosign.artifact.att", "attestations"),
    ("application/vnd.dev.cosign.artifact.sbom", "sboms"),
    ("application/vnd.dev.cosign.", "signatures"),
    ("application/vnd.cncf.notary.signature", "signatures"),
    ("application/spdx", "sboms"),
    ("text/spdx", "sboms"),
    ("application/vnd.cyclonedx", "sboms"),
    ("application/vnd.in-toto", "attestations"),
)
_PREDICATES = ("in-toto.io/predicate-type", "dev.sigstore.bundle.predicateType")
# cosign wraps also a plain signature into a statement, of this predicate type.
_SIGNATURE_PREDICATE = "https://sigstore.dev/cosign/sign/"
_SBOM_PREDICATES = ("https://spdx.dev/document", "https://cyclonedx.org/")


def group_of(pointer: Descriptor) -> Group:
    """Say what a referrer counts as.

    A statement about the image is an attestation, or a bill of materials when its predicate is one, whatever envelope
    it comes in. Everything of an unknown type is "other".
    """
    for name in _PREDICATES:
        if predicate := annotation(pointer, name).lower():
            return _group_of_predicate(predicate)
    kind = artifact_type_of(pointer).lower()
    return next((group for prefix, group in _TYPES if kind.startswith(prefix)), "other")


def artifact_type_of(pointer: Descriptor) -> str:
    """The artifact type that a descriptor gives, empty when it gives none."""
    kind = pointer.fields.get("artifactType")
    return kind if isinstance(kind, str) else ""


def annotation(pointer: Descriptor, name: str) -> str:
    """An annotation of a descriptor, empty when there is none."""
    annotations = pointer.fields.get("annotations")
    value = annotations.get(name) if isinstance(annotations, dict) else None
    return value if isinstance(value, str) else ""


def _group_of_predicate(predicate: str) -> Group:
    if predicate.startswith(_SIGNATURE_PREDICATE):
        return "signatures"
    return "sboms" if predicate.startswith(_SBOM_PREDICATES) else "attestations"
