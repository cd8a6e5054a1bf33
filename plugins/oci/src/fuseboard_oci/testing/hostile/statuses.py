"""Errors of the server, and limits of how often it may be asked."""

from __future__ import annotations

from fuseboard_oci.testing.hostile.scene import Behaviour, Scene
from fuseboard_oci.testing.http import Response

_TOO_MANY = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow \\u001b[31mdown"}]}'


def _every_second(scene: Scene) -> Response:
    return Response(503) if scene.number % 2 else scene.manifest()


def _rate_limited(scene: Scene) -> Response:
    return Response(429, [("Retry-After", "30"), ("ratelimit-remaining", "76;w=21600")], _TOO_MANY)


def _limited_once(scene: Scene) -> Response:
    return Response(429, [("Retry-After", "1")], _TOO_MANY) if scene.number == 1 else scene.manifest()


STATUSES: dict[str, Behaviour] = {
    "rate": _rate_limited,
    "rate-once": _limited_once,
    "rate-for-ever": lambda scene: Response(429, [("Retry-After", "1")], _TOO_MANY),
    "error": lambda scene: Response(500, body=b"boom"),
    "every-second": _every_second,
}
