"""What is remembered between calls, for how long, and for whom."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import SecretStr

from fuseboard_oci.cache import Cache, Document
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.config import Limits, OciSettings
from fuseboard_oci.documents import OCI_MANIFEST, descriptor, digest_of
from fuseboard_oci.errors import BadAnswer, LoginFailed, NotFound, RateLimited
from fuseboard_oci.login.docker_config import DockerCredentials
from fuseboard_oci.paging import TagList
from fuseboard_oci.reference import Image
from fuseboard_oci.testing import InMemoryRegistry, LoopbackServer, Repository, seed_data
from fuseboard_oci.testing.http import Request, Response
from tests.plugins.oci.helpers import ALICE, PATIENCE, asking, held

pytestmark = pytest.mark.anyio

SECRET = {"username": "alice", "password": SecretStr("secret")}


def asked(registry: LoopbackServer) -> list[str]:
    """The requests since the last look, as `GET /v2/...`, without those for tokens."""
    found = [f"{entry.method} {entry.path.partition('?')[0]}" for entry in registry.log]
    del registry.log[:]
    return [line for line in found if not line.endswith(" /token")]


async def test_the_second_read_of_a_tag_costs_one_head_and_no_get() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            first = await oci.details("demo/single")
            assert [line.partition(" ")[0] for line in asked(registry)] == ["GET", "GET"]
            assert await oci.details("demo/single") == first
            assert asked(registry) == ["HEAD /v2/demo/single/manifests/1.0"]


async def test_a_digest_that_was_read_costs_nothing_at_all() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        digest, _, _ = held(registry, "demo/single")
        async with asking(registry) as oci:
            first = await oci.details("demo/single", digest)
            asked(registry)
            assert await oci.details("demo/single", digest) == first
            assert asked(registry) == []


async def test_a_digest_that_was_read_by_its_tag_costs_nothing_either() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        digest, _, _ = held(registry, "demo/single")
        async with asking(registry) as oci:
            first = await oci.details("demo/single", "1.0")
            asked(registry)
            assert (await oci.details("demo/single", digest)).digest == first.digest
            assert asked(registry) == []


async def test_a_tag_that_was_moved_is_read_anew() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            old = await oci.details("demo/app", "1.0.0")
            _, media_type, body = held(registry, "demo/app", "1.1.0")
            moved = registry.store.put_manifest("demo/app", "1.0.0", media_type, body)
            asked(registry)
            assert (await oci.details("demo/app", "1.0.0")).digest == moved != old.digest
            path = "/v2/demo/app/manifests/1.0.0"
            assert asked(registry)[:2] == [f"HEAD {path}", f"GET {path}"]
            assert (await oci.details("demo/app", "1.0.0")).digest == moved
            assert asked(registry) == [f"HEAD {path}"]


async def test_a_tag_that_was_deleted_is_not_answered_from_memory() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            await oci.details("demo/app", "1.0.0")
            registry.store.delete_manifest("demo/app", "1.0.0")
            with pytest.raises(NotFound, match=r"^MANIFEST_UNKNOWN"):
                await oci.details("demo/app", "1.0.0")


async def test_a_registry_that_names_no_digest_is_asked_for_the_whole_manifest() -> None:
    with InMemoryRegistry(digest_header=False) as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            first = await oci.details("demo/app", "1.0.0")
            assert first.digest_source == "computed"
            _, media_type, body = held(registry, "demo/app", "1.1.0")
            moved = registry.store.put_manifest("demo/app", "1.0.0", media_type, body)
            asked(registry)
            assert (await oci.details("demo/app", "1.0.0")).digest == moved
            assert "GET /v2/demo/app/manifests/1.0.0" in asked(registry)


class Headless(LoopbackServer):
    """A registry with one image, which answers a HEAD in its own way and a GET always."""

    def __init__(self, status: int, digest: str = "") -> None:
        super().__init__()
        self._head = Response(status, [("Docker-Content-Digest", digest)] if digest else [])
        self.item = Repository("x").image(layers=[])

    def respond(self, request: Request) -> Response:
        """The fixed answer to a HEAD, the manifest to a GET."""
        if request.method == "HEAD":
            return self._head
        return Response(200, [("Content-Type", self.item.media_type)], self.item.body)


@pytest.mark.parametrize("status", [200, 400, 403, 404, 405])
async def test_a_head_that_is_not_served_costs_a_get_and_no_error(status: int) -> None:
    """Object stores sign a redirect for one method, and gateways let only GET through."""
    with Headless(status) as registry:
        async with asking(registry) as oci:
            image = Image(registry.host, "demo/app", "1.0")
            asks = oci.client.registry(registry.host)
            assert await asks.manifest(image) == await asks.manifest(image)
            assert asked(registry) == [f"{method} /v2/demo/app/manifests/1.0" for method in ("GET", "HEAD", "GET")]


@pytest.mark.parametrize(("status", "error"), [(429, RateLimited), (401, LoginFailed)])
async def test_a_head_that_is_refused_as_a_get_would_be_is_an_error(status: int, error: type[Exception]) -> None:
    with Headless(status) as registry:
        async with asking(registry) as oci:
            asks = oci.client.registry(registry.host)
            await asks.manifest(Image(registry.host, "demo/app", "1.0"))
            with pytest.raises(error):
                await asks.manifest(Image(registry.host, "demo/app", "1.0"))
            assert [line.partition(" ")[0] for line in asked(registry)] == ["GET", "HEAD"]


async def test_a_head_that_lies_about_the_digest_costs_a_get_and_changes_nothing() -> None:
    with Headless(200, f"sha256:{'0' * 64}") as registry:
        async with asking(registry) as oci:
            image = Image(registry.host, "demo/app", "1.0")
            asks = oci.client.registry(registry.host)
            digests = [(await asks.manifest(image)).digest for _ in range(3)]
            assert digests == [registry.item.digest] * 3


@pytest.mark.parametrize("digest", ["md5:1", "rubbish", f"sha256:{'A' * 64}", f"sha256:{'0' * 65}"])
async def test_a_head_with_rubbish_for_a_digest_names_none(digest: str) -> None:
    with Headless(200, digest) as registry:
        async with asking(registry) as oci:
            assert await oci.client.registry(registry.host).digest(Image(registry.host, "demo/app", "1.0")) is None


async def test_a_config_is_read_once() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            asks = oci.client.registry(oci.registry)
            image = Image(oci.registry, "demo/single", "1.0")
            pointer = descriptor((await asks.manifest(image)).fields["config"])
            assert pointer is not None
            first = await asks.blob(image, pointer)
            asked(registry)
            assert await asks.blob(image, pointer) == first
            assert asked(registry) == []


async def test_the_same_digest_in_another_repository_is_asked_for_there() -> None:
    """Whoever may read one repository may not read every other that holds the same bytes."""
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        digest, media_type, body = held(registry, "demo/single")
        registry.store.put_manifest("demo/twin", digest, media_type, body)
        async with asking(registry) as oci:
            asks = oci.client.registry(oci.registry)
            await asks.manifest(Image(oci.registry, "demo/single", digest=digest))
            asked(registry)
            await asks.manifest(Image(oci.registry, "demo/twin", digest=digest))
            assert asked(registry) == [f"GET /v2/demo/twin/manifests/{digest}"]
            with pytest.raises(NotFound):
                await asks.manifest(Image(oci.registry, "demo/app", digest=digest))


async def test_a_list_of_tags_is_used_again_for_a_minute_and_no_longer() -> None:
    now = [1000.0]
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry, limits={"tags_age": 60}) as oci:
            oci.client.cache = Cache(oci.client.settings.limits, clock=lambda: now[0])
            first = await oci.tags("demo/app")
            registry.store.delete_manifest("demo/app", "1.1.0")
            now[0] += 59.9
            assert await oci.tags("demo/app") == first
            assert asked(registry) == ["GET /v2/demo/app/tags/list"]
            now[0] += 0.2
            assert set(first) - set(await oci.tags("demo/app")) == {"1.1.0"}
            assert asked(registry) == ["GET /v2/demo/app/tags/list"]


async def test_a_listing_that_failed_is_not_remembered() -> None:
    with InMemoryRegistry() as registry:
        async with asking(registry, limits={"tags_age": 60}) as oci:
            with pytest.raises(NotFound):
                await oci.tags("demo/app")
            registry.seed(seed_data())
            assert await oci.tags("demo/app")


async def test_what_a_given_login_may_see_is_not_shown_to_the_anonymous() -> None:
    with InMemoryRegistry(auth="token") as registry:
        registry.seed(seed_data())
        digest, _, _ = held(registry, "private/secret")
        async with asking(registry, limits={"tags_age": 60}) as oci:
            assert await oci.tags("private/secret", **SECRET) == ["1.0"]
            assert (await oci.details("private/secret", **SECRET)).digest == digest
            for reference in ("1.0", digest):
                with pytest.raises(LoginFailed):
                    await oci.details("private/secret", reference)
            with pytest.raises(LoginFailed):
                await oci.tags("private/secret")


async def test_a_given_login_is_tried_even_where_the_anonymous_know_the_answer() -> None:
    """Otherwise a wrong password would seem to be right."""
    with InMemoryRegistry(auth="token") as registry:
        registry.seed(seed_data())
        digest, _, _ = held(registry, "demo/single")
        wrong: dict[str, Any] = {"username": "alice", "password": SecretStr("wrong")}
        async with asking(registry, limits={"tags_age": 60}) as oci:
            await oci.tags("demo/single")
            await oci.details("demo/single", digest)
            for question in (oci.tags("demo/single", **wrong), oci.details("demo/single", digest, **wrong)):
                with pytest.raises(LoginFailed, match="refused the given credentials"):
                    await question


async def test_a_given_login_uses_nothing_of_a_configured_one_of_the_same_name() -> None:
    with InMemoryRegistry(auth="token") as registry:
        registry.seed(seed_data())
        async with asking(registry, limits={"tags_age": 60}, **ALICE) as oci:
            assert await oci.tags("private/secret") == ["1.0"]
            await oci.details("private/secret")
            wrong: dict[str, Any] = {"username": "alice", "password": SecretStr("wrong")}
            with pytest.raises(LoginFailed, match="refused the given credentials"):
                await oci.tags("private/secret", **wrong)
            with pytest.raises(LoginFailed, match="refused the given credentials"):
                await oci.details("private/secret", **wrong)
            assert await oci.tags("private/secret") == ["1.0"]


async def test_what_a_login_of_docker_saw_is_gone_with_that_login(tmp_path: Path) -> None:
    now = [0.0]
    file = tmp_path / "config.json"
    with InMemoryRegistry(auth="token") as registry:
        registry.seed(seed_data())
        digest, _, _ = held(registry, "private/secret")
        file.write_text(json.dumps({"auths": {registry.host: {"auth": base64.b64encode(b"alice:secret").decode()}}}))
        async with asking(registry, limits={"tags_age": 60}) as oci:
            oci.client.docker = DockerCredentials(
                use_helpers=False, environ={"DOCKER_CONFIG": str(tmp_path)}, clock=lambda: now[0]
            )
            assert await oci.tags("private/secret") == ["1.0"]
            assert (await oci.details("private/secret", digest)).digest == digest
            file.write_text("{}")
            now[0] += 10
            with pytest.raises(LoginFailed):
                await oci.tags("private/secret")
            with pytest.raises(LoginFailed):
                await oci.details("private/secret", digest)


async def test_a_config_that_does_not_fit_its_digest_is_an_error_every_time() -> None:
    class Lying(LoopbackServer):
        def respond(self, request: Request) -> Response:
            return Response(200, body=b"{}")

    pointer = descriptor({"digest": f"sha256:{'0' * 64}", "size": 2})
    assert pointer is not None
    with Lying() as registry:
        async with asking(registry) as oci:
            for _ in range(2):
                with pytest.raises(BadAnswer, match=r"^DIGEST_MISMATCH"):
                    await oci.client.registry(oci.registry).blob(Image(oci.registry, "demo/app"), pointer)


async def test_two_registries_share_nothing() -> None:
    with InMemoryRegistry() as one, InMemoryRegistry() as other:
        one.seed(seed_data())
        digest, _, _ = held(one, "demo/single")
        known = {registry.host: {"insecure": True} for registry in (one, other)}
        async with RegistryClient(OciSettings.model_validate({"registries": known})) as client:
            await client.registry(one.host).manifest(Image(one.host, "demo/single", digest=digest))
            with pytest.raises(NotFound):
                await client.registry(other.host).manifest(Image(other.host, "demo/single", digest=digest))


async def test_parallel_readers_of_one_tag_agree() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        seen: set[str] = set()

        async with asking(registry) as oci:

            async def read() -> None:
                seen.add((await oci.details("demo/multi")).digest)

            with anyio.fail_after(PATIENCE):
                async with anyio.create_task_group() as group:
                    for _ in range(20):
                        group.start_soon(read)
        assert seen == {held(registry, "demo/multi")[0]}


def _key(number: int) -> tuple[str, ...]:
    return ("r", "", "repository", f"sha256:{number:064x}")


def test_the_documents_are_bounded_in_bytes_and_the_oldest_goes_first() -> None:
    cache = Cache(Limits(cache_bytes=1000))
    for number in range(3):
        cache.keep_document(_key(number), Document(b"x" * 400))
    assert [cache.document(_key(number)) is not None for number in range(3)] == [False, True, True]
    assert cache.document(_key(1))
    cache.keep_document(_key(3), Document(b"x" * 400))
    assert [cache.document(_key(number)) is not None for number in range(4)] == [False, True, False, True]


def test_small_documents_are_bounded_in_number() -> None:
    cache = Cache(Limits())
    for number in range(300):
        cache.keep_document(_key(number), Document(b""))
    assert sum(cache.document(_key(number)) is not None for number in range(300)) == 256


def test_a_document_larger_than_the_cache_is_not_kept_and_drives_nothing_out() -> None:
    cache = Cache(Limits(cache_bytes=1000))
    cache.keep_document(_key(0), Document(b"x" * 10))
    cache.keep_document(_key(1), Document(b"x" * 1001))
    assert cache.document(_key(1)) is None
    assert cache.document(_key(0)) is not None
    cache.keep_document(_key(2), Document(b"x" * 1000))
    assert cache.document(_key(2)) is not None


async def test_a_manifest_larger_than_the_cache_is_read_every_time() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry, limits={"cache_bytes": 10}) as oci:
            asks = oci.client.registry(oci.registry)
            image = Image(oci.registry, "demo/single", "1.0")
            assert await asks.manifest(image) == await asks.manifest(image)
            assert asked(registry) == ["GET /v2/demo/single/manifests/1.0"] * 2


def test_what_tags_point_to_is_bounded_in_number() -> None:
    cache = Cache(Limits())
    for number in range(5000):
        cache.keep_digest(("r", "", "repository", f"t{number}"), "sha256:0")
    assert cache.digest(("r", "", "repository", "t0")) is None
    assert sum(cache.digest(("r", "", "repository", f"t{number}")) is not None for number in range(5000)) == 4096


def test_lists_of_tags_are_bounded_by_all_that_they_hold() -> None:
    """Google's registries tell a digest with each tag, which is as large as the tag itself."""
    limits = Limits(tags=1_000_000)
    tags = tuple(f"t{number}" for number in range(20_000))
    plain, rich = Cache(limits), Cache(limits)
    for number in range(10):
        plain.keep_tags(("r", "", str(number)), TagList(tags))
        rich.keep_tags(("r", "", str(number)), TagList(tags, by_digest={tag: (tag,) for tag in tags}))
    assert sum(plain.tags(("r", "", str(number))) is not None for number in range(10)) == 4
    assert sum(rich.tags(("r", "", str(number))) is not None for number in range(10)) == 2
    huge = TagList(tuple(f"t{number}" for number in range(60_000)), by_digest={tag: (tag,) for tag in tags * 3})
    plain.keep_tags(("r", "", "huge"), TagList(huge.tags * 2))
    assert plain.tags(("r", "", "huge")) is None


async def test_the_cache_holds_the_bytes_as_they_came() -> None:
    """A manifest from memory is checked and read again, so that nobody can have changed it in the meantime."""
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            asks = oci.client.registry(oci.registry)
            image = Image(oci.registry, "demo/single", "1.0")
            first = await asks.manifest(image)
            first.fields.clear()
            again = await asks.manifest(image)
            assert again.fields["mediaType"] == OCI_MANIFEST
            assert again.digest == digest_of(held(registry, "demo/single")[2])
