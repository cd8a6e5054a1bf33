"""No body is read beyond its limit, whatever the status, and whoever asked for it."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable, Iterable, Iterator

import anyio
import httpx2
import pytest

from fuseboard_oci.config import OciSettings
from fuseboard_oci.errors import BadAnswer, OciError
from fuseboard_oci.testing import HostileRegistry, LoopbackServer, Sink
from fuseboard_oci.testing.http import Request, Response
from fuseboard_oci.transport.policy import HostPolicy
from fuseboard_oci.transport.wire import Answer, Ask, Method, Wire
from tests.plugins.oci.helpers import ALICE, PATIENCE, asking

pytestmark = pytest.mark.anyio

LIMIT = 1000
ERROR_LIMIT = 500


class Fixed(LoopbackServer):
    """A server that always gives the same answer."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self._answer = answer

    def respond(self, request: Request) -> Response:
        """The fixed answer."""
        return self._answer


async def fetch(server: LoopbackServer, *methods: Method) -> list[Answer]:
    """The answers of a server to requests with these methods, one after the other."""
    settings = OciSettings.model_validate(
        {
            "registries": {server.host: {"insecure": True}},
            "limits": {"error_bytes": ERROR_LIMIT, "retry_delay": 0, "request_timeout": 60},
        }
    )
    with anyio.fail_after(PATIENCE):
        async with Wire(settings, HostPolicy(settings)) as wire:
            ask = [Ask(method, httpx2.URL(f"{server.url}/x"), LIMIT, server.host) for method in methods]
            return [await wire.fetch(one) for one in ask]


def in_chunks(body: bytes) -> Iterable[bytes]:
    """The same bytes, sent without saying how many will come."""
    return [body[start : start + 300] for start in range(0, len(body), 300)]


def endless() -> Iterator[bytes]:
    """Spaces for ever."""
    while True:
        yield b" " * 65536


@pytest.mark.parametrize("form", [bytes, in_chunks])
@pytest.mark.parametrize("size", [0, 1, LIMIT - 1, LIMIT])
async def test_a_body_up_to_its_limit_is_read_whole(
    form: Callable[[bytes], bytes | Iterable[bytes]], size: int
) -> None:
    with Fixed(Response(200, body=form(b"x" * size))) as server:
        [answer] = await fetch(server, "GET")
        assert answer.body == b"x" * size


@pytest.mark.parametrize("form", [bytes, in_chunks])
async def test_one_byte_more_than_the_limit_is_an_error_that_names_the_host(
    form: Callable[[bytes], bytes | Iterable[bytes]],
) -> None:
    with Fixed(Response(200, body=form(b"x" * (LIMIT + 1)))) as server:
        with pytest.raises(BadAnswer, match=rf"^TOO_LARGE: 127\.0\.0\.1 sent more than {LIMIT} bytes"):
            await fetch(server, "GET")
        assert len(server.log) == 1


@pytest.mark.parametrize("status", [400, 404, 418])
@pytest.mark.parametrize(("size", "kept"), [(ERROR_LIMIT, ERROR_LIMIT), (ERROR_LIMIT + 1, ERROR_LIMIT), (0, 0)])
async def test_of_the_body_of_an_error_the_beginning_is_kept(status: int, size: int, kept: int) -> None:
    with Fixed(Response(status, body=b"x" * size)) as server:
        [answer] = await fetch(server, "GET")
        assert (answer.status, answer.body) == (status, b"x" * kept)


@pytest.mark.parametrize("status", [206, 226])
async def test_every_kind_of_success_has_the_limit_of_one(status: int) -> None:
    with Fixed(Response(status, body=endless())) as server, pytest.raises(BadAnswer, match=r"^TOO_LARGE"):
        await fetch(server, "GET")


@pytest.mark.parametrize("status", [300, 307, 400, 401, 404, 429, 500])
async def test_an_error_without_an_end_is_left_after_its_beginning(status: int) -> None:
    with Fixed(Response(status, body=endless())) as server:
        [answer] = await fetch(server, "GET")
        assert (answer.status, len(answer.body)) == (status, ERROR_LIMIT)


@pytest.mark.parametrize(
    ("repository", "code"),
    [
        ("endless", "TOO_LARGE"),
        ("endless-401", "UNAUTHORIZED"),
        ("endless-404", "MANIFEST_UNKNOWN"),
        ("endless-500", "HTTP_ERROR"),
        ("endless-redirect", "TOO_MANY_REDIRECTS"),
        ("token-endless", "TOO_LARGE"),
        ("token-refuses-endlessly", "UNAUTHORIZED"),
    ],
)
@pytest.mark.parametrize("login", [{}, ALICE])
async def test_no_answer_without_an_end_costs_memory_or_time(repository: str, code: str, login: dict[str, str]) -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry, **login) as oci:
            tracemalloc.start()
            try:
                # Not longer: whoever keeps what is sent would fill the memory until then.
                with anyio.fail_after(20):
                    with pytest.raises(OciError, match=f"^{code}: "):
                        await oci.details(repository)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
    assert peak < 16 * 2**20


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "deflate", "zstd", "identity, gzip", "x\x7fy"])
async def test_a_packed_success_is_refused_without_unpacking(encoding: str) -> None:
    body = gzip.compress(b"x" * 10)
    with Fixed(Response(200, [("Content-Encoding", encoding)], body)) as server:
        with pytest.raises(BadAnswer, match=r"^BAD_ENCODING: .*though none was asked") as caught:
            await fetch(server, "GET")
        assert str(caught.value).isprintable()


async def test_two_headers_do_not_hide_a_packed_body() -> None:
    headers = [("Content-Encoding", "identity"), ("Content-Encoding", "gzip")]
    with Fixed(Response(200, headers, gzip.compress(b"x"))) as server, pytest.raises(BadAnswer, match=r"^BAD_ENCODING"):
        await fetch(server, "GET")


@pytest.mark.parametrize("encoding", ["identity", "Identity", " identity ", ""])
async def test_a_body_that_says_it_is_not_packed_is_fine(encoding: str) -> None:
    with Fixed(Response(200, [("Content-Encoding", encoding)], b"plain")) as server:
        [answer] = await fetch(server, "GET")
        assert answer.body == b"plain"


@pytest.mark.parametrize("status", [401, 404, 500])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "rubbish"])
async def test_a_packed_error_counts_by_its_status_alone(status: int, encoding: str) -> None:
    """Unpacked it would be 4 MiB."""
    packed = gzip.compress(b" " * 2**22)
    with Fixed(Response(status, [("Content-Encoding", encoding)], packed)) as server:
        [answer] = await fetch(server, "GET")
        assert (answer.status, answer.body, "content-encoding" in answer.headers) == (status, b"", False)


async def test_a_packed_token_is_refused() -> None:
    class Packed(LoopbackServer):
        def respond(self, request: Request) -> Response:
            if request.path == "/token":
                return Response(200, [("Content-Encoding", "gzip")], gzip.compress(b'{"token": "x"}'))
            return Response(401, [("WWW-Authenticate", f'Bearer realm="{self.url}/token"')])

    with Packed() as registry:
        async with asking(registry) as oci:
            with pytest.raises(BadAnswer, match=r"^BAD_ENCODING"):
                await oci.tags("demo/app")


@pytest.mark.parametrize("status", [200, 404])
async def test_a_head_says_how_long_a_body_would_be_and_nothing_is_read(status: int) -> None:
    with Fixed(Response(status, [("Content-Length", "9999999999")])) as server:
        answers = await fetch(server, "HEAD", "HEAD")
        assert [(answer.status, answer.body) for answer in answers] == [(status, b"")] * 2
        assert server.connections == 1


@pytest.mark.parametrize("status", [200, 401, 404, 500])
async def test_a_small_body_leaves_the_connection_for_the_next_request(status: int) -> None:
    with Fixed(Response(status, body=b"x" * 100)) as server:
        await fetch(server, "GET", "GET", "HEAD", "GET")
        assert server.connections == 1
        assert len(server.log) >= 4


async def test_a_body_that_was_left_unread_costs_its_connection_and_no_more() -> None:
    """What is still under way on it must not be taken for the next answer."""
    with Fixed(Response(404, body=b"x" * (ERROR_LIMIT * 1000))) as server:
        answers = await fetch(server, "GET", "GET")
        assert [answer.body for answer in answers] == [b"x" * ERROR_LIMIT] * 2
        assert server.connections == 2
