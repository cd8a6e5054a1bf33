"""Manifests whose headers or documents are not what they should be."""

from __future__ import annotations

import json

from fuseboard_oci.documents import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from fuseboard_oci.testing.hostile.scene import Behaviour, Scene
from fuseboard_oci.testing.http import Response

_NO_DIGEST = "sha256:" + "0" * 64


def _document(body: bytes, content_type: str = OCI_MANIFEST) -> Behaviour:
    return lambda scene: Response(200, [("Content-Type", content_type)], body)


def _head_with_wrong_digest(scene: Scene) -> Response:
    if scene.request.method == "HEAD":
        return scene.manifest(("Docker-Content-Digest", _NO_DIGEST))
    return scene.manifest(("Docker-Content-Digest", scene.item.digest))


def _index_of_thousands(scene: Scene) -> Response:
    rows = [
        {"mediaType": OCI_MANIFEST, "size": 7, "digest": f"sha256:{number:064x}", "platform": {"os": "x" * 50}}
        for number in range(10_000)
    ]
    return Response(200, [("Content-Type", OCI_INDEX)], json.dumps({"schemaVersion": 2, "manifests": rows}).encode())


MANIFESTS: dict[str, Behaviour] = {
    "wrong-digest": lambda scene: scene.manifest(("Docker-Content-Digest", _NO_DIGEST)),
    "rubbish-digest": lambda scene: scene.manifest(("Docker-Content-Digest", "md5:1")),
    "no-digest": lambda scene: scene.manifest(),
    "head-wrong-digest": _head_with_wrong_digest,
    "charset": lambda scene: scene.manifest(("Content-Type", f"{OCI_MANIFEST}; charset=utf-8")),
    "no-type": lambda scene: scene.manifest(("Content-Type", "")),
    "other-type": lambda scene: scene.manifest(("Content-Type", DOCKER_MANIFEST)),
    "cookie": lambda scene: scene.manifest(("Set-Cookie", "session=1")),
    "html": _document(b"<html>hello</html>", "text/html"),
    "json-list": _document(b"[1, 2]"),
    "brackets": _document(b"[" * 200_000),
    "braces": _document(b'{"a":' * 200_000),
    "long-number": _document(b'{"schemaVersion":' + b"9" * 100_000 + b"}"),
    "nan": _document(b'{"a": NaN}'),
    "twice": _document(b'{"a": 1, "a": 2}'),
    "no-utf8": _document(b'{"a": "\xff"}'),
    "surrogate": _document(b'{"mediaType":"x","annotations":{"a":"\\ud800"}}', "application/vnd.x+json"),
    "index-of-thousands": _index_of_thousands,
}
