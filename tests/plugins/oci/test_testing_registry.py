"""The registry that ships for tests is one itself: it takes pushes, and it holds the same data as a real one."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

from fuseboard_oci.documents import OCI_MANIFEST, digest_of
from fuseboard_oci.login.auth import Login
from fuseboard_oci.testing import InMemoryRegistry, LoopbackServer, Refusal, push, seed_data

Answer = tuple[int, dict[str, str], bytes]


class Asker:
    """A bare HTTP client."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    def __call__(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, body, named)
        response = self._connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


@contextmanager
def bare(server: LoopbackServer) -> Iterator[Asker]:
    """A bare HTTP client of a server."""
    connection = http.client.HTTPConnection(server.host, timeout=5)
    try:
        yield Asker(connection)
    finally:
        connection.close()


def test_what_is_pushed_over_http_is_what_is_put_in_directly() -> None:
    data = seed_data(many=30, parallel=2)
    with InMemoryRegistry() as pushed, InMemoryRegistry() as loaded:
        assert push(data, pushed.url) == []
        loaded.seed(data)
        for name in loaded.store.names():
            there, here = pushed.store.get(name), loaded.store.get(name)
            assert there is not None
            assert here is not None
            assert (there.tags, there.blobs) == (here.tags, here.blobs)


def test_the_digests_of_the_test_data_never_change() -> None:
    """Everything that could carry a clock or a random number is fixed, so a digest can stand in a test or in a note."""
    first, second = seed_data(), seed_data()
    assert [item.digest for repository in first for item in repository.items] == [
        item.digest for repository in second for item in repository.items
    ]
    single = next(repository for repository in first if repository.name == "demo/single")
    config = json.loads(next(blob for blob in single.blobs if blob.startswith(b"{")))
    assert config["created"] == "2026-01-15T10:00:00Z"


def test_a_push_that_needs_a_login_takes_a_header() -> None:
    data = [repository for repository in seed_data(many=1, parallel=0) if repository.name == "demo/app"]
    header = Login("alice", SecretStr("secret")).basic()
    with InMemoryRegistry(auth="basic") as registry:
        with pytest.raises(RuntimeError, match="answered 401"):
            push(data, registry.url)
        assert push(data, registry.url, lambda name: header) == []


def test_an_unknown_media_type_is_refused_on_request_and_the_pusher_notes_it() -> None:
    data = [repository for repository in seed_data(many=1, parallel=0) if repository.name == "demo/unknown"]
    with InMemoryRegistry(strict_types=True) as registry:
        expected = [Refusal("demo/unknown", "application/vnd.example.thing.v1+json", 400)]
        assert push(data, registry.url) == expected


@pytest.mark.parametrize("has_referrers", [True, False])
def test_referrers_come_by_the_api_or_by_a_fallback_tag(has_referrers: bool) -> None:
    data = [repository for repository in seed_data(many=1, parallel=0) if repository.name == "demo/signed"]
    with InMemoryRegistry(referrers=has_referrers) as registry, bare(registry) as ask:
        assert push(data, registry.url) == []
        held = registry.store.get("demo/signed")
        assert held is not None
        subject = held.tags["1.0"]
        status, headers, body = ask("GET", f"/v2/demo/signed/referrers/{subject}")
        fallback = registry.store.manifest("demo/signed", subject.replace(":", "-"))
        if not has_referrers:
            assert (status, headers["content-type"].partition(";")[0]) == (404, "text/plain")
            assert fallback is not None
            assert len(json.loads(fallback[2])["manifests"]) == 3
            return
        assert fallback is None
        assert len(json.loads(body)["manifests"]) == 3
        _, headers, body = ask("GET", f"/v2/demo/signed/referrers/{subject}?artifactType=application/spdx%2Bjson")
        assert headers["oci-filters-applied"] == "artifactType"
        assert [row["artifactType"] for row in json.loads(body)["manifests"]] == ["application/spdx+json"]


def test_a_blob_can_be_uploaded_in_one_piece_in_chunks_and_by_mount() -> None:
    body = b"0123456789"
    digest = digest_of(body)
    with InMemoryRegistry() as registry, bare(registry) as ask:
        assert ask("POST", f"/v2/one/blobs/uploads/?digest={digest}", body)[0] == 201
        location = ask("POST", "/v2/two/blobs/uploads/")[1]["location"]
        assert ask("PATCH", location, body[:4], Content_Range="0-3")[1]["range"] == "0-3"
        assert ask("PATCH", location, body[4:], Content_Range="5-9")[0] == 416
        assert ask("GET", location)[1]["range"] == "0-3"
        assert ask("PATCH", location, body[4:], Content_Range="4-9")[0] == 202
        assert ask("PUT", f"{location}?digest={digest}")[0] == 201
        assert ask("POST", f"/v2/three/blobs/uploads/?mount={digest}&from=one")[0] == 201
        assert ask("POST", "/v2/four/blobs/uploads/?mount=sha256:0&from=one")[0] == 202
        for name in ("one", "two", "three"):
            assert ask("GET", f"/v2/{name}/blobs/{digest}")[2] == body


def test_a_blob_can_be_read_in_part_and_deleted() -> None:
    with InMemoryRegistry() as registry, bare(registry) as ask:
        digest = registry.store.put_blob("x", b"0123456789")
        path = f"/v2/x/blobs/{digest}"
        assert ask("HEAD", path)[1]["content-length"] == "10"
        status, headers, body = ask("GET", path, Range="bytes=2-4")
        assert (status, headers["content-range"], body) == (206, "bytes 2-4/10", b"234")
        assert ask("GET", path, Range="bytes=20-")[0] == 416
        assert ask("DELETE", path)[0] == 202
        assert ask("GET", path)[0] == 404


def test_an_upload_that_is_damaged_or_given_up_leaves_nothing() -> None:
    with InMemoryRegistry() as registry, bare(registry) as ask:
        location = ask("POST", "/v2/x/blobs/uploads/")[1]["location"]
        assert ask("PUT", f"{location}?digest=sha256:{'0' * 64}", b"other")[0] == 400
        location = ask("POST", "/v2/x/blobs/uploads/")[1]["location"]
        assert ask("DELETE", location)[0] == 204
        assert ask("GET", location)[0] == 404


def test_a_manifest_can_be_pushed_asked_for_by_head_and_deleted() -> None:
    body = b'{"schemaVersion":2}'
    with InMemoryRegistry() as registry, bare(registry) as ask:
        status, headers, _ = ask("PUT", "/v2/x/manifests/1.0", body, Content_Type=OCI_MANIFEST)
        digest = headers["docker-content-digest"]
        assert (status, digest) == (201, digest_of(body))
        status, headers, body = ask("HEAD", "/v2/x/manifests/1.0")
        assert (status, headers["content-length"], body) == (200, "19", b"")
        assert ask("PUT", f"/v2/x/manifests/sha256:{'0' * 64}", b"{}", Content_Type=OCI_MANIFEST)[0] == 400
        assert ask("DELETE", "/v2/x/manifests/1.0")[0] == 202
        assert ask("DELETE", "/v2/x/manifests/1.0")[0] == 404
        assert ask("DELETE", f"/v2/x/manifests/{digest}")[0] == 202
        assert ask("GET", "/v2/x/manifests/..")[0] == 404
        assert ask("GET", "/elsewhere")[0] == 404


def test_the_catalog_is_paged_like_the_tags() -> None:
    with InMemoryRegistry(max_n=2) as registry, bare(registry) as ask:
        registry.seed(
            repository for repository in seed_data(many=1, parallel=3) if repository.name.startswith("demo/par")
        )
        _, headers, body = ask("GET", "/v2/_catalog")
        assert json.loads(body) == {"repositories": ["demo/par00", "demo/par01"]}
        assert headers["link"] == '</v2/_catalog?last=demo/par01&n=2>; rel="next"'
        assert json.loads(ask("GET", "/v2/_catalog?last=demo/par01")[2]) == {"repositories": ["demo/par02"]}


def test_a_chunked_request_body_is_understood() -> None:
    with InMemoryRegistry() as registry, bare(registry) as ask:
        location = ask("POST", "/v2/x/blobs/uploads/")[1]["location"]
        connection = http.client.HTTPConnection(registry.host, timeout=5)
        connection.request("PUT", f"{location}?digest={digest_of(b'abcd')}", iter([b"ab", b"cd"]))
        assert connection.getresponse().status == 201
        connection.close()


def test_the_log_tells_the_scheme_of_a_login_and_never_its_secret() -> None:
    with InMemoryRegistry() as registry, bare(registry) as ask:
        ask("GET", "/v2/", Authorization="Basic c2VjcmV0")
        assert "c2VjcmV0" not in repr(registry.log)
        assert registry.log[0].scheme == "basic"
