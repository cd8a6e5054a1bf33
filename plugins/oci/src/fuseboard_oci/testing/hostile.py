"""A registry that misbehaves, by the name of the repository, and a sink for whatever it lures away."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator

from fuseboard_oci.documents import DOCKER_MANIFEST, OCI_MANIFEST
from fuseboard_oci.testing.builder import Item, Repository
from fuseboard_oci.testing.http import LoopbackServer, Request, Response

_ODD_TAGS = ["good", "../../x", None, 7, "abc\u202etxt", "<b>bold</b>", "t" * 200, "", "-x", {"tag": "x"}]


class Sink(LoopbackServer):
    """An internal service that nobody should reach; `log` tells whether somebody did."""

    def respond(self, request: Request) -> Response:
        """Answer everything with something worth stealing."""
        return Response(200, [("Content-Type", "application/json")], b'{"token": "internal", "tags": ["internal"]}')


class HostileRegistry(LoopbackServer):
    """Behaves by the last part of the repository's name; `BEHAVIOURS` lists them. A context manager.

    Args:
        sink: where redirects, links and realms point to.
    """

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink
        self.item = Repository("x").image(layers=[])

    def respond(self, request: Request) -> Response:
        """Misbehave."""
        if request.path == "/token":
            return Response(200, body=b'{"token": "hostile"}')
        name = request.path.removeprefix("/v2/").partition("/")[0]
        behaviour = BEHAVIOURS.get(name)
        if behaviour is None:
            return Response(404, body=b'{"errors":[{"code":"NAME_UNKNOWN"}]}')
        return behaviour(self, request)

    def challenges(self, realm: str, request: Request, *extra: str) -> Response:
        """Demand a token of `realm`, or answer the manifest when one came."""
        if request.headers.get("authorization", "").startswith("Bearer"):
            return self.manifest()
        challenge = f'Bearer realm="{realm}",service="a, b",scope="repository:x:pull,push"'
        return Response(401, [("WWW-Authenticate", text) for text in (*extra, challenge)])

    def manifest(self, *headers: tuple[str, str], item: Item | None = None) -> Response:
        """Answer a good manifest with these headers in place of the good ones."""
        given = {name.lower() for name, _ in headers}
        good = [("Content-Type", OCI_MANIFEST)]
        kept = [header for header in good if header[0].lower() not in given]
        return Response(200, [header for header in (*kept, *headers) if header[1]], (item or self.item).body)

    def sink_url(self, path: str) -> str:
        """A URL of the sink."""
        return f"{self._sink.url}{path}"

    def drip(self) -> Iterator[bytes]:
        """One byte per second, until the server stops."""
        while not self.stopping.wait(1):
            yield b" "


Behaviour = Callable[[HostileRegistry, Request], Response]


def _redirect(target: str) -> Response:
    return Response(307, [("Location", target)])


def _basic_then_redirect(registry: HostileRegistry, request: Request) -> Response:
    if "authorization" not in request.headers:
        return Response(401, [("WWW-Authenticate", 'Basic realm="x"')])
    return _redirect(registry.sink_url("/steal"))


def _link(registry: HostileRegistry, request: Request, target: str) -> Response:
    tags = {"name": "x", "tags": [f"t{len(registry.log)}"]}
    return Response(200, [("Link", f'<{target}>; rel="next"')], json.dumps(tags).encode())


def _endless_pages(registry: HostileRegistry, request: Request) -> Response:
    start = int(request.query.get("last", "0"))
    tags = [f"t{number}" for number in range(start, start + 1000)]
    link = f'<{request.path}?last={start + 1000}>; rel="next"'
    return Response(200, [("Link", link)], json.dumps({"name": "x", "tags": tags}).encode())


def _endless(chunk: bytes) -> Iterator[bytes]:
    while True:
        yield chunk


def _gzip_bomb(registry: HostileRegistry, request: Request) -> Response:
    body = gzip.compress(b" " * 2**24, mtime=0)
    return Response(200, [("Content-Type", OCI_MANIFEST), ("Content-Encoding", "gzip")], body)


def _every_second(registry: HostileRegistry, request: Request) -> Response:
    return Response(503) if len(registry.log) % 2 else registry.manifest()


def _rate_limited(registry: HostileRegistry, request: Request) -> Response:
    body = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow \\u001b[31mdown"}]}'
    return Response(429, [("Retry-After", "30"), ("ratelimit-remaining", "76;w=21600")], body)


def _bytes(body: bytes, content_type: str) -> Behaviour:
    return lambda registry, request: Response(200, [("Content-Type", content_type)], body)


BEHAVIOURS: dict[str, Behaviour] = {
    "redirect-sink": lambda r, q: _redirect(r.sink_url("/internal")),
    "redirect-file": lambda r, q: _redirect("file:///etc/passwd"),
    "redirect-self": lambda r, q: _redirect(q.path),
    "redirect-rubbish": lambda r, q: _redirect("https://[no host]/"),
    "basic-redirect": _basic_then_redirect,
    "realm-sink": lambda r, q: r.challenges(r.sink_url("/token"), q),
    "realm-file": lambda r, q: r.challenges("file:///etc/passwd", q),
    "realm-none": lambda r, q: Response(401, [("WWW-Authenticate", "Bearer service=x")]),
    "many-challenges": lambda r, q: r.challenges(f"{r.url}/token", q, "Negotiate", 'NTLM TlRM==, Basic realm="a, b"'),
    "denied": lambda r, q: Response(401, [("WWW-Authenticate", f'Bearer realm="{r.url}/token"')]),
    "forbidden": lambda r, q: Response(403, body=b'{"errors":[{"code":"DENIED","message":"no"}]}'),
    "wrong-digest": lambda r, q: r.manifest(("Docker-Content-Digest", "sha256:" + "0" * 64)),
    "rubbish-digest": lambda r, q: r.manifest(("Docker-Content-Digest", "md5:1")),
    "no-digest": lambda r, q: r.manifest(),
    "charset": lambda r, q: r.manifest(("Content-Type", f"{OCI_MANIFEST}; charset=utf-8")),
    "no-type": lambda r, q: r.manifest(("Content-Type", "")),
    "other-type": lambda r, q: r.manifest(("Content-Type", DOCKER_MANIFEST)),
    "html": _bytes(b"<html>hello</html>", "text/html"),
    "json-list": _bytes(b"[1, 2]", OCI_MANIFEST),
    "brackets": _bytes(b"[" * 200_000, OCI_MANIFEST),
    "nan": _bytes(b'{"a": NaN}', OCI_MANIFEST),
    "twice": _bytes(b'{"a": 1, "a": 2}', OCI_MANIFEST),
    "no-utf8": _bytes(b'{"a": "\xff"}', OCI_MANIFEST),
    "surrogate": _bytes(b'{"mediaType":"x","annotations":{"a":"\\ud800"}}', "application/vnd.x+json"),
    "rate": _rate_limited,
    "error": lambda r, q: Response(500, body=b"boom"),
    "every-second": _every_second,
    "endless": lambda r, q: Response(200, [("Content-Type", OCI_MANIFEST)], _endless(b" " * 65536)),
    "gzip-bomb": _gzip_bomb,
    "slow": lambda r, q: Response(200, [("Content-Type", OCI_MANIFEST)], r.drip()),
    "link-self": lambda r, q: _link(r, q, q.path + "?last=same"),
    "link-sink": lambda r, q: _link(r, q, r.sink_url("/v2/x/tags/list")),
    "link-outside": lambda r, q: _link(r, q, "/v2/../internal"),
    "link-rubbish": lambda r, q: _link(r, q, "https://[no host]/"),
    "link-endless": _endless_pages,
    "odd-tags": lambda r, q: Response(200, body=json.dumps({"tags": _ODD_TAGS}).encode()),
    "null-tags": lambda r, q: Response(200, body=b'{"name":"x","tags":null}'),
    "cookie": lambda r, q: r.manifest(("Set-Cookie", "session=1")),
}
