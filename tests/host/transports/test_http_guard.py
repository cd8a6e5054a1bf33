"""What the guard lets in: hosts, origins, sizes and times."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from fuseboard.transports.http_guard import Names
from tests.host.transports.http_process import HttpProcess
from tests.host.transports.toys import Toybox


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpProcess]:
    """One process for all tests here; none of them changes it."""
    box = Toybox(tmp_path_factory.mktemp("guard"))
    box.add("toy")
    box.settings["FUSEBOARD_HTTP__ALLOWED_HOSTS"] = "board.example,any.example:*"
    box.settings["FUSEBOARD_HTTP__ALLOWED_ORIGINS"] = "https://app.example,http://dev.example:*"
    box.settings["FUSEBOARD_HTTP__MAX_BODY_BYTES"] = "1000"
    with HttpProcess(box) as process:
        yield process


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def get(served: HttpProcess, path: str, *headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", *(header.replace("PORT", str(served.port)) for header in headers), "", ""]
    return served.raw("\r\n".join(lines).encode())


def test_a_star_allows_every_name() -> None:
    assert "evil.example:1" in Names(["*"])
    assert "evil.example:1" not in Names(["board.example", "any.example:*"])


PATHS = ["/livez", "/readyz", "/mcp", "/sse", "/messages/", "/nothing"]


@pytest.mark.parametrize(
    ("host", "is_served"),
    [
        ("127.0.0.1:PORT", True),
        ("localhost:PORT", True),
        ("LOCALHOST:PORT", True),
        ("[::1]:PORT", True),
        ("board.example", True),
        ("any.example", True),
        ("any.example:1234", True),
        ("board.example:1234", False),
        ("localhost", False),
        ("localhost:1", False),
        ("127.0.0.1", False),
        ("evil.example", False),
        ("evil.example:PORT", False),
        ("any.example.evil.example:80", False),
        ("any.example:80@evil.example", False),
        ("localhost:PORT.evil.example", False),
        ("", False),
    ],
)
def test_only_known_hosts_are_served(served: HttpProcess, host: str, is_served: bool) -> None:
    answer = get(served, "/livez", f"Host: {host}")
    assert status(answer) == (200 if is_served else 421)


@pytest.mark.parametrize(
    ("origin", "is_served"),
    [
        ("http://127.0.0.1:PORT", True),
        ("http://localhost:PORT", True),
        ("http://[::1]:PORT", True),
        ("https://app.example", True),
        ("http://dev.example:3000", True),
        ("http://localhost:1", False),
        ("https://localhost:PORT", False),
        ("http://app.example", False),
        ("https://evil.example", False),
        ("https://app.example.evil.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_only_known_origins_are_served(served: HttpProcess, origin: str, is_served: bool) -> None:
    answer = get(served, "/livez", "Host: localhost:PORT", f"Origin: {origin}")
    assert status(answer) == (200 if is_served else 403)


@pytest.mark.parametrize("path", PATHS)
def test_every_path_is_guarded_and_answers_in_json(served: HttpProcess, path: str) -> None:
    for answer, expected in (
        (get(served, path, "Host: evil.example"), 421),
        (get(served, path, "Host: localhost:PORT", "Origin: https://evil.example"), 403),
    ):
        head, _, body = answer.partition(b"\r\n\r\n")
        assert status(answer) == expected
        assert b"content-type: application/json" in head
        assert "evil.example" in json.loads(body)["error"]["message"]


def test_a_second_origin_is_checked_too(served: HttpProcess) -> None:
    answer = get(
        served, "/livez", "Host: localhost:PORT", "Origin: https://app.example", "Origin: https://evil.example"
    )
    assert status(answer) == 403


def test_a_request_without_a_host_is_refused(served: HttpProcess) -> None:
    assert status(served.raw(b"GET /livez HTTP/1.0\r\n\r\n")) == 421
    assert status(served.raw(b"GET /livez HTTP/1.1\r\n\r\n")) == 400


@pytest.mark.parametrize("path", PATHS)
def test_answers_cannot_be_sniffed_and_do_not_name_the_server(served: HttpProcess, path: str) -> None:
    with served.client.stream("GET", path) as response:
        assert response.headers.get_list("x-content-type-options") == ["nosniff"]
        assert "server" not in response.headers


def post(served: HttpProcess, head: str, *body: bytes, path: str = "/mcp") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost:{served.port}\r\nContent-Type: application/json\r\n{head}\r\n\r\n"
    return served.raw(head.encode(), *body)


@pytest.mark.parametrize("path", ["/mcp", "/messages/?session_id=00000000000000000000000000000000"])
def test_a_body_over_the_limit_is_refused_declared_or_chunked(served: HttpProcess, path: str) -> None:
    chunk = b"64\r\n" + b"x" * 100 + b"\r\n"
    for answer in (
        post(served, "Content-Length: 1001", path=path),
        post(served, "Transfer-Encoding: chunked", b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n", path=path),
        post(served, "Transfer-Encoding: chunked", *[chunk] * 11, path=path),
    ):
        assert status(answer) == 413
        assert "1000 bytes" in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]


def test_a_body_at_the_limit_is_served(served: HttpProcess) -> None:
    assert status(post(served, "Content-Length: 1000", b" " * 1000)) not in (0, 413)


def test_after_a_body_over_the_limit_the_connection_still_serves(served: HttpProcess) -> None:
    next_one = f"GET /livez HTTP/1.1\r\nHost: localhost:{served.port}\r\nConnection: close\r\n\r\n".encode()
    head = f"POST /mcp HTTP/1.1\r\nHost: localhost:{served.port}\r\nContent-Length: 5000\r\n\r\n".encode()
    answer = served.raw(head + b"x" * 5000)
    assert status(answer) == 413
    assert status(served.raw(next_one)) == 200


def test_too_many_bytes_of_headers_are_refused(served: HttpProcess) -> None:
    answer = get(served, "/livez", "Host: localhost:PORT", *(f"X-{number}: {'x' * 1000}" for number in range(400)))
    assert status(answer) in (0, 400)  # 0: the connection was closed while the headers were still being sent


@pytest.mark.parametrize("white_space", ["", " ", "\t", "  \t "])
def test_white_space_around_header_values_does_not_matter(served: HttpProcess, white_space: str) -> None:
    body = served.modern("tools/list").request.content
    head = "\r\n".join(
        f"{name}:{white_space}{value}{white_space}"
        for name, value in {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": "tools/list",
            "Content-Length": str(len(body)),
        }.items()
    )
    assert status(post(served, head, body)) == 200
