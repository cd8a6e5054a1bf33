"""Answers that do not end, end too early, or are larger than they seem."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from functools import cache

from fuseboard_oci.documents import OCI_MANIFEST
from fuseboard_oci.testing.hostile.scene import Behaviour, Scene, endless
from fuseboard_oci.testing.http import Raw, Response

_TYPE = ("Content-Type", OCI_MANIFEST)
_HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: {OCI_MANIFEST}\r\n".encode()


def _endless(status: int) -> Behaviour:
    return lambda scene: Response(status, [_TYPE], endless(b" " * 65536))


@cache
def _packed() -> bytes:
    return gzip.compress(b" " * 2**24, mtime=0)


def _gzip_bomb(scene: Scene) -> Response:
    return Response(200, [_TYPE, ("Content-Encoding", "gzip")], _packed())


def _cut(scene: Scene) -> Raw:
    """Half of the manifest, and then the connection is closed."""
    body = scene.item.body
    return Raw([_HEAD, f"Content-Length: {len(body)}\r\n\r\n".encode(), body[: len(body) // 2]])


def _huge_header(scene: Scene) -> Raw:
    return Raw([_HEAD, b"X-Huge: " + b"x" * 2**20 + b"\r\nContent-Length: 2\r\n\r\n{}"])


def _many_headers(scene: Scene) -> Iterator[bytes]:
    yield _HEAD
    number = 0
    while True:
        yield b"".join(b"X-Header-%d: x\r\n" % (number + one) for one in range(1000))
        number += 1000


BODIES: dict[str, Behaviour] = {
    "endless": _endless(200),
    "endless-401": _endless(401),
    "endless-404": _endless(404),
    "endless-500": _endless(500),
    "endless-redirect": lambda scene: Response(307, [("Location", scene.request.path)], endless(b" " * 65536)),
    "gzip-bomb": _gzip_bomb,
    "slow": lambda scene: Response(200, [_TYPE], scene.drip()),
    "slow-headers": lambda scene: Raw(scene.drip(_HEAD)),
    "cut": _cut,
    "huge-header": _huge_header,
    "endless-headers": lambda scene: Raw(_many_headers(scene)),
    "no-http": lambda scene: Raw([b"220 mail.example.com ESMTP\r\n"]),
    "hang-up": lambda scene: Raw([]),
}
