"""Manifests whose headers or documents are not what they should be."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache

from fuseboard_oci.documents import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from fuseboard_oci.testing.builder import Repository
from fuseboard_oci.testing.hostile.scene import Behaviour, Scene
from fuseboard_oci.testing.http import Response

_NO_DIGEST = "sha256:" + "0" * 64


def _document(body: bytes, content_type: str = OCI_MANIFEST) -> Behaviour:
    return lambda scene: Response(200, [("Content-Type", content_type)], body)


def _head_with_wrong_digest(scene: Scene) -> Response:
    if scene.request.method == "HEAD":
        return scene.manifest(("Docker-Content-Digest", _NO_DIGEST))
    return scene.manifest(("Docker-Content-Digest", scene.item.digest))


def _base_at_the_sink(scene: Scene) -> Response:
    host = scene.sink.removeprefix("http://")
    notes = {"org.opencontainers.image.base.name": f"{host}/x:1.0", "org.opencontainers.image.base.digest": _NO_DIGEST}
    image = Repository("x").image(layers=[], annotations=notes)
    return Response(200, [("Content-Type", OCI_MANIFEST)], image.body)


@cache
def _index_of_thousands() -> bytes:
    rows = [
        {"mediaType": OCI_MANIFEST, "size": 7, "digest": f"sha256:{number:064x}", "platform": {"os": "x" * 50}}
        for number in range(10_000)
    ]
    return json.dumps({"schemaVersion": 2, "manifests": rows}).encode()


@cache
def _million_lists() -> bytes:
    return b'{"manifests":[' + b"[]," * 1_000_000 + b"[]]}"


@cache
def _many_annotations() -> bytes:
    notes = b",".join(b'"%d":""' % number for number in range(350_000))
    return b'{"manifests":[],"annotations":{%s}}' % notes


@cache
def _many_tags() -> bytes:
    names = b",".join(b'"t%d"' % number for number in range(350_000))
    return b'{"manifests":[],"tags":[%s],"repositories":[]}' % names


def _index(body: Callable[[], bytes]) -> Behaviour:
    """An index that is only built when somebody asks for it, and then once."""
    return lambda scene: Response(200, [("Content-Type", OCI_INDEX)], body())


MANIFESTS: dict[str, Behaviour] = {
    "wrong-digest": lambda scene: scene.manifest(("Docker-Content-Digest", _NO_DIGEST)),
    "rubbish-digest": lambda scene: scene.manifest(("Docker-Content-Digest", "md5:1")),
    "no-digest": lambda scene: scene.manifest(),
    "head-wrong-digest": _head_with_wrong_digest,
    "charset": lambda scene: scene.manifest(("Content-Type", f"{OCI_MANIFEST}; charset=utf-8")),
    "no-type": lambda scene: scene.manifest(("Content-Type", "")),
    "other-type": lambda scene: scene.manifest(("Content-Type", DOCKER_MANIFEST)),
    "base-sink": _base_at_the_sink,
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
    # Small enough for every limit of bytes, and many times larger once they are parsed.
    "index-of-thousands": _index(_index_of_thousands),
    "million-lists": _index(_million_lists),
    "many-annotations": _index(_many_annotations),
    "many-tags": _index(_many_tags),
}
