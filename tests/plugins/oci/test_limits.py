"""Limits, retries and redirects."""

from __future__ import annotations

import json
import threading
import tracemalloc
from functools import partial

import anyio
import anyio.to_thread
import httpx2
import pytest

from fuseboard_oci.config import Limits
from fuseboard_oci.errors import BadAnswer, Blocked, RateLimited, Unreachable
from fuseboard_oci.failures import RateLimit
from fuseboard_oci.paging import TagPages
from fuseboard_oci.reference import Image
from fuseboard_oci.testing import HostileRegistry, InMemoryRegistry, LoopbackServer, Sink, seed_data
from fuseboard_oci.testing.http import Request, Response
from fuseboard_oci.transport.wire import Answer
from tests.plugins.oci.helpers import PATIENCE, asking, nobody

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("repository", "code"),
    [
        ("redirect-sink", "BLOCKED_SCHEME"),
        ("redirect-file", "BLOCKED_SCHEME"),
        ("redirect-rubbish", "BLOCKED_REDIRECT"),
    ],
)
async def test_a_redirect_to_where_nothing_may_be_asked_is_not_followed(repository: str, code: str) -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry) as oci:
            with pytest.raises(Blocked, match=f"^{code}"):
                await oci.details(repository)
        assert sink.log == []


async def test_a_redirect_in_a_circle_ends_after_six_requests() -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry) as oci:
            with pytest.raises(BadAnswer, match=r"^TOO_MANY_REDIRECTS"):
                await oci.details("redirect-self")
        assert len(registry.log) == 6


async def test_a_registry_that_drips_is_left_at_the_deadline_of_the_request() -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry, limits={"request_timeout": 0.3}) as oci:
            # The other limits are minutes.
            with anyio.fail_after(30):
                with pytest.raises(Unreachable, match=r"^TIMEOUT: .* did not answer in time"):
                    await oci.details("slow")


@pytest.mark.parametrize("repository", ["endless", "gzip-bomb"])
async def test_a_body_without_an_end_costs_little_memory(repository: str) -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry) as oci:
            tracemalloc.start()
            try:
                with pytest.raises(BadAnswer):
                    await oci.details(repository)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
    # The bomb's 16 MiB, packed by the same process, are not unpacked; the endless body is left at 4 MiB.
    assert peak < 24 * 2**20


async def test_what_is_no_tag_costs_no_memory_however_long_it_is_and_however_many_pages_have_one() -> None:
    pages = TagPages(httpx2.URL("https://ghcr.io/v2/x/tags/list"), Limits())
    tracemalloc.start()
    try:
        for number in range(100):
            link = httpx2.Headers({"link": f"</v2/x/tags/list?page={number}>; rel=next"})
            body = b'{"tags": ["%d%s", "t%d"]}' % (number, b"x" * 2**20, number)
            assert pages.url is not None
            pages.add(Answer(200, link, body, pages.url))
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < 2 * 2**20
    assert len(pages.result().tags) == 100


@pytest.mark.parametrize(("rows", "text", "pages"), [(4, 0, 3), (1, 4000, 3), (1, 0, 10), (20, 0, 1)])
async def test_referrers_are_read_up_to_a_size_and_the_rest_is_said_to_be_missing(
    rows: int, text: int, pages: int
) -> None:
    """A row counts as a kilobyte at least: ten of those, or ten kilobytes of text."""

    class Endless(LoopbackServer):
        def respond(self, request: Request) -> Response:
            number = len(self.log)
            found = [{"digest": f"sha256:{number:032x}{row:032x}", "x": "y" * text} for row in range(rows)]
            link = ("Link", f'<{request.path}?page={number}>; rel="next"')
            return Response(200, [link], json.dumps({"manifests": found}).encode())

    with Endless() as registry:
        async with asking(registry, limits={"list_bytes": 10 * 2**10}) as oci:
            image = Image(oci.registry, "demo/app", "1.0")
            found = await oci.client.registry(oci.registry).referrers(image, f"sha256:{'0' * 64}")
        assert found is not None
        assert (len(found.rows), found.complete) == (rows * pages, False)
        assert len(registry.log) == pages


async def test_a_call_of_many_requests_has_a_deadline_of_its_own() -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry, limits={"call_timeout": 0.3}) as oci:
            with pytest.raises(Unreachable, match=r"^TIMEOUT: reading .*slow took longer than 0\.3 s"):
                await oci.details("slow")


async def test_a_server_error_is_tried_twice_and_then_reported() -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry) as oci:
            with pytest.raises(Unreachable, match=r"^HTTP_ERROR: .* answered 500"):
                await oci.details("error")
        assert len(registry.log) == 2


async def test_a_server_that_fails_every_second_time_is_good_enough() -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry) as oci:
            assert (await oci.details("every-second")).kind == "image"


@pytest.mark.case(40)
async def test_a_rate_limit_says_when_to_come_back_and_shows_no_escape_sequence() -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry) as oci:
            with pytest.raises(RateLimited, match=r"^TOOMANYREQUESTS: .*in 30 s; 76 pulls left") as caught:
                await oci.details("rate")
        assert len(registry.log) == 1
        assert str(caught.value).isprintable()


async def test_the_in_memory_registry_limits_the_rate_of_manifests() -> None:
    with InMemoryRegistry(rate=1) as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            await oci.details("demo/multi")
            with pytest.raises(RateLimited, match="0 pulls left of a window of 21600 s"):
                await oci.details("demo/single")


async def test_what_a_registry_said_about_its_limit_is_kept_until_it_says_something_else() -> None:
    """A list of tags does not count, and comes without the headers."""
    with InMemoryRegistry(rate=5) as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            asks = oci.client.registry(oci.registry)
            assert asks.rate_limit is None
            await oci.details("demo/single")
            await oci.tags("demo/single")
            assert asks.rate_limit == RateLimit(limit=5, remaining=4, window=21600)
            await oci.details("demo/chart", "0.1.0")
            assert oci.client.registry(oci.registry).rate_limit == RateLimit(limit=5, remaining=3, window=21600)


async def test_a_registry_that_is_not_there_is_named() -> None:
    with nobody() as host:
        async with asking(host) as oci:
            with pytest.raises(Unreachable, match=rf"^HTTP_ERROR: {host} cannot be reached"):
                await oci.tags("demo/app")


async def test_fifty_images_are_read_side_by_side_with_at_most_16_connections_busy() -> None:
    with InMemoryRegistry(auth="token") as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            with anyio.fail_after(PATIENCE):
                async with anyio.create_task_group() as group:
                    for number in range(50):
                        group.start_soon(oci.details, f"demo/par{number:02}")
            limiter = oci.client.known(oci.registry).limiter
            assert (limiter.total_tokens, limiter.borrowed_tokens) == (16, 0)
        assert len(registry.log) == 150


async def test_what_is_kept_about_registries_is_bounded_but_for_those_that_are_named_or_busy() -> None:
    async with asking("named.example") as oci:
        client = oci.client
        named, busy, idle = (client.known(name) for name in ("named.example", "busy.example", "idle.example"))
        async with busy.limiter:
            for number in range(1000):
                client.known(f"r{number}.example")
            assert client.known("named.example") is named
            assert client.known("busy.example") is busy
            assert client.known("idle.example") is not idle
        assert len(client._known) < 300


async def test_a_call_that_waits_for_its_place_ends_with_the_time_of_the_call_and_not_of_a_request() -> None:
    """The registry has not been asked yet, so that nothing can be said about how long it takes."""
    with Sink() as sink, HostileRegistry(sink) as registry:
        limits = {"parallel": 1, "request_timeout": 0.2, "call_timeout": 0.6}
        async with asking(registry, limits=limits) as oci:
            await oci.client.known(oci.registry).limiter.acquire_on_behalf_of("somebody else")
            with anyio.fail_after(PATIENCE):
                with pytest.raises(Unreachable, match=r"^TIMEOUT: reading .* took longer than 0\.6 s"):
                    await oci.details("no-digest")
        assert registry.log == []


async def test_a_registry_that_was_not_asked_because_others_are_slow_is_not_blamed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Dripping(LoopbackServer):
        def respond(self, request: Request) -> Response:
            dripping.set()
            return Response(200, body=iter(lambda: b"" if self.stopping.wait(0.02) else b" ", b""))

    dripping = threading.Event()
    monkeypatch.setattr("fuseboard_oci.transport.wire._CONNECTIONS", 1)
    with Dripping() as slow, InMemoryRegistry() as registry:
        registry.seed(seed_data())
        options = {"registries": {slow.host: {"insecure": True}, registry.host: {"insecure": True}}}
        async with asking(registry, limits={"read_timeout": 90}, options=options) as oci:
            http = oci.client._wire._client
            assert (http.timeout.read, http.timeout.pool) == (90, 90)
            with anyio.fail_after(PATIENCE):
                async with anyio.create_task_group() as group:
                    group.start_soon(partial(oci.tags, "demo/app", registry=slow.host))
                    assert await anyio.to_thread.run_sync(dripping.wait, PATIENCE)
                    # Shorter from now on, and only for who waits for a connection: the slow one must keep its own.
                    http.timeout = httpx2.Timeout(90, pool=0.3)
                    with pytest.raises(Unreachable, match=rf"^TIMEOUT: {registry.host} was not asked"):
                        await oci.tags("demo/app")
                    group.cancel_scope.cancel()
        assert registry.log == []


async def test_a_cancelled_call_closes_its_connection_and_frees_its_place() -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry) as oci:
            with anyio.move_on_after(0.2) as scope:
                await oci.details("slow")
            assert scope.cancelled_caught
            assert oci.client.known(oci.registry).limiter.borrowed_tokens == 0
            assert (await oci.details("no-digest")).kind == "image"
