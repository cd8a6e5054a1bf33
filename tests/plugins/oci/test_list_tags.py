"""Listing tags, past what real registries do differently."""

from __future__ import annotations

import anyio
import pytest

from fuseboard_oci.errors import BadAnswer, Blocked, NotFound, OciError
from fuseboard_oci.testing import HostileRegistry, InMemoryRegistry, Sink, seed_data
from tests.plugins.oci.helpers import PATIENCE, asking, asking_nobody

pytestmark = pytest.mark.anyio


@pytest.mark.case(1)
async def test_the_tags_of_a_repository_come_newest_first() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            assert await oci.tags("demo/app") == ["2.0.0-rc.1", "1.1.0", "1.0.0"]
            many = await oci.tags("demo/manytags")
    assert many[:5] == ["10.0.0", "9.9.9", "v2.0.1", "2.0.0", "v2.0.0-rc.2"]
    # The first with a flavour, what is left behind the versions, and the hash at the very end.
    assert next(tag for tag in many if tag.endswith("-alpine")) == "0.3.93-alpine"
    assert many[-5:] == ["edge", "latest", "nightly", "stable", "sha-0a1b2c3"]


@pytest.mark.parametrize(
    ("switches", "page_size", "requests"),
    [
        pytest.param({"ignore_n": True}, 100, 1, marks=pytest.mark.case(2)),
        pytest.param({"link": "rfc"}, 100, 12, marks=pytest.mark.case(3)),
        pytest.param({"link": "rfc", "max_n": 7}, 100, 172, marks=pytest.mark.case(3)),
        pytest.param({"link": "unquoted"}, 100, 12, marks=pytest.mark.case(4)),
        pytest.param({"link": "absolute"}, 100, 12, marks=pytest.mark.case(5)),
        pytest.param({"link": "none"}, 100, 13, marks=pytest.mark.case(6)),
        pytest.param({"link": "none"}, 1000, 2, marks=pytest.mark.case(6)),
        ({"link": "rfc"}, 2000, 2),
    ],
)
async def test_all_1200_tags_come_once_each_however_the_registry_pages(
    switches: dict[str, object], page_size: int, requests: int
) -> None:
    """Ignored page size, clamped page size, links in three spellings, and full pages without any link."""
    with InMemoryRegistry(**switches) as registry:  # type: ignore[arg-type]
        registry.seed(seed_data())
        held = registry.store.get("demo/manytags")
        assert held is not None
        async with asking(registry, limits={"page_size": page_size}) as oci:
            listed = await oci.tags("demo/manytags")
            assert sorted(listed) == sorted(held.tags)
        assert len(held.tags) == 1200
        assert len(registry.log) == requests


async def test_limit_cuts_the_list_and_a_note_tells_how_to_read_on() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            whole = await oci.tags("demo/manytags")
            result = await oci.tags_result("demo/manytags", limit=200)
            assert result.structured_content == {"result": whole[:200]}
            assert result.content[1].text == (
                f"200 of 1200 tags. Read on with last={whole[199]}, set a larger limit, or search with oci_find_tags."
            )
            rest = await oci.tags("demo/manytags", last=whole[199])
            assert whole[:200] + rest == whole


async def test_reading_on_after_a_tag_that_is_gone_says_to_start_again() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            assert await oci.tags("demo/app", last="1.0.0") == []
            with pytest.raises(NotFound, match=r"^NOT_FOUND: `last` is 0\.9\.0, .*start again without it"):
                await oci.tags("demo/app", last="0.9.0")


async def test_a_complete_list_carries_no_note() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            result = await oci.tags_result("demo/app")
            assert [block.text for block in result.content] == ['["2.0.0-rc.1","1.1.0","1.0.0"]']


async def test_a_full_reference_stands_for_registry_and_repository() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            tags = await oci.tags(f"{registry.host}/demo/app:1.0.0", registry=None)
            assert tags == ["2.0.0-rc.1", "1.1.0", "1.0.0"]


async def test_bookkeeping_tags_of_signatures_are_hidden() -> None:
    with InMemoryRegistry() as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            assert await oci.tags("demo/signed") == ["1.0"]


@pytest.mark.parametrize("null_tags", [pytest.param(True, marks=pytest.mark.case(7)), False])
async def test_a_repository_whose_tags_were_all_deleted_is_an_empty_list(null_tags: bool) -> None:
    with InMemoryRegistry(null_tags=null_tags) as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            result = await oci.tags_result("demo/emptied")
            assert result.structured_content == {"result": []}
            assert "does not exist" in result.content[1].text


@pytest.mark.case(8)
async def test_an_unknown_repository_is_an_error_where_the_registry_tells() -> None:
    with InMemoryRegistry() as registry:
        async with asking(registry) as oci:
            with pytest.raises(NotFound, match=r"^NAME_UNKNOWN: .*no/such"):
                await oci.tags("no/such")


@pytest.mark.case(8)
async def test_an_unknown_repository_is_empty_where_the_registry_does_not_tell() -> None:
    with InMemoryRegistry(unknown_is_empty=True) as registry:
        async with asking(registry) as oci:
            result = await oci.tags_result("no/such")
            assert result.structured_content == {"result": []}
            assert "does not exist" in result.content[1].text


@pytest.mark.case(9)
async def test_a_link_to_the_same_page_ends_after_two_requests() -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry) as oci:
            with pytest.raises(BadAnswer, match=r"^PAGINATION_LOOP"):
                await oci.tags("link-self")
        assert len(registry.log) == 2


@pytest.mark.case(10)
@pytest.mark.parametrize("repository", ["link-sink", "link-outside"])
async def test_a_link_to_another_place_is_not_followed(repository: str) -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry) as oci:
            with pytest.raises(Blocked, match=r"^BLOCKED_LINK"):
                await oci.tags(repository)
        assert sink.log == []
        assert len(registry.log) == 1


@pytest.mark.case(11)
async def test_endless_pages_are_cut_and_flagged() -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry) as oci:
            with anyio.fail_after(PATIENCE):
                result = await oci.tags_result("link-endless")
            assert len(result.structured_content["result"]) == 20_000
            assert "more tags than the 20000" in result.content[1].text
        assert len(registry.log) == 20, "a thousand new tags on each page, and no page more"


async def test_the_number_of_pages_is_limited_as_well() -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry, limits={"pages": 3}) as oci:
            assert len(await oci.tags("link-endless")) == 3000
        assert len(registry.log) == 3


@pytest.mark.case(12)
async def test_values_that_are_no_tags_are_dropped() -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry) as oci:
            assert await oci.tags("odd-tags") == ["good"]
            assert await oci.tags("null-tags") == []


async def test_a_page_that_is_no_list_of_tags_is_an_error() -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry) as oci:
            with pytest.raises(BadAnswer, match=r"^NOT_A_TAG_LIST"):
                await oci.tags("html")


async def test_last_must_be_a_tag() -> None:
    async with asking_nobody() as oci:
        with pytest.raises(OciError, match=r"^INVALID_REFERENCE"):
            await oci.tags("library/alpine", registry=None, last="../x")


async def test_ping_asks_nobody() -> None:
    from fuseboard_oci.tools import ping

    assert await ping() == "pong"


async def test_a_link_that_is_no_url_is_an_error() -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry) as oci:
            with pytest.raises(BadAnswer, match=r"^BAD_LINK: .*no URL"):
                await oci.tags("link-rubbish")
