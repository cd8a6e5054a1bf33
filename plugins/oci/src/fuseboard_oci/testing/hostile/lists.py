"""Lists of tags, repositories and referrers that lead in circles, elsewhere, or nowhere."""

from __future__ import annotations

import json

from fuseboard_oci.documents import OCI_INDEX, OCI_MANIFEST
from fuseboard_oci.testing.hostile.scene import Behaviour, Scene
from fuseboard_oci.testing.http import Response

_ODD_TAGS = ["good", "../../x", None, 7, "abc\u202etxt", "<b>bold</b>", "t" * 200, "", "-x", {"tag": "x"}]
_ROWS = 1000


def _page(scene: Scene, target: str) -> Response:
    """A page of one tag, one repository and one referrer, all of them new, and a link."""
    name = f"t{scene.number}"
    page = {"tags": [name], "repositories": [name], "manifests": [_row(scene.number)]}
    return Response(200, [("Link", f'<{target}>; rel="next"'), ("Content-Type", OCI_INDEX)], json.dumps(page).encode())


def _row(number: int) -> dict[str, object]:
    artifact_type = "application/spdx+json"
    return {"mediaType": OCI_MANIFEST, "digest": f"sha256:{number:064x}", "size": 7, "artifactType": artifact_type}


def _endless_pages(scene: Scene) -> Response:
    """A thousand new entries on every page, of which there is always one more."""
    last = scene.request.query.get("last", "0").removeprefix("t")
    start = int(last) + 1 if last.isdigit() else 0
    numbers = range(start, start + _ROWS)
    names = [f"t{number}" for number in numbers]
    page = {"tags": names, "repositories": names, "manifests": [_row(number) for number in numbers]}
    headers = [("Link", f'<{scene.request.path}?last={numbers[-1]}>; rel="next"'), ("Content-Type", OCI_INDEX)]
    return Response(200, headers, json.dumps(page).encode())


def _circle(scene: Scene) -> Response:
    """Three pages, the last of which links to the first."""
    number = int(scene.request.query.get("page", "0"))
    return _page(scene, f"{scene.request.path}?page={(number + 1) % 3}")


def _referrers_only(behaviour: Behaviour) -> Behaviour:
    """A good manifest; only what refers to it is listed badly."""
    return lambda scene: behaviour(scene) if "/referrers/" in scene.request.path else scene.manifest()


LISTS: dict[str, Behaviour] = {
    "link-self": lambda scene: _page(scene, f"{scene.request.path}?last=same"),
    "link-circle": _circle,
    "link-sink": lambda scene: _page(scene, f"{scene.sink}/v2/x/tags/list"),
    "link-outside": lambda scene: _page(scene, "/v2/../internal"),
    "link-rubbish": lambda scene: _page(scene, "https://[no host]/"),
    "link-endless": _endless_pages,
    "referrers-circle": _referrers_only(_circle),
    "referrers-endless": _referrers_only(_endless_pages),
    "referrers-sink": _referrers_only(lambda scene: _page(scene, f"{scene.sink}/v2/x/referrers/x")),
    "_catalog": _endless_pages,
    "odd-tags": lambda scene: Response(200, body=json.dumps({"tags": _ODD_TAGS, "repositories": _ODD_TAGS}).encode()),
    "null-tags": lambda scene: Response(200, body=b'{"name":"x","tags":null,"repositories":null}'),
    "empty-pages": lambda scene: Response(
        200, [("Link", f'<{scene.request.path}?last={scene.number}>; rel="next"')], b'{"tags":[],"repositories":[]}'
    ),
}
