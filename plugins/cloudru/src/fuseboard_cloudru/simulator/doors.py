"""The way of one HTTP request into the service and back: methods, tokens, bodies and errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fuseboard_cloudru.simulator.journal import ENTRY, Entry, raw_path
from fuseboard_cloudru.simulator.protojson import encode
from fuseboard_cloudru.simulator.refusal import Code, Refused
from fuseboard_cloudru.simulator.store import Store
from fuseboard_cloudru.simulator.switches import Switches

LARGEST_BODY = 1_000_000
"""Bytes of a request that are read."""


@dataclass(frozen=True)
class Ask:
    """A request, read.

    Attributes:
        parts: the segments of its path, unquoted.
        query: its query; of a parameter that is there twice the last counts.
        body: its body.
        entry: what the journal says about it.
    """

    parts: tuple[str, ...]
    query: Mapping[str, str]
    body: bytes
    entry: Entry


Handler = Callable[[Store, Ask], dict[str, Any] | Response]
"""Answers with a message, or with a response of its own; refuses by raising `Refused`."""


Methods = Callable[[Switches], Mapping[str, Handler]]
"""The handlers of a route by method. A route that these switches do not have has none."""


class Door:
    """An ASGI application for one route.

    Args:
        store: what the handlers work on.
        methods: the handlers.
        open_to_all: whether it needs no token.
    """

    def __init__(self, store: Store, methods: Methods, *, open_to_all: bool = False) -> None:
        self._store = store
        self._methods = methods
        self._open_to_all = open_to_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        # The whole request is read first, so that the state changes at once or not at all.
        try:
            response = self._answer(request, await _body(request))
        except Refused as refusal:
            response = refused(refusal, self._store)
        await response(scope, receive, send)

    def _answer(self, request: Request, body: bytes) -> Response:
        store = self._store
        ask = _ask(request, body)
        handlers = self._methods(store.switches)
        handler = handlers.get(request.method)
        if not handlers:
            raise no_route()
        if handler is None:
            raise no_method(store, handlers)
        with store.lock:
            if not self._open_to_all:
                _check_token(store, request, ask.entry)
            answer = handler(store, ask)
            if isinstance(answer, Response):
                return answer
            return Response(encode(answer, store.switches), media_type="application/json")


def refused(refusal: Refused, store: Store) -> Response:
    """A refusal as the service writes it."""
    message = refusal.as_message()
    body = encode({"error": message} if store.switches.nested_errors else message, store.switches)
    return Response(body, refusal.status, refusal.headers, media_type="application/json")


def no_route() -> Refused:
    """The refusal of a path that leads nowhere."""
    return Refused(Code.NOT_FOUND, "Not Found")


def no_method(store: Store, methods: Iterable[str]) -> Refused:
    """The refusal of a method that a route does not have."""
    allow = {"Allow": ", ".join(methods)}
    return Refused(Code.UNIMPLEMENTED, "Method Not Allowed", status=store.switches.method_status, headers=allow)


def as_json(answer: dict[str, Any], status: int = 200) -> Response:
    """A response that is no message of protobuf."""
    return Response(json.dumps(answer).encode(), status, media_type="application/json")


def _ask(request: Request, body: bytes) -> Ask:
    parts = tuple(unquote(part) for part in raw_path(request.scope).split("/")[1:])
    query = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
    return Ask(parts, query, body, request.scope[ENTRY])


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise Refused(Code.INVALID_ARGUMENT, f"the body is larger than {LARGEST_BODY} bytes")
    return body


def _check_token(store: Store, request: Request, entry: Entry) -> None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    entry.authorised = scheme.lower() == "bearer" and store.tokens.is_good(token.strip())
    if not entry.authorised:
        # RFC 9110, section 11.6.1: a 401 says how to sign in.
        raise Refused(Code.UNAUTHENTICATED, "unauthenticated", headers={"WWW-Authenticate": "Bearer"})
