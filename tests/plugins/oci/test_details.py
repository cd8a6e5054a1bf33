"""Details of images, indexes and artifacts."""

from __future__ import annotations

import hashlib

import pytest

from fuseboard_oci.errors import InvalidInput, NotFound
from fuseboard_oci.reading.details import NOTICE
from fuseboard_oci.reading.platforms import Platform, parse_platform
from fuseboard_oci.testing import InMemoryRegistry, Repository, seed_data
from fuseboard_oci.testing.builder import point_to
from tests.plugins.oci.helpers import asking, held

pytestmark = pytest.mark.anyio


@pytest.mark.case(13)
async def test_a_single_image_has_its_digest_and_the_architecture_of_its_config() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            details = await oci.details("demo/single")
        body = held(registry, "demo/single")[2]
        assert details.digest == "sha256:" + hashlib.sha256(body).hexdigest()
        assert (details.digest_source, details.kind) == ("verified", "image")
        assert details.architectures == ["amd64"]
        assert [(row.platform, row.layers, row.digest) for row in details.platforms] == [
            ("linux/amd64", 2, details.digest)
        ]
        assert details.annotations["org.opencontainers.image.title"] == "single"
        assert details.base is not None
        assert details.base.name == "docker.io/library/alpine:3.22"
        assert details.created == "2026-01-15T10:00:00Z"
        assert details.notice == NOTICE


@pytest.mark.case(14)
async def test_an_index_lists_its_platforms_and_only_counts_its_attestations() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            details = await oci.details("demo/multi")
        assert [row.platform for row in details.platforms] == [
            "linux/amd64",
            "linux/arm64/v8",
            "linux/arm/v7",
            "linux/s390x",
        ]
        assert details.architectures == ["amd64", "arm", "arm64", "s390x"]
        assert details.attestations == 2
        assert details.kind == "index"
        assert len(registry.log) == 1, "an index costs one request"


@pytest.mark.parametrize("wanted", ["linux/arm64", "arm64", "linux/arm64/v8"])
async def test_a_platform_can_be_chosen_and_is_read_itself(wanted: str) -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            whole = await oci.details("demo/multi")
            details = await oci.details("demo/multi", platform=wanted)
        assert details.digest == whole.digest
        assert [row.platform for row in details.platforms] == ["linux/arm64/v8"]
        assert details.platforms[0].layers == 2
        assert details.platforms[0].size
        assert details.created == "2026-01-15T10:00:00Z"


async def test_a_platform_that_is_not_there_is_an_error_that_lists_those_that_are() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            with pytest.raises(NotFound, match=r"^PLATFORM_UNKNOWN: .*riscv64.*linux/amd64, linux/arm64/v8"):
                await oci.details("demo/multi", platform="linux/riscv64")


@pytest.mark.parametrize("text", ["", "linux/", "a/b/c/d", "linux/ arm64", "linux/arm64\n", "x" * 70])
def test_a_malformed_platform_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^INVALID_PLATFORM"):
        parse_platform(text)


def test_a_platform_without_variant_answers_to_the_default_variant_only() -> None:
    assert Platform("linux", "arm64").matches(Platform("linux", "arm64", "v8"))
    assert Platform("linux", "arm", "v7").matches(Platform("linux", "arm"))
    assert not Platform("linux", "arm", "v6").matches(Platform("linux", "arm", "v7"))
    assert not Platform("windows", "amd64").matches(Platform("linux", "amd64"))


@pytest.mark.case(15)
@pytest.mark.parametrize(("repository", "kind"), [("demo/dockerlist", "index"), ("demo/dockersingle", "image")])
async def test_docker_manifests_are_read_like_oci_ones(repository: str, kind: str) -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            details = await oci.details(repository)
        assert details.kind == kind
        assert details.digest == held(registry, repository)[0]
        assert details.architectures == (["amd64", "arm64"] if kind == "index" else ["amd64"])


@pytest.mark.case(16)
@pytest.mark.parametrize(("reference", "kind"), [("index", "index"), ("manifest", "image")])
async def test_a_manifest_without_a_media_type_of_its_own_takes_the_one_it_is_served_as(
    reference: str, kind: str
) -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            details = await oci.details("demo/nomt", reference)
        assert (details.kind, details.architectures) == (kind, ["amd64"])


@pytest.mark.case(17)
async def test_an_index_in_an_index_is_walked() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            details = await oci.details("demo/nested")
        assert details.architectures == ["amd64", "riscv64"]


@pytest.mark.case(17)
async def test_indexes_are_walked_three_deep_and_no_deeper() -> None:
    repository = Repository("deep")
    child = repository.image(layers=[])
    for _ in range(6):
        child = repository.index([point_to(child)])
    repository.tag(child, "1.0")
    with InMemoryRegistry() as registry:
        registry.seed([repository])
        async with asking(registry) as oci:
            details = await oci.details("deep")
        assert details.platforms == []
        assert "nested deeper than 3" in details.warnings[0]
        assert len(registry.log) == 4


async def test_an_index_that_fans_out_costs_a_bounded_number_of_requests() -> None:
    """Sixty indexes of sixty images without platforms: eight of them are read, and the rest is said to be missing."""
    repository = Repository("wide")
    inner = []
    for number in range(60):
        images = [repository.image(layers=[b"%d.%d" % (number, other)]) for other in range(60)]
        inner.append(repository.index([point_to(image) for image in images]))
    repository.tag(repository.index([point_to(index) for index in inner]), "1.0")
    with InMemoryRegistry() as registry:
        registry.seed([repository])
        async with asking(registry) as oci:
            details = await oci.details("wide")
        assert len(registry.log) == 9
        assert "52 entries of unknown platform were not read" in details.warnings


@pytest.mark.case(18)
async def test_platforms_that_the_index_leaves_out_come_from_the_configs() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            details = await oci.details("demo/noplat")
        assert [(row.platform, row.layers) for row in details.platforms] == [("linux/amd64", 1), ("linux/arm64", 1)]


@pytest.mark.case(19)
async def test_a_child_that_is_missing_is_a_warning_when_it_is_asked_for() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            whole = await oci.details("demo/sparse")
            details = await oci.details("demo/sparse", platform="linux/arm64")
        assert whole.architectures == ["amd64", "arm64"]
        assert details.warnings[0].startswith("child missing: sha256:")
        assert details.platforms[0].layers is None


@pytest.mark.case(20)
@pytest.mark.parametrize(
    ("repository", "reference", "artifact_type"),
    [
        ("demo/chart", "0.1.0", "application/vnd.cncf.helm.config.v1+json"),
        ("demo/artifact", "1.0", "application/vnd.example.report+json"),
        ("demo/oldartifact", "1.0", "application/vnd.example.old"),
    ],
)
async def test_an_artifact_has_a_type_and_no_platforms(repository: str, reference: str, artifact_type: str) -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            details = await oci.details(repository, reference)
        assert (details.kind, details.artifact_type) == ("artifact", artifact_type)
        assert details.architectures == []
        assert details.platforms == []


@pytest.mark.case(21)
async def test_an_unknown_media_type_is_named_and_not_guessed_at() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            details = await oci.details("demo/unknown")
        assert (details.kind, details.media_type) == ("unknown", "application/vnd.example.thing.v1+json")


async def test_a_windows_image_shows_its_version() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            details = await oci.details("demo/windows")
        assert [(row.platform, row.os_version) for row in details.platforms] == [("windows/amd64", "10.0.20348.2402")]


@pytest.mark.parametrize(
    ("repository", "tag"), [("demo/zstd", "1.0"), ("demo/nolayers", "1.0"), ("demo/a/b/c/d-e__f.g", "v1")]
)
async def test_unusual_images_are_images(repository: str, tag: str) -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            assert (await oci.details(repository, tag)).architectures == ["amd64"]


@pytest.mark.case(22)
async def test_a_digest_gives_the_same_details_as_its_tag() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            by_tag = await oci.details("demo/single")
            assert await oci.details("demo/single", by_tag.digest) == by_tag
            full = f"{registry.host}/demo/single:1.0@{by_tag.digest}"
            assert await oci.details(full, None, registry=None) == by_tag


async def test_a_sha512_digest_is_checked_in_its_own_algorithm() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        _, media_type, body = held(registry, "demo/single")
        digest = "sha512:" + hashlib.sha512(body).hexdigest()
        registry.store.put_manifest("demo/single", digest, media_type, body)
        async with asking(registry) as oci:
            assert (await oci.details("demo/single", digest)).digest == digest


@pytest.mark.case(22)
@pytest.mark.parametrize("reference", ["SHA256:" + "A" * 64, "sha256:" + "A" * 64, "sha256:abc"])
async def test_a_malformed_digest_is_refused_without_a_request(reference: str) -> None:
    with InMemoryRegistry() as registry:
        async with asking(registry) as oci:
            with pytest.raises(InvalidInput, match=r"^INVALID_REFERENCE"):
                await oci.details("demo/single", reference)
        assert registry.log == []


async def test_an_unknown_tag_is_manifest_unknown() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            with pytest.raises(NotFound, match=r"^MANIFEST_UNKNOWN: .*demo/single:2\.0"):
                await oci.details("demo/single", "2.0")
