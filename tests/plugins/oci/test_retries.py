"""What is asked a second time, after which wait, and what never is."""

from __future__ import annotations

import anyio
import httpx2
import pytest

from fuseboard_oci.config import OciSettings
from fuseboard_oci.errors import BadAnswer, Blocked, OciError, Unreachable
from fuseboard_oci.reference import Image
from fuseboard_oci.testing import HostileRegistry, LoopbackServer, Sink
from fuseboard_oci.testing.http import Raw, Request, Response
from fuseboard_oci.transport.policy import HostPolicy
from fuseboard_oci.transport.wire import Answer, Ask, Method, Wire
from tests.plugins.oci.helpers import PATIENCE, asking, let_pass

pytestmark = pytest.mark.anyio

FINE = Response(200, body=b"fine")
DIGEST = f"sha256:{'0' * 64}"


class InTurn(LoopbackServer):
    """Gives these answers in turn, the last one over and over."""

    def __init__(self, *answers: Response | Raw) -> None:
        super().__init__()
        self._answers = list(answers)

    def respond(self, request: Request) -> Response | Raw:
        """The next answer."""
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits in seconds, none of which is waited for."""
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(anyio, "sleep", sleep)
    return found


async def fetch(server: LoopbackServer, method: Method = "GET", **limits: float) -> Answer:
    """One request with the limits that users have."""
    settings = OciSettings.model_validate({"registries": {server.host: {"insecure": True}}, "limits": limits})
    async with Wire(settings, HostPolicy(settings)) as wire:
        return await wire.fetch(Ask(method, httpx2.URL(f"{server.url}/x"), 1000, server.host))


def slow_down(retry_after: str) -> Response:
    """A 429 that says when to come back."""
    return Response(429, [("Retry-After", retry_after)])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("seconds", ["0", "1", "5", "005"])
async def test_a_short_wait_that_a_registry_asks_for_is_waited(
    waits: list[float], method: Method, seconds: str
) -> None:
    with InTurn(slow_down(seconds), FINE) as server:
        assert (await fetch(server, method)).status == 200
        assert [entry.method for entry in server.log] == [method] * 2
    [wait] = waits
    assert int(seconds) <= wait <= int(seconds) * 1.4


@pytest.mark.parametrize(
    "retry_after", ["6", "30", "99999", "-1", "1.5", "1e0", "soon", "", "Sat, 21 Nov 2026 00:00:01 GMT", "1, 1", "+1"]
)
async def test_any_other_wait_is_the_caller_s_matter(waits: list[float], retry_after: str) -> None:
    with InTurn(slow_down(retry_after), FINE) as server:
        answer = await fetch(server)
        assert (answer.status, answer.headers["retry-after"]) == (429, retry_after)
        assert len(server.log) == 1
    assert waits == []


async def test_a_limit_without_a_time_is_not_waited_for(waits: list[float]) -> None:
    with InTurn(Response(429), FINE) as server:
        assert (await fetch(server)).status == 429
    assert waits == []


async def test_a_registry_that_asks_for_another_wait_gets_none(waits: list[float]) -> None:
    with InTurn(slow_down("1")) as server:
        assert (await fetch(server)).status == 429
        assert len(server.log) == 2
    assert len(waits) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "trouble", [Response(500), Response(502), Response(503), Raw([]), Raw([b"220 mail ESMTP\r\n"])]
)
async def test_a_server_that_fails_is_asked_once_more_after_a_moment(
    waits: list[float], method: Method, trouble: Response | Raw
) -> None:
    with InTurn(trouble, FINE) as server:
        assert (await fetch(server, method)).status == 200
        assert [entry.method for entry in server.log] == [method] * 2
    [wait] = waits
    assert 0.3 <= wait <= 0.42


async def test_a_body_that_breaks_off_is_asked_for_once_more(waits: list[float]) -> None:
    with InTurn(Raw([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"]), FINE) as server:
        assert (await fetch(server)).body == b"fine"
    assert len(waits) == 1


async def test_a_server_that_fails_twice_is_left(waits: list[float]) -> None:
    with InTurn(Response(500), Response(503), FINE) as server:
        assert (await fetch(server)).status == 503
    with InTurn(Raw([]), Raw([]), FINE) as server:
        with pytest.raises(Unreachable, match=r"^HTTP_ERROR: .* cannot be reached"):
            await fetch(server)
        assert len(server.log) == 2
    assert len(waits) == 2


async def test_the_second_try_may_fail_in_another_way(waits: list[float]) -> None:
    with InTurn(Response(503), slow_down("1"), FINE) as server:
        assert (await fetch(server)).status == 429
    with InTurn(Raw([]), Response(503), FINE) as server:
        assert (await fetch(server)).status == 503
    assert len(waits) == 2


@pytest.mark.parametrize("status", [200, 204, 304, 400, 401, 403, 404, 405, 408, 418])
async def test_an_answer_that_a_second_try_would_not_change_is_final(waits: list[float], status: int) -> None:
    with InTurn(Response(status), FINE) as server:
        assert (await fetch(server)).status == status
        assert len(server.log) == 1
    assert waits == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response(200, body=b"x" * 1001), BadAnswer),
        (Response(200, [("Content-Encoding", "gzip")], b"x"), BadAnswer),
        (Response(307, [("Location", "file:///etc/passwd")]), Blocked),
        (Response(307, [("Location", "/x")]), BadAnswer),
    ],
)
async def test_an_answer_that_is_refused_is_not_asked_for_again(
    waits: list[float], answer: Response, error: type[OciError]
) -> None:
    with InTurn(answer) as server:
        with pytest.raises(error):
            await fetch(server, redirects=0)
        assert len(server.log) == 1
    assert waits == []


async def test_a_server_that_says_nothing_is_not_asked_again() -> None:
    with Sink() as sink, HostileRegistry(sink, always="slow-headers") as server:
        # Whoever waits for the end of the request instead waits for minutes.
        with anyio.fail_after(30), pytest.raises(Unreachable, match=r"^TIMEOUT"):
            await fetch(server, read_timeout=0.3, request_timeout=300)
        with anyio.fail_after(PATIENCE):
            while not server.log:  # the thread of the connection may come to it later than our limit
                await anyio.sleep(0.01)
    assert len(server.log) == 1


async def test_the_wait_counts_for_the_time_of_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of the request is over while it waits, and so it never comes to the second try."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        let_pass(300)
        for _ in range(100):
            await anyio.lowlevel.checkpoint()

    monkeypatch.setattr(anyio, "sleep", sleep)
    with InTurn(slow_down("5"), FINE) as server:
        with pytest.raises(Unreachable, match=r"^TIMEOUT"):
            await fetch(server, request_timeout=300)
        assert len(server.log) == 1
    assert len(waits) == 1


async def test_the_second_try_begins_where_the_first_one_began(waits: list[float]) -> None:
    """A redirect may be good for one request only."""
    there = Response(307, [("Location", "/there")])
    with InTurn(there, Response(503), there, FINE) as server:
        assert (await fetch(server)).status == 200
        assert [entry.path for entry in server.log] == ["/x", "/there"] * 2
    assert len(waits) == 1


async def test_the_second_try_signs_with_the_token_of_the_first(waits: list[float]) -> None:
    class Busy(LoopbackServer):
        def respond(self, request: Request) -> Response:
            if request.path == "/token":
                return Response(200, body=b'{"token": "t"}')
            if "authorization" not in request.headers:
                return Response(401, [("WWW-Authenticate", f'Bearer realm="{self.url}/token"')])
            tries = sum(entry.scheme == "bearer" for entry in self.log)
            return Response(503) if tries == 1 else Response(200, [("Docker-Content-Digest", DIGEST)])

    with Busy() as server:
        async with asking(server) as oci:
            asks = oci.client.registry(oci.registry)
            assert await asks.digest(Image(oci.registry, "demo/app", "1.0")) == DIGEST
        assert [entry.scheme for entry in server.log] == ["", "", "bearer", "bearer"]
    assert len(waits) == 1


async def test_a_connection_that_the_server_closed_in_the_meantime_costs_no_error() -> None:
    """It looks alive until it is used."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"
    with InTurn(Raw([answer])) as server:
        settings = OciSettings.model_validate({"registries": {server.host: {"insecure": True}}})
        async with Wire(settings, HostPolicy(settings)) as wire:
            for _ in range(3):
                ask = Ask("GET", httpx2.URL(f"{server.url}/x"), 1000, server.host)
                assert (await wire.fetch(ask)).body == b"fine"
