"""What an artifact that refers to an image counts as: a signature, a bill of materials, an attestation."""

from __future__ import annotations

import pytest

from fuseboard_oci.documents import Descriptor, digest_of
from fuseboard_oci.reading.artifacts import group_of

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@pytest.mark.parametrize(
    ("artifact_type", "annotations", "group"),
    [
        (BUNDLE, {}, "signatures"),
        (BUNDLE, {"dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1"}, "signatures"),
        (BUNDLE, {"dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1"}, "attestations"),
        (BUNDLE, {"dev.sigstore.bundle.predicateType": "https://spdx.dev/Document/v2.3"}, "sboms"),
        ("application/vnd.dev.cosign.artifact.sig.v1+json", {}, "signatures"),
        ("application/vnd.dev.cosign.artifact.att.v1+json", {}, "attestations"),
        ("application/vnd.dev.cosign.artifact.sbom.v1+json", {}, "sboms"),
        ("application/vnd.dev.cosign.simplesigning.v1+json", {}, "signatures"),
        ("application/vnd.cncf.notary.signature", {}, "signatures"),
        ("application/spdx+json", {}, "sboms"),
        ("Application/SPDX+json", {}, "sboms"),
        ("text/spdx", {}, "sboms"),
        ("application/vnd.cyclonedx+xml", {}, "sboms"),
        ("application/vnd.in-toto+json", {}, "attestations"),
        ("application/vnd.in-toto+json", {"in-toto.io/predicate-type": "https://spdx.dev/Document"}, "sboms"),
        ("application/vnd.in-toto+json", {"in-toto.io/predicate-type": "https://cyclonedx.org/bom"}, "sboms"),
        ("application/vnd.in-toto+json", {"in-toto.io/predicate-type": "https://slsa.dev/v1"}, "attestations"),
        ("application/vnd.in-toto+json", {"in-toto.io/predicate-type": 7}, "attestations"),
        ("application/vnd.example.report", {}, "other"),
        ("x/application/spdx+json", {}, "other"),
        (None, {}, "other"),
        (["application/spdx+json"], {}, "other"),
        ("application/spdx+json", "no mapping", "sboms"),
    ],
)
def test_what_an_artifact_counts_as(artifact_type: object, annotations: object, group: str) -> None:
    fields = {"artifactType": artifact_type, "annotations": annotations}
    assert group_of(Descriptor("application/vnd.oci.image.manifest.v1+json", digest_of(b""), 0, fields)) == group
