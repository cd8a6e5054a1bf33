"""Which image a reference and a platform mean, asked by `get_config`."""

from __future__ import annotations

import pytest

from fuseboard_oci.errors import BadAnswer, NotFound
from fuseboard_oci.testing import InMemoryRegistry, Repository, seed_data
from fuseboard_oci.testing.builder import point_to
from tests.plugins.oci.helpers import asking
from tests.plugins.oci.image_calls import get_config

pytestmark = pytest.mark.anyio


def index_of(name: str, *platforms: dict[str, str]) -> Repository:
    """A repository with an index of one image per platform, each with a label that says for which it is."""
    repository = Repository(name)
    children = []
    for platform in platforms:
        image = repository.image(
            layers=[],
            config={"Labels": {"for": "/".join(platform.values())}},
            architecture=platform["architecture"],
            variant=platform.get("variant", ""),
            system=platform["os"],
        )
        children.append(point_to(image, platform=platform))
    repository.tag(repository.index(children), "1.0")
    return repository


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (None, "linux/amd64"),
        ("amd64", "linux/amd64"),
        ("linux/arm64", "linux/arm64/v8"),
        ("linux/arm64/v8", "linux/arm64/v8"),
        ("linux/arm/v5", "linux/arm/v5"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/mips", "linux/mips/r2"),
    ],
)
async def test_an_index_gives_the_exact_variant_or_the_usual_one_or_the_first(wanted: str | None, chosen: str) -> None:
    texts = ["linux/arm/v5", "linux/arm/v7", "linux/arm64/v8", "linux/amd64/v1", "linux/amd64"]
    texts += ["linux/mips/r2", "linux/mips/r6"]
    platforms = [dict(zip(("os", "architecture", "variant"), text.split("/"), strict=False)) for text in texts]
    with InMemoryRegistry() as registry:
        registry.seed([index_of("an/index", *platforms)])
        async with asking(registry) as oci:
            config = await get_config(oci, "an/index", platform=wanted)
        assert (config["platform"], config["labels"]) == (chosen, {"for": chosen})
        assert len(registry.log) == 3, "index, manifest and config of one image"


async def test_the_only_platform_is_taken_without_asking_for_it() -> None:
    with InMemoryRegistry() as registry:
        registry.seed([index_of("an/index", {"os": "linux", "architecture": "riscv64"})])
        async with asking(registry) as oci:
            assert (await get_config(oci, "an/index"))["platform"] == "linux/riscv64"


async def test_of_several_unusual_platforms_one_must_be_named() -> None:
    platforms = [{"os": "linux", "architecture": "riscv64"}, {"os": "linux", "architecture": "s390x"}]
    with InMemoryRegistry() as registry:
        registry.seed([index_of("an/index", *platforms)])
        async with asking(registry) as oci:
            with pytest.raises(
                NotFound, match=r"^PLATFORM_UNKNOWN: .* give platform, one of linux/riscv64, linux/s390x"
            ):
                await get_config(oci, "an/index")
            assert (await get_config(oci, "an/index", platform="s390x"))["platform"] == "linux/s390x"


@pytest.mark.parametrize("repository", ["demo/single", "demo/multi"])
async def test_a_platform_that_is_not_there_is_an_error_that_lists_those_that_are(repository: str) -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            with pytest.raises(
                NotFound, match=r"^PLATFORM_UNKNOWN: .* no image for linux/ppc64le; platforms: linux/amd64"
            ):
                await get_config(oci, repository, platform="linux/ppc64le")


async def test_a_long_list_of_platforms_is_cut_in_the_error() -> None:
    platforms = [{"os": "linux", "architecture": f"cpu{number}"} for number in range(30)]
    with InMemoryRegistry() as registry:
        registry.seed([index_of("an/index", *platforms)])
        async with asking(registry) as oci:
            with pytest.raises(NotFound, match=r"linux/cpu19 and 10 more$"):
                await get_config(oci, "an/index")


@pytest.mark.parametrize(
    ("repository", "platform"),
    [("demo/nested", "linux/riscv64"), ("demo/noplat", "linux/arm64"), ("demo/windows", "windows/amd64")],
)
async def test_images_behind_odd_indexes_are_found(repository: str, platform: str) -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            config = await get_config(oci, repository, platform=platform)
        assert config["platform"] == platform
        assert config.get("os_version") == ("10.0.20348.2402" if repository == "demo/windows" else None)


async def test_indexes_deeper_than_the_limit_are_not_walked() -> None:
    repository = Repository("an/index")
    item = repository.image(layers=[])
    for _ in range(3):
        item = repository.index([point_to(item)])
    repository.tag(item, "1.0")
    with InMemoryRegistry() as registry:
        registry.seed([repository])
        async with asking(registry) as oci:
            assert (await get_config(oci, "an/index"))["platform"] == "linux/amd64"
        async with asking(registry, limits={"index_depth": 2}) as oci:
            with pytest.raises(NotFound, match=r"platforms: none known \(indexes are nested deeper than 2"):
                await get_config(oci, "an/index")


async def test_children_of_unknown_platform_are_read_up_to_a_limit_and_the_rest_is_told() -> None:
    repository = Repository("an/index")
    children = [repository.image(layers=[], architecture=f"cpu{number}") for number in range(12)]
    repository.tag(repository.index([point_to(child) for child in children]), "1.0")
    with InMemoryRegistry() as registry:
        registry.seed([repository])
        async with asking(registry, limits={"configs": 3}) as oci:
            config = await get_config(oci, "an/index", platform="cpu2")
            assert config["warnings"] == ["9 entries of unknown platform were not read"]
            with pytest.raises(NotFound, match=r"platforms: linux/cpu0, linux/cpu1, linux/cpu2$"):
                await get_config(oci, "an/index", platform="cpu7")


@pytest.mark.parametrize(
    ("repository", "reference", "kind"),
    [
        ("demo/chart", "0.1.0", r"an artifact \(application/vnd.cncf.helm.config.v1\+json\)"),
        ("demo/artifact", "1.0", r"an artifact \(application/vnd.example.report\+json\)"),
        ("demo/oldartifact", "1.0", r"an artifact \(application/vnd.example.old\)"),
        ("demo/unknown", "1.0", r"of an unknown kind \(application/vnd.example.thing.v1\+json\)"),
    ],
)
async def test_what_is_no_image_is_said_to_be_none(repository: str, reference: str, kind: str) -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            with pytest.raises(BadAnswer, match=rf"^NOT_AN_IMAGE: .* is {kind} and no image"):
                await get_config(oci, repository, reference)


async def test_a_child_that_claims_to_be_an_image_and_is_an_artifact_is_none() -> None:
    repository = Repository("an/index")
    report = repository.artifact("application/vnd.example.report", b"{}")
    platform = {"os": "linux", "architecture": "amd64"}
    repository.tag(repository.index([point_to(report, platform=platform)]), "1.0")
    with InMemoryRegistry() as registry:
        registry.seed([repository])
        async with asking(registry) as oci:
            with pytest.raises(BadAnswer, match=r"^NOT_AN_IMAGE"):
                await get_config(oci, "an/index")


async def test_a_child_that_is_missing_is_an_error() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data(many=0, parallel=0))
        async with asking(registry) as oci:
            with pytest.raises(NotFound, match=r"^MANIFEST_UNKNOWN"):
                await get_config(oci, "demo/sparse", platform="linux/arm64")
            assert (await get_config(oci, "demo/sparse"))["platform"] == "linux/amd64"


async def test_an_index_that_calls_an_image_by_another_platform_is_warned_of() -> None:
    repository = Repository("an/index")
    image = repository.image(layers=[], architecture="amd64")
    repository.tag(repository.index([point_to(image, platform={"os": "linux", "architecture": "arm64"})]), "1.0")
    with InMemoryRegistry() as registry:
        registry.seed([repository])
        async with asking(registry) as oci:
            config = await get_config(oci, "an/index")
        assert config["warnings"] == ["the index says that this image is for linux/arm64, its config says linux/amd64"]


async def test_the_first_of_several_images_for_one_platform_is_taken_with_a_warning() -> None:
    platforms = [
        {"os": "windows", "architecture": "amd64", "os.version": version}
        for version in ("10.0.26100.1", "10.0.20348.1")
    ]
    with InMemoryRegistry() as registry:
        registry.seed([index_of("an/index", *platforms)])
        async with asking(registry) as oci:
            config = await get_config(oci, "an/index")
        assert config["labels"] == {"for": "windows/amd64/10.0.26100.1"}
        assert config["warnings"] == ["2 images are for windows/amd64; this is the first of them"]
