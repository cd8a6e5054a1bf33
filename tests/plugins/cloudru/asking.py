"""What the tests of the client share: the API in front of a simulator or of a server that says what a test wants."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import httpx2
import pytest

from fuseboard_cloudru.api import ArtifactRegistry
from fuseboard_cloudru.bounded import BoundedTransport
from fuseboard_cloudru.config import CloudruSettings
from fuseboard_cloudru.errors import Unreachable
from fuseboard_cloudru.simulator import Fault, Simulator
from fuseboard_cloudru.simulator.faults import Faults

KEY_ID = "key-of-a-test"
SECRET = "s3cret-of-a-test"
PROJECT = "11111111-2222-3333-4444-555555555555"
LONG = 60.0  # seconds; only what is broken takes so long
# Short pauses, and time enough for a machine that is busy with other tests.
QUICK = {"retry_delay": 0.001, "settle_delay": 0.001, "read_timeout": 20.0, "request_timeout": 30.0}


def settings_of(server: Simulator | Says, **changes: Any) -> CloudruSettings:
    """Settings that lead to a server, with short pauses."""
    given: dict[str, Any] = {
        "iam_url": server.url,
        "api_url": server.url,
        "key_id": server.key_id,
        "secret": server.secret,
        "project_id": server.project_id,
        **changes,
    }
    return CloudruSettings(**{**given, "limits": {**QUICK, **changes.get("limits", {})}})


def asking(server: Simulator | Says, **limits: float) -> ArtifactRegistry:
    """The API of a server, to be used in `async with`."""
    return ArtifactRegistry(settings_of(server, limits=limits))


async def signed_in(api: ArtifactRegistry) -> None:
    """Let an API whose limits are short get its token, however many attempts that takes on a busy machine."""
    while True:
        with suppress(Unreachable):
            await api.check()
            return


def hasty_about(monkeypatch: pytest.MonkeyPatch, fault: Fault) -> Fault:
    """Let clients wait only a moment for an answer that this fault keeps back, and as long as ever for all others.

    A short `read_timeout` would meet every answer that is late because the machine is busy.
    """
    if fault.kind not in ("timeout", "slow"):
        return fault
    due = Faults([fault])
    handle = BoundedTransport.handle_async_request

    async def sent(self: BoundedTransport, request: httpx2.Request) -> httpx2.Response:
        if due.next_for(request.method, request.url.raw_path.decode().partition("?")[0]):
            request.extensions["timeout"] = {**request.extensions["timeout"], "read": 0.3}
        return await handle(self, request)

    monkeypatch.setattr(BoundedTransport, "handle_async_request", sent)
    return fault


def writes(simulator: Simulator) -> list[str]:
    """What a simulator was asked to change, as `POST /v1/registries`."""
    return [f"{one.method} {one.path}" for one in simulator.log if one.method != "GET" and "token" not in one.path]


@dataclass(frozen=True)
class Reply:
    """An answer. `body` as bytes is sent as it is, anything else as JSON; `cut` leaves so many bytes of it out."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int = 0


@dataclass(frozen=True)
class Got:
    """A request that came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # More than a crowd of callers: the standard 5 make the sixth knock again a second later.
    request_queue_size = 128


class Says:
    """A server that gives these answers to the API's requests in turn, the last one over and over.

    Args:
        replies: to everything but requests for a token.
        tokens: to requests for a token; good ones when left out.
    """

    key_id = KEY_ID
    secret = SECRET
    project_id = PROJECT

    def __init__(self, *replies: Reply, tokens: Iterable[Reply] = ()) -> None:
        self._replies = list(replies)
        self._tokens = list(tokens)
        self.got: list[Got] = []
        self.exchanges: list[Got] = []
        self._http = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(LONG)

    def reply_to(self, got: Got) -> Reply:
        """The next answer."""
        if got.path.endswith("/token"):
            self.exchanges.append(got)
            made = Reply(body={"access_token": f"token-{len(self.exchanges)}", "expires_in": 3600})
            return self._tokens.pop(0) if self._tokens else made
        self.got.append(got)
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        says = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                length = int(self.headers.get("content-length", "0"))
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = says.reply_to(Got(self.command, self.path, headers, self.rfile.read(length)))
                body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(OSError):
                    self.wfile.write(body[: len(body) - reply.cut])
                self.close_connection = reply.cut > 0

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815 (the base class's spelling)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler
