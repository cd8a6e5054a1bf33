"""Reading a manifest: its digest, its type, and what is none."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuseboard_oci.documents import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST, descriptor, descriptors, read_manifest
from fuseboard_oci.errors import BadAnswer
from fuseboard_oci.testing.builder import encode

LAYERED: dict[str, object] = {"config": {}, "layers": []}


@pytest.mark.parametrize(
    ("fields", "content_type", "media_type", "kind"),
    [
        ({"manifests": []}, None, OCI_INDEX, "index"),
        ({"manifests": []}, "application/json", OCI_INDEX, "index"),
        ({"manifests": []}, DOCKER_LIST, DOCKER_LIST, "index"),
        ({"mediaType": OCI_INDEX}, "text/plain; charset=utf-8", OCI_INDEX, "index"),
        (LAYERED, None, OCI_MANIFEST, "image"),
        (LAYERED, f"{OCI_MANIFEST};charset=utf-8".upper(), OCI_MANIFEST, "image"),
        ({**LAYERED, "artifactType": "a/b"}, OCI_MANIFEST, OCI_MANIFEST, "artifact"),
        ({}, "application/vnd.example.x+json", "application/vnd.example.x+json", "unknown"),
    ],
)
def test_the_type_comes_from_the_field_then_the_header_then_the_structure(
    fields: dict[str, object], content_type: str | None, media_type: str, kind: str
) -> None:
    manifest = read_manifest(encode(fields), asked="1.0", header_digest=None, content_type=content_type)
    assert (manifest.media_type, manifest.kind) == (media_type, kind)


def test_json_without_the_form_of_a_manifest_is_none() -> None:
    with pytest.raises(BadAnswer, match=r"^NOT_A_MANIFEST"):
        read_manifest(b'{"token": "x"}', asked="1.0", header_digest=None, content_type="application/json")


@given(st.binary(max_size=200))
def test_whatever_is_sent_is_hashed_as_it_is(body: bytes) -> None:
    digest = "sha256:" + hashlib.sha256(b"another body").hexdigest()
    with pytest.raises(BadAnswer, match=r"^DIGEST_MISMATCH"):
        read_manifest(body, asked=digest, header_digest=None, content_type=OCI_INDEX)


def test_the_digest_that_was_asked_for_counts_more_than_the_header() -> None:
    """distribution 2.8 names the sha256 digest in the header when it is asked for the sha512 one."""
    body = encode({"manifests": []})
    asked = "sha512:" + hashlib.sha512(body).hexdigest()
    header = "sha256:" + hashlib.sha256(body).hexdigest()
    assert read_manifest(body, asked=asked, header_digest=header, content_type=None).digest == asked


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_a_descriptor_is_well_formed_or_there_is_none(value: object) -> None:
    assert descriptor(value) is None
    assert descriptors(value) == []


@given(json_values, json_values)
def test_of_a_descriptor_only_sensible_fields_are_taken(size: object, media_type: object) -> None:
    found = descriptor({"digest": "sha256:" + "a" * 64, "size": size, "mediaType": media_type})
    assert found is not None
    assert found.size is None or 0 <= found.size < 2**63
    assert isinstance(found.media_type, str)
