"""The registry that ships for tests is one itself: it takes pushes, and it holds the same data as a real one."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

from fuseboard_oci.documents import OCI_MANIFEST, digest_of
from fuseboard_oci.login.credentials import Login
from fuseboard_oci.testing import InMemoryRegistry, LoopbackServer, Refusal, Repository, push, seed_data
from fuseboard_oci.testing.answers import LinkForm
from fuseboard_oci.testing.builder import encode
from fuseboard_oci.testing.doorman import TokenField
from tests.plugins.oci.helpers import PATIENCE

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
    connection = http.client.HTTPConnection(server.host, timeout=PATIENCE)
    try:
        yield Asker(connection)
    finally:
        connection.close()


def _seeds(name: str) -> list[Repository]:
    """One repository of the test data."""
    return [repository for repository in seed_data(many=1, parallel=0) if repository.name == name]


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
    data = _seeds("demo/app")
    header = Login("alice", SecretStr("secret")).basic()
    with InMemoryRegistry(auth="basic") as registry:
        with pytest.raises(RuntimeError, match="answered 401"):
            push(data, registry.url)
        assert push(data, registry.url, lambda name: header) == []


def test_the_users_are_those_that_were_named() -> None:
    with InMemoryRegistry(auth="basic", users={"bob": "pass:word"}) as registry, bare(registry) as ask:
        for user, password, status in (("bob", "pass:word", 200), ("bob", "pass", 401), ("alice", "secret", 401)):
            header = Login(user, SecretStr(password)).basic()
            assert header is not None
            assert ask("GET", "/v2/", Authorization=header)[0] == status


def test_an_unknown_media_type_is_refused_on_request_and_the_pusher_notes_it() -> None:
    data = _seeds("demo/unknown")
    with InMemoryRegistry(strict_types=True) as registry:
        expected = [Refusal("demo/unknown", "application/vnd.example.thing.v1+json", 400)]
        assert push(data, registry.url) == expected


@pytest.mark.parametrize("has_referrers", [True, False])
def test_referrers_come_by_the_api_or_by_a_fallback_tag(has_referrers: bool) -> None:
    data = _seeds("demo/signed")
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
        connection = http.client.HTTPConnection(registry.host, timeout=PATIENCE)
        connection.request("PUT", f"{location}?digest={digest_of(b'abcd')}", iter([b"ab", b"cd"]))
        assert connection.getresponse().status == 201
        connection.close()


def test_the_log_tells_the_scheme_of_a_login_and_never_its_secret() -> None:
    with InMemoryRegistry() as registry, bare(registry) as ask:
        ask("GET", "/v2/", Authorization="Basic c2VjcmV0")
        assert "c2VjcmV0" not in repr(registry.log)
        assert registry.log[0].scheme == "basic"


def test_an_identity_token_is_exchanged_by_post() -> None:
    form = (
        f"service=s&client_id=c&scope=repository:private/secret:pull&grant_type=refresh_token&refresh_token={'r' * 8}"
    )
    with InMemoryRegistry(auth="token", refresh_tokens={"r" * 8: "alice"}) as registry, bare(registry) as ask:
        registry.seed(_seeds("private/secret"))
        answer = json.loads(ask("POST", "/token", form.encode())[2])
        header = f"Bearer {answer['token']}"
        assert ask("GET", "/v2/private/secret/tags/list", Authorization=header)[0] == 200
        assert ask("GET", "/v2/demo/app/tags/list", Authorization=header)[0] == 401


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ("service=s&client_id=c&grant_type=password&username=alice&password=secret", 200, None),
        ("service=s&client_id=c&grant_type=password&username=alice&password=wrong", 400, "invalid_grant"),
        ("service=s&client_id=c&grant_type=refresh_token&refresh_token=unknown", 400, "invalid_grant"),
        ("service=s&client_id=c&grant_type=magic", 400, "unsupported_grant_type"),
        ("grant_type=password&username=alice&password=secret", 400, "invalid_request"),
    ],
)
def test_a_form_for_a_token_is_answered_as_oauth2_says(form: str, status: int, error: str | None) -> None:
    with InMemoryRegistry(auth="token") as registry, bare(registry) as ask:
        answered, _, body = ask("POST", "/token", form.encode())
        assert (answered, json.loads(body).get("error")) == (status, error)
        assert registry.doorman.exchanges == 1


def test_a_registry_without_post_for_tokens_answers_404_and_still_takes_get() -> None:
    with InMemoryRegistry(auth="token", post_token=False) as registry, bare(registry) as ask:
        assert ask("POST", "/token", b"grant_type=password")[0] == 404
        assert ask("GET", "/token")[0] == 200


@pytest.mark.parametrize(
    "fields", [("token",), ("access_token",), ("access_token", "expires_in"), ("token", "access_token", "expires_in")]
)
def test_the_answer_of_the_realm_holds_the_chosen_fields(fields: tuple[TokenField, ...]) -> None:
    with InMemoryRegistry(auth="token", token_fields=fields) as registry, bare(registry) as ask:
        assert sorted(json.loads(ask("GET", "/token")[2])) == sorted(fields)


def test_a_token_without_the_right_is_refused_with_insufficient_scope() -> None:
    with InMemoryRegistry(auth="token") as registry, bare(registry) as ask:
        registry.seed(_seeds("private/secret"))
        token = json.loads(ask("GET", "/token?scope=repository:private/secret:pull")[2])["token"]
        status, headers, _ = ask("GET", "/v2/private/secret/tags/list", Authorization=f"Bearer {token}")
        assert status == 401
        assert headers["www-authenticate"].endswith('error="insufficient_scope"')
        assert ask("GET", "/v2/", Authorization=f"Bearer {token}")[0] == 200


def test_only_a_get_of_a_manifest_counts_against_the_rate_and_a_head_tells_what_is_left() -> None:
    with InMemoryRegistry(rate=1) as registry, bare(registry) as ask:
        registry.seed(_seeds("demo/single"))
        path = "/v2/demo/single/manifests/1.0"
        for left in ("1", "1"):
            status, headers, _ = ask("HEAD", path)
            assert (status, headers["ratelimit-limit"]) == (200, "1;w=21600")
            assert headers["ratelimit-remaining"] == f"{left};w=21600"
        assert ask("GET", path)[1]["ratelimit-remaining"] == "0;w=21600"
        status, headers, body = ask("GET", path)
        assert (status, headers["retry-after"]) == (429, "30")
        assert json.loads(body)["errors"][0]["code"] == "TOOMANYREQUESTS"
        assert ask("HEAD", path)[0] == 200
        assert ask("GET", "/v2/demo/single/tags/list")[0] == 200


def test_without_a_rate_nothing_is_said_about_one() -> None:
    with InMemoryRegistry() as registry, bare(registry) as ask:
        registry.seed(_seeds("demo/single"))
        assert not any("ratelimit" in name for name in ask("GET", "/v2/demo/single/manifests/1.0")[1])


def test_every_answer_waits_for_the_delay_and_the_end_of_the_registry_does_not() -> None:
    with InMemoryRegistry(delay=0.05) as registry, bare(registry) as ask:
        begin = time.perf_counter()
        assert ask("GET", "/v2/")[0] == 200
        assert time.perf_counter() - begin >= 0.049
        registry.delay = 600
        connection = http.client.HTTPConnection(registry.host, timeout=PATIENCE)
        connection.request("GET", "/v2/")
        while len(registry.log) < 2:  # it has come, and its answer waits
            time.sleep(0.001)
        begin = time.perf_counter()
    assert time.perf_counter() - begin < 60
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        connection.getresponse()
    connection.close()


def test_a_manifest_has_an_etag_unless_it_is_switched_off() -> None:
    for etag in (True, False):
        with InMemoryRegistry(etag=etag) as registry, bare(registry) as ask:
            registry.seed(_seeds("demo/single"))
            path = "/v2/demo/single/manifests/1.0"
            digest = ask("GET", path)[1]["docker-content-digest"]
            assert ask("GET", path)[1].get("etag") == (f'"{digest}"' if etag else None)
            status, _, body = ask("GET", path, If_None_Match=f'"{digest}"')
            assert (status, body == b"") == ((304, True) if etag else (200, False))


def test_the_digest_header_can_be_left_out() -> None:
    with InMemoryRegistry(digest_header=False) as registry, bare(registry) as ask:
        registry.seed(_seeds("demo/single"))
        assert "docker-content-digest" not in ask("GET", "/v2/demo/single/manifests/1.0")[1]


def test_a_registry_may_have_no_catalogue() -> None:
    with InMemoryRegistry(catalog=False) as registry, bare(registry) as ask:
        assert ask("GET", "/v2/_catalog")[0] == 404


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("rfc", '</v2/demo/app/tags/list?last=1.1.0&n=2>; rel="next"'),
        ("unquoted", "</v2/demo/app/tags/list?last=1.1.0&n=2>; rel=next"),
        ("absolute", '<{url}/v2/demo/app/tags/list?last=1.1.0&n=2>; rel="next"'),
        ("none", None),
    ],
)
def test_the_next_page_is_linked_in_four_ways(form: LinkForm, expected: str | None) -> None:
    with InMemoryRegistry(link=form) as registry, bare(registry) as ask:
        registry.seed(_seeds("demo/app"))
        _, headers, body = ask("GET", "/v2/demo/app/tags/list?n=2")
        assert json.loads(body)["tags"] == ["1.0.0", "1.1.0"]
        assert headers.get("link") == (expected.format(url=registry.url) if expected else None)


def test_n_and_last_can_be_ignored_and_then_the_order_is_that_of_the_pushes() -> None:
    with InMemoryRegistry(ignore_n=True) as registry, bare(registry) as ask:
        registry.store.put_manifest("x", "b", OCI_MANIFEST, b"{}")
        registry.store.put_manifest("x", "a", OCI_MANIFEST, b"{}")
        _, headers, body = ask("GET", "/v2/x/tags/list?n=1&last=b")
        assert (json.loads(body)["tags"], "link" in headers) == (["b", "a"], False)


def test_an_empty_list_and_an_unknown_repository_have_two_forms_each() -> None:
    with InMemoryRegistry() as plain, bare(plain) as ask:
        plain.seed(_seeds("demo/emptied"))
        assert json.loads(ask("GET", "/v2/demo/emptied/tags/list")[2])["tags"] == []
        assert ask("GET", "/v2/no/such/tags/list")[0] == 404
    with InMemoryRegistry(null_tags=True, unknown_is_empty=True) as odd, bare(odd) as ask:
        status, _, body = ask("GET", "/v2/no/such/tags/list")
        assert (status, json.loads(body)["tags"]) == (200, None)


def test_a_list_of_tags_can_say_which_digest_has_which() -> None:
    with InMemoryRegistry(tags_by_digest=True) as registry, bare(registry) as ask:
        registry.seed(_seeds("demo/multi"))
        registry.store.put_manifest("demo/multi", "other", OCI_MANIFEST, b"{}")
        answer = json.loads(ask("GET", "/v2/demo/multi/tags/list")[2])
        tags = {tag: digest for digest, row in answer["manifest"].items() for tag in row["tag"]}
        held = registry.store.get("demo/multi")
        assert held is not None
        assert tags == held.tags
        assert answer["manifest"][tags["other"]]["imageSizeBytes"] == "2"


def test_referrers_come_in_pages_and_the_filter_stays_on() -> None:
    with InMemoryRegistry(max_n=1) as registry, bare(registry) as ask:
        registry.seed(_seeds("demo/signed"))
        subject = registry.store.manifest("demo/signed", "1.0")
        assert subject is not None
        path: str | None = f"/v2/demo/signed/referrers/{subject[0]}"
        rows = []
        while path:
            _, headers, body = ask("GET", path)
            rows += json.loads(body)["manifests"]
            path = headers["link"].partition(">")[0][1:] if "link" in headers else None
        assert len({row["digest"] for row in rows}) == len(rows) == 3
        other = registry.store.put_manifest(
            "demo/signed",
            "other",
            OCI_MANIFEST,
            encode({"artifactType": "application/spdx+json", "subject": {"digest": subject[0]}}),
        )
        path = f"/v2/demo/signed/referrers/{subject[0]}?artifactType=application/spdx%2Bjson"
        _, headers, body = ask("GET", path)
        found = json.loads(body)["manifests"]
        found += json.loads(ask("GET", headers["link"].partition(">")[0][1:])[2])["manifests"]
        assert [row["artifactType"] for row in found] == ["application/spdx+json"] * 2
        assert other in [row["digest"] for row in found]
