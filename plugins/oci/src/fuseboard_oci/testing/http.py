"""A small HTTP server on a free loopback port, one thread per connection.

A registry of your own for a test is a subclass of `LoopbackServer` with a method `respond`.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Header names are in lower case; of a query parameter given twice the last counts.

    Attributes:
        method: the HTTP method.
        path: without its query.
        query: the parameters.
        headers: by their names.
        body: all of it, also when it came in chunks.
        scopes: every value of the query parameter `scope`, which a request for a token may give more than once.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    scopes: tuple[str, ...] = ()


@dataclass(slots=True)
class Response:
    """One response.

    Attributes:
        status: the HTTP status.
        headers: in the order in which they are sent; `Content-Length` is added when it is missing.
        body: bytes, or an iterable that is streamed in chunks and may be endless. A HEAD gets none of it.
    """

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | Iterable[bytes] = b""


@dataclass(frozen=True, slots=True)
class Raw:
    """A response that is no proper HTTP: the pieces are sent as they are, and then the connection is closed."""

    pieces: Iterable[bytes]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What reached the server.

    Attributes:
        method: the HTTP method.
        path: with its query.
        scheme: authentication scheme in lower case, empty without a login; never the secret.
        cookie: whether a cookie came along.
    """

    method: str
    path: str
    scheme: str
    cookie: bool


class LoopbackServer:
    """Base of the registries. A context manager; subclasses say what to answer in `respond`.

    Args:
        delay: seconds that every answer waits, as if the registry were far away. May be changed at any time.
        port: where it listens; 0 takes a free one.

    Attributes:
        log: every request, in the order of arrival.
        connections: how many were opened, also such as never sent a request.
        stopping: set when the server ends, so that slow answers can end as well.
    """

    def __init__(self, *, delay: float = 0.0, port: int = 0) -> None:
        self.delay = delay
        self.log: list[LogEntry] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._http = _Server(self, port)
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def host(self) -> str:
        """`127.0.0.1:port`, the name of the registry."""
        return f"127.0.0.1:{self._http.server_address[1]}"

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`."""
        return f"http://{self.host}"

    def respond(self, request: Request) -> Response | Raw:
        """Answer a request. Runs on the thread of its connection."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stopping.set()
        # The thread waits for a connection; this one tells it to look whether it should end.
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self._http.server_port), timeout=1).close()
        self._thread.join(30)
        self._http.hang_up()
        self._http.server_close()

    def _accept(self) -> None:
        """Take connections until the end. Unlike `serve_forever` it never polls, so a test can have hundreds."""
        while not self.stopping.is_set():
            try:
                connection, address = self._http.get_request()
            except OSError:
                continue
            if self.stopping.is_set():
                connection.close()
            else:
                self.connections += 1
                self._http.process_request(connection, address)


class _Server(ThreadingHTTPServer):
    # Threads are joined at the end, so that a test leaves neither a thread nor a socket behind.
    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, owner: LoopbackServer, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.owner = owner
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the kept connections; their threads wait for a next request otherwise."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up in the middle of an answer: that is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        target = urlsplit(self.path)
        pairs = parse_qsl(target.query, keep_blank_values=True)
        headers = {name.lower(): value for name, value in self.headers.items()}
        scheme = headers.get("authorization", "").partition(" ")[0].lower()
        self.server.owner.log.append(LogEntry(self.command, self.path, scheme, "cookie" in headers))
        scopes = tuple(value for name, value in pairs if name == "scope")
        request = Request(self.command, target.path, dict(pairs), headers, self._body(headers), scopes)
        if self.server.owner.delay and self.server.owner.stopping.wait(self.server.owner.delay):
            self.close_connection = True
            return
        response = self.server.owner.respond(request)
        if isinstance(response, Raw):
            self._send_raw(response)
        else:
            self._send(response)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 (the base class's spelling)

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(headers.get("content-length", "0")))
        body = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        if isinstance(response.body, bytes):
            if not any(name.lower() == "content-length" for name, _ in response.headers):
                self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(response.body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.command == "HEAD":
            return
        for chunk in response.body:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            if self.server.owner.stopping.is_set():
                return
        self.wfile.write(b"0\r\n\r\n")

    def _send_raw(self, response: Raw) -> None:
        self.close_connection = True
        for piece in response.pieces:
            self.wfile.write(piece)
            if self.server.owner.stopping.is_set():
                return

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed; `LoopbackServer.log` has it."""
