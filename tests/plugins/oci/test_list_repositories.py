"""The repositories of a registry: pages, prefixes, cursors, and registries that list none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

import anyio
import pytest

from fuseboard_oci import tools
from fuseboard_oci.errors import Blocked, InvalidInput, RateLimited, Unreachable
from fuseboard_oci.reading.catalogue import MAX_PAGES, Repositories
from fuseboard_oci.testing import InMemoryRegistry, LoopbackServer, Repository
from fuseboard_oci.testing.http import Request, Response
from tests.plugins.oci.debian_registry import DebianRegistry
from tests.plugins.oci.helpers import ALICE, PATIENCE, Oci, asking, asking_nobody

pytestmark = pytest.mark.anyio

NAMES = sorted(f"{team}/app{number:02}" for team in ("blue", "green", "red") for number in range(10))


class Catalogue(LoopbackServer):
    """A registry of which only the catalogue matters.

    Args:
        page: makes the answer from the parameters `last` (empty at first) and `n`.
    """

    def __init__(self, page: Callable[[str, int], Response]) -> None:
        super().__init__()
        self._page = page

    def respond(self, request: Request) -> Response:
        """Answer a request."""
        return self._page(request.query.get("last", ""), int(request.query["n"]))


def names(*rows: object, link: str = "") -> Response:
    """A page of the catalogue."""
    headers = [("Link", f'<{link}>; rel="next"')] if link else []
    return Response(200, headers, json.dumps({"repositories": rows}).encode())


def filled(registry: InMemoryRegistry) -> InMemoryRegistry:
    """Put thirty repositories in."""
    for name in NAMES:
        repository = Repository(name)
        repository.tag(repository.image(layers=[]), "1.0")
        registry.seed([repository])
    return registry


async def listed(oci: Oci, **arguments: Any) -> Repositories:
    """The result of `list_repositories`."""
    return await tools.list_repositories(oci.context, **{"registry": oci.registry, **arguments})


async def all_of(oci: Oci, **arguments: Any) -> list[str]:
    """The names of every page, by following `next_cursor`."""
    found: list[str] = []
    cursor: str | None = None
    with anyio.fail_after(PATIENCE):
        while True:
            result = await listed(oci, cursor=cursor, **arguments)
            found += result.repositories
            cursor = result.next_cursor
            if cursor is None:
                return found


@pytest.mark.parametrize("auth", ["none", "basic", "token"])
async def test_the_repositories_are_listed_in_one_page(auth: Literal["none", "basic", "token"]) -> None:
    with filled(InMemoryRegistry(auth=auth)) as registry:
        async with asking(registry, **ALICE) as oci:
            result = await listed(oci)
    assert result.model_dump() == {"supported": True, "repositories": NAMES}


@pytest.mark.parametrize("link", ["rfc", "unquoted", "absolute", "none"])
@pytest.mark.parametrize("limit", [1, 7, 10, 30])
async def test_a_cursor_reads_on_and_every_name_comes_once(
    link: Literal["rfc", "unquoted", "absolute", "none"], limit: int
) -> None:
    with filled(InMemoryRegistry(link=link)) as registry:
        async with asking(registry) as oci:
            first = await listed(oci, limit=limit)
            assert first.repositories == NAMES[:limit]
            assert await all_of(oci, limit=limit) == NAMES


async def test_pages_that_the_registry_makes_smaller_are_put_together() -> None:
    with filled(InMemoryRegistry(max_n=4)) as registry:
        async with asking(registry) as oci:
            result = await listed(oci, limit=10)
        assert result.repositories == NAMES[:10]
        assert result.next_cursor == NAMES[9]
        assert len(registry.log) == 3


async def test_a_registry_that_ignores_the_page_size_is_still_cut_at_the_limit() -> None:
    with Catalogue(lambda last, n: names(*(name for name in NAMES if name > last))) as registry:
        async with asking(registry) as oci:
            assert (await listed(oci, limit=29)).next_cursor == NAMES[28]
            assert await all_of(oci, limit=7) == NAMES


async def test_a_prefix_is_looked_for_on_later_pages_too() -> None:
    with filled(InMemoryRegistry(max_n=4)) as registry:
        async with asking(registry) as oci:
            result = await listed(oci, prefix="green/", limit=3)
            rest = await listed(oci, prefix="green/", cursor=result.next_cursor)
            nothing = await listed(oci, prefix="yellow/")
    assert result.repositories == NAMES[10:13]
    assert rest.repositories == NAMES[13:20]
    assert (nothing.supported, nothing.repositories, nothing.next_cursor) == (True, [], None)


async def test_a_cursor_comes_only_when_something_is_left() -> None:
    with filled(InMemoryRegistry()) as registry:
        async with asking(registry) as oci:
            some = await listed(oci, prefix="green/", limit=9)
            whole = await listed(oci, prefix="green/", limit=10)
    assert (some.repositories, some.next_cursor) == (NAMES[10:19], NAMES[18])
    assert (whole.repositories, whole.next_cursor) == (NAMES[10:20], None)


async def test_after_twenty_pages_a_cursor_says_where_to_read_on() -> None:
    with filled(InMemoryRegistry(max_n=1)) as registry:
        async with asking(registry) as oci:
            result = await listed(oci, prefix="red/")
            rest = await listed(oci, prefix="red/", cursor=result.next_cursor)
        assert len(registry.log) == MAX_PAGES + 10
    assert (result.repositories, result.next_cursor) == ([], NAMES[19])
    assert rest.repositories == NAMES[20:]


@pytest.mark.parametrize("registry", ["docker.io", "registry.hub.docker.com", "ghcr.io"])
async def test_docker_hub_and_ghcr_list_none_and_are_not_asked(registry: str) -> None:
    async with asking_nobody() as oci:
        result = await listed(oci, registry=registry)
    assert not result.supported
    assert result.reason is not None
    assert "no list of its repositories" in result.reason


@pytest.mark.parametrize("status", [400, 404, 405, 501])
async def test_a_registry_without_a_catalogue_is_an_answer(status: int) -> None:
    with Catalogue(lambda last, n: Response(status)) as registry:
        async with asking(registry) as oci:
            result = await listed(oci)
        assert result.model_dump() == {
            "supported": False,
            "reason": f"{registry.host} keeps no list of its repositories",
            "repositories": [],
        }


@pytest.mark.parametrize("auth", ["basic", "token"])
async def test_a_catalogue_that_wants_a_login_says_so(auth: Literal["basic", "token"]) -> None:
    with filled(InMemoryRegistry(auth=auth)) as registry:
        async with asking(registry) as oci:
            result = await listed(oci)
        async with asking(registry, username="alice", password="hunter2") as oci:
            refused = await listed(oci)
    for one in (result, refused):
        assert not one.supported
        assert one.reason is not None
        assert "only after a login that it accepts" in one.reason
        assert "hunter2" not in one.reason


async def test_a_login_without_the_right_to_the_catalogue_says_so() -> None:
    with Catalogue(lambda last, n: Response(403)) as registry:
        async with asking(registry) as oci:
            result = await listed(oci)
    assert result.reason is not None
    assert "does not let this login list" in result.reason


async def test_names_that_are_no_repositories_are_dropped() -> None:
    odd = ["good", "../../x", None, 7, "Upper", "abc\u202etxt", "a" * 300, "", {"name": "x"}, "good", "also/good"]
    with Catalogue(lambda last, n: names(*odd)) as registry:
        async with asking(registry) as oci:
            result = await listed(oci)
    assert result.model_dump() == {"supported": True, "repositories": ["good", "also/good"]}


@pytest.mark.parametrize("rows", [("one", "two"), (), ("../x",)])
async def test_a_registry_that_repeats_its_pages_is_not_asked_for_ever(rows: tuple[str, ...]) -> None:
    with Catalogue(lambda last, n: names(*rows, link="/v2/_catalog?page=2")) as registry:
        async with asking(registry) as oci:
            result = await listed(oci)
        assert len(registry.log) <= 2
    assert result.repositories == [name for name in rows if name != "../x"]
    assert result.warnings == ["the registry repeats its pages; there may be more repositories"]
    assert result.next_cursor is None


async def test_a_registry_that_makes_names_up_without_an_end_is_asked_for_twenty_pages() -> None:
    def page(last: str, n: int) -> Response:
        start = int(last or "0") + 1
        return names(*(str(number) for number in range(start, start + n)))

    with Catalogue(page) as registry:
        async with asking(registry) as oci:
            result = await listed(oci, prefix="x")
        assert len(registry.log) == MAX_PAGES
    assert result.next_cursor == "20000"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"repositories": 7}', b"[" * 200_000])
async def test_an_answer_that_is_no_catalogue_is_none(body: bytes) -> None:
    with Catalogue(lambda last, n: Response(200, [], body)) as registry:
        async with asking(registry) as oci:
            assert not (await listed(oci)).supported


async def test_an_empty_registry_has_an_empty_list() -> None:
    with Catalogue(lambda last, n: Response(200, [], b'{"repositories": null}')) as registry:
        async with asking(registry) as oci:
            result = await listed(oci)
    assert result.model_dump() == {"supported": True, "repositories": []}


async def test_a_registry_that_fails_or_limits_is_an_error() -> None:
    status = [500]
    with Catalogue(lambda last, n: Response(status[0], [("Retry-After", "30")])) as registry:
        async with asking(registry) as oci:
            with pytest.raises(Unreachable, match=r"^HTTP_ERROR"):
                await listed(oci)
            status[0] = 429
            with pytest.raises(RateLimited, match=r"^TOOMANYREQUESTS.*30 s"):
                await listed(oci)


async def test_a_malformed_question_is_not_sent() -> None:
    async with asking_nobody() as oci:
        with pytest.raises(InvalidInput, match=r"^INVALID_REGISTRY"):
            await listed(oci, registry="https://ghcr.io/v2/")
        with pytest.raises(InvalidInput, match=r"^INVALID_REPOSITORY.*next_cursor"):
            await listed(oci, registry="quay.io", cursor="a&n=1")
        with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS"):
            await listed(oci, registry="127.0.0.1:5000")


@pytest.mark.external
async def test_docker_registry_is_read_page_by_page(open_registry: DebianRegistry) -> None:
    async with asking(open_registry.host) as oci:
        found = await all_of(oci, limit=3)
        whole = await listed(oci, limit=1000)
        charts = await listed(oci, prefix="demo/ch")
    assert found == whole.repositories == sorted(found)
    assert {"demo/app", "demo/single", "private/secret"} <= set(found)
    assert charts.repositories == ["demo/chart"]


@pytest.mark.external
async def test_docker_registry_with_passwords_lists_for_those_who_have_one(basic_registry: DebianRegistry) -> None:
    async with asking(basic_registry.host) as oci:
        assert not (await listed(oci)).supported
    async with asking(basic_registry.host, **ALICE) as oci:
        assert "private/secret" in (await listed(oci)).repositories
