"""Which two images are compared, of indexes, repositories and registries, and how they are read."""

from __future__ import annotations

import threading

import pytest

from fuseboard_oci.errors import InvalidInput, LoginFailed, NotFound
from fuseboard_oci.testing import InMemoryRegistry, Item, Repository, seed_data
from fuseboard_oci.testing.builder import point_to
from fuseboard_oci.testing.http import Request, Response
from fuseboard_oci.testing.seeds import layer
from tests.plugins.oci.helpers import ALICE, asking
from tests.plugins.oci.image_calls import compare

pytestmark = pytest.mark.anyio


async def test_indexes_that_differ_around_the_same_image_say_so_without_reading_it() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            found = await compare(oci, "demo/multi", "1.0", "latest", platform="linux/s390x")
        assert found.keys() == {"same_digest", "digest", "kind", "platform", "same_image"}
        assert (found["same_digest"], found["same_image"], found["platform"]) == (False, True, "linux/s390x")
        assert len(registry.log) == 2


async def test_two_indexes_cost_six_requests() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            found = await compare(oci, "demo/multi", "1.0", repository_b="demo/dockerlist")
        assert found["platforms"] == {"removed": ["linux/arm/v7", "linux/s390x"]}
        assert found["layers"]["common"] == 1
        assert len(registry.log) == 6


async def test_an_index_is_compared_with_a_single_image() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            found = await compare(oci, "demo/multi", "1.0", repository_b="demo/single")
            back = await compare(oci, "demo/single", "1.0", repository_b="demo/multi")
        assert found["platforms"] == {"removed": ["linux/arm64", "linux/arm/v7", "linux/s390x"]}
        assert back["platforms"] == {"added": ["linux/arm64", "linux/arm/v7", "linux/s390x"]}
        assert found["ports"] == {"added": ["8080/tcp"]}
        assert back["ports"] == {"removed": ["8080/tcp"]}
        assert found["entrypoint"] == {"from": None, "to": ["/bin/demo"]}
        assert back["user"] == {"from": "10001", "to": None}


def indexes(a: list[str], b: list[str]) -> Repository:
    """A repository with two indexes, of one image for each architecture."""
    repository = Repository("an/index")
    for tag, names in (("a", a), ("b", b)):
        children = [
            point_to(
                repository.image(layers=[layer(tag + name)], architecture=name),
                platform={"os": "linux", "architecture": name},
            )
            for name in names
        ]
        repository.tag(repository.index(children), tag)
    return repository


@pytest.mark.parametrize(
    ("a", "b", "platform", "warned"),
    [
        (["s390x", "amd64"], ["amd64", "s390x"], "linux/amd64", False),
        (["amd64", "arm64"], ["riscv64", "arm64"], "linux/arm64", False),
        (["amd64", "arm64"], ["riscv64"], "linux/amd64", True),
    ],
)
async def test_without_a_platform_the_two_images_are_of_one_that_both_have(
    a: list[str], b: list[str], platform: str, warned: bool
) -> None:
    with InMemoryRegistry() as registry:
        registry.seed([indexes(a, b)])
        async with asking(registry) as oci:
            found = await compare(oci, "an/index", "a", "b")
        assert found["platform"] == platform
        assert found.get("warnings", []) == (
            ["not the same platform: linux/amd64 is compared with linux/riscv64"] if warned else []
        )


async def test_of_several_unusual_platforms_in_both_one_must_be_named() -> None:
    with InMemoryRegistry() as registry:
        registry.seed([indexes(["amd64", "s390x", "arm64"], ["arm64", "s390x"])])
        async with asking(registry) as oci:
            with pytest.raises(NotFound, match=r"^PLATFORM_UNKNOWN: .*give platform, one of linux/s390x, linux/arm64$"):
                await compare(oci, "an/index", "a", "b")
            with pytest.raises(NotFound, match=r"^PLATFORM_UNKNOWN: .*:b has no image for linux/amd64"):
                await compare(oci, "an/index", "a", "b", platform="amd64")


async def test_what_one_side_raises_comes_out_as_it_is() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            for a, b in (("9.9", "1.0.0"), ("1.0.0", "9.9"), ("9.9", "8.8")):
                with pytest.raises(NotFound, match=r"^MANIFEST_UNKNOWN"):
                    await compare(oci, "demo/app", a, b)


class InPairs(InMemoryRegistry):
    """Answers a request only when another one has come as well."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = threading.Barrier(2, timeout=60)

    def respond(self, request: Request) -> Response:
        self.pair.wait()
        return super().respond(request)


async def test_both_sides_are_read_at_the_same_time() -> None:
    with InPairs() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            found = await compare(oci, "demo/multi", "1.0", repository_b="demo/dockerlist")
        assert found["same_image"] is False
        assert len(registry.log) == 6


async def test_the_second_image_may_be_in_another_registry() -> None:
    with InMemoryRegistry() as first, InMemoryRegistry() as second:
        first.seed(seed_data(many=0, parallel=0))
        second.seed([Repository("mirror/app", *_parts("demo/app"))])
        known = {"registries": {host: {"insecure": True} for host in (first.host, second.host)}}
        async with asking(first, options=known) as oci:
            same = await compare(oci, "demo/app", "1.0.0", repository_b=f"{second.host}/mirror/app")
            other = await compare(oci, "demo/app", "1.0.0", repository_b=f"{second.host}/mirror/app:1.1.0")
        assert (same["same_digest"], other["same_digest"]) == (True, False)
        assert len(second.log) == 3


def _parts(name: str) -> tuple[list[bytes], list[Item]]:
    repository = next(one for one in seed_data(many=0, parallel=0) if one.name == name)
    return repository.blobs, repository.items


async def test_a_login_of_the_call_never_reaches_the_other_registry() -> None:
    with InMemoryRegistry(auth="basic") as first, InMemoryRegistry(auth="basic") as second:
        for registry in (first, second):
            registry.seed(seed_data(many=0, parallel=0))
        known = {"registries": {host: {"insecure": True} for host in (first.host, second.host)}}
        async with asking(first, options=known) as oci:
            found = await compare(oci, "demo/app", "1.0.0", repository_b="private/secret:1.0", **ALICE)
            assert found["same_digest"] is False
            with pytest.raises(LoginFailed, match=r"^UNAUTHORIZED"):
                await compare(oci, "demo/app", "1.0.0", repository_b=f"{second.host}/demo/app:1.1.0", **ALICE)
        assert second.log
        assert {entry.scheme for entry in second.log} == {""}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "INVALID_ARGUMENT"),
        ({"reference_b": "a b"}, "INVALID_REFERENCE"),
        ({"repository_b": "A/B"}, "INVALID_REPOSITORY"),
        ({"repository_b": "ghcr.io/a/b:1", "reference_b": "2"}, "INVALID_REFERENCE"),
        ({"reference_b": "2", "platform": "a/b/c/d"}, "INVALID_PLATFORM"),
    ],
)
async def test_a_question_that_is_malformed_sends_nothing(arguments: dict[str, str], code: str) -> None:
    with InMemoryRegistry() as registry:
        async with asking(registry) as oci:
            with pytest.raises(InvalidInput, match=rf"^{code}"):
                await compare(oci, "demo/app", "1.0.0", **arguments)
        assert registry.log == []
