"""The hostile registry does what the names of its behaviours say, so that a test against it proves something."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fuseboard_oci.documents import digest_of
from fuseboard_oci.testing import BEHAVIOURS, HostileRegistry, LoopbackServer, Sink, seed_data
from tests.plugins.oci.helpers import PATIENCE

Answer = tuple[http.client.HTTPResponse, bytes]


@contextmanager
def hostile(*, always: str | None = None) -> Iterator[HostileRegistry]:
    """A hostile registry whose sink nobody asks in these tests."""
    with Sink() as sink, HostileRegistry(sink, always=always) as registry:
        yield registry


def _ask(server: LoopbackServer, path: str, method: str = "GET", read: int | None = None, **headers: str) -> Answer:
    """One answer; of a body without an end `read` bytes."""
    connection = http.client.HTTPConnection(server.host, timeout=PATIENCE)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer, answer.read(read)
    finally:
        connection.close()


@pytest.mark.parametrize(("name", "status"), [("endless", 200), ("endless-401", 401), ("endless-404", 404)])
def test_an_endless_body_may_come_with_any_status(name: str, status: int) -> None:
    with hostile() as registry:
        answer, body = _ask(registry, f"/v2/{name}/manifests/1.0", read=10 * 2**20)
        assert (answer.status, len(body)) == (status, 10 * 2**20)


@pytest.mark.parametrize(("name", "status"), [("token-endless", 200), ("token-refuses-endlessly", 401)])
def test_the_maker_of_tokens_may_be_endless_as_well(name: str, status: int) -> None:
    with hostile() as registry:
        answer, _ = _ask(registry, f"/v2/{name}/manifests/1.0")
        realm = f"/{name}"
        assert f'realm="{registry.url}{realm}"' in answer.getheader("WWW-Authenticate", "")
        answer, body = _ask(registry, realm, read=2**20)
        assert (answer.status, len(body)) == (status, 2**20)


def test_a_head_can_name_another_digest_than_a_get() -> None:
    with hostile() as registry:
        head, _ = _ask(registry, "/v2/head-wrong-digest/manifests/1.0", "HEAD")
        get, body = _ask(registry, "/v2/head-wrong-digest/manifests/1.0")
        assert head.getheader("Docker-Content-Digest") != digest_of(body)
        assert get.getheader("Docker-Content-Digest") == digest_of(body)


def test_a_rate_limit_can_last_for_one_answer() -> None:
    with hostile() as registry:
        first, _ = _ask(registry, "/v2/rate-once/manifests/1.0")
        assert (first.status, first.getheader("Retry-After")) == (429, "1")
        assert _ask(registry, "/v2/rate-once/manifests/1.0")[0].status == 200


def test_a_connection_can_end_in_the_middle_of_a_body() -> None:
    with hostile() as registry, pytest.raises(http.client.IncompleteRead):
        _ask(registry, "/v2/cut/manifests/1.0")


def test_headers_can_be_huge_or_endless() -> None:
    with hostile() as registry:
        for name in ("huge-header", "endless-headers"):
            with socket.create_connection(("127.0.0.1", int(registry.host.partition(":")[2])), PATIENCE) as connection:
                connection.sendall(f"GET /v2/{name}/tags/list HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                received = 0
                while received < 2**20:
                    received += len(connection.recv(2**16))


@pytest.mark.parametrize("path", ["/v2/_catalog", "/v2/link-endless/tags/list", "/v2/referrers-endless/referrers/x"])
def test_a_list_without_an_end_has_new_entries_on_every_page(path: str) -> None:
    with hostile() as registry:
        seen: set[str] = set()
        target = path
        for _ in range(3):
            answer, body = _ask(registry, target)
            page = {row["digest"] for row in json.loads(body)["manifests"]}
            assert len(page - seen) == 1000
            seen |= page
            target = answer.getheader("Link", "").partition(">")[0][1:]


def test_referrers_can_be_linked_in_a_circle_of_three() -> None:
    with hostile() as registry:
        target, visited = "/v2/referrers-circle/referrers/x?page=0", []
        for _ in range(4):
            visited.append(target)
            target = _ask(registry, target)[0].getheader("Link", "").partition(">")[0][1:]
        assert visited[0] == visited[3]
        assert len(set(visited)) == 3
        assert _ask(registry, "/v2/referrers-circle/manifests/1.0")[1] == registry.item.body


def test_a_registry_can_misbehave_at_every_path() -> None:
    with hostile(always="html") as registry:
        for path in ("/v2/", "/v2/_catalog", "/v2/x/manifests/1.0", "/v2/x/tags/list"):
            assert _ask(registry, path)[1] == b"<html>hello</html>"


def test_a_registry_can_misbehave_at_some_paths_and_serve_the_rest_well() -> None:
    with Sink() as sink, HostileRegistry(sink, always="html", only="/blobs/") as registry:
        registry.seed(repository for repository in seed_data(many=1, parallel=0) if repository.name == "demo/single")
        manifest = json.loads(_ask(registry, "/v2/demo/single/manifests/1.0")[1])
        assert _ask(registry, f"/v2/demo/single/blobs/{manifest['config']['digest']}")[1] == b"<html>hello</html>"
        assert json.loads(_ask(registry, "/v2/demo/single/tags/list")[1])["tags"] == ["1.0"]


def test_a_sink_counts_also_those_who_connect_and_say_nothing() -> None:
    with Sink() as sink:
        socket.create_connection(("127.0.0.1", int(sink.host.partition(":")[2])), PATIENCE).close()
        _ask(sink, "/x")
        assert (sink.connections, len(sink.log)) == (2, 1)


@pytest.mark.parametrize("name", ["million-lists", "many-annotations", "many-tags", "index-of-thousands"])
def test_documents_that_grow_when_they_are_parsed_are_within_the_limits_of_bytes(name: str) -> None:
    with hostile() as registry:
        body = _ask(registry, f"/v2/{name}/manifests/1.0")[1]
        assert len(body) < 4 * 2**20
        assert json.loads(body)["manifests"] is not None


def test_what_is_slow_sends_a_byte_a_second_and_ends_with_the_registry() -> None:
    with hostile() as registry:
        begin = time.perf_counter()
        connection = http.client.HTTPConnection(registry.host, timeout=PATIENCE)
        connection.request("GET", "/v2/slow/manifests/1.0")
        assert connection.getresponse().read(1) == b" "
        assert 0.9 < time.perf_counter() - begin < 30
        begin = time.perf_counter()
    connection.close()
    assert time.perf_counter() - begin < 30


def test_an_unknown_behaviour_is_an_unknown_repository() -> None:
    assert "well-behaved" not in BEHAVIOURS
    with hostile() as registry:
        assert _ask(registry, "/v2/well-behaved/tags/list")[0].status == 404
