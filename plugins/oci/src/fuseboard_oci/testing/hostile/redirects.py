"""Redirects to where nobody should go."""

from __future__ import annotations

from fuseboard_oci.testing.hostile.scene import Behaviour, Scene
from fuseboard_oci.testing.http import Response


def _redirect(target: str) -> Response:
    return Response(307, [("Location", target)])


def _basic_then_redirect(scene: Scene) -> Response:
    if "authorization" not in scene.request.headers:
        return Response(401, [("WWW-Authenticate", 'Basic realm="x"')])
    return _redirect(f"{scene.sink}/steal")


REDIRECTS: dict[str, Behaviour] = {
    "redirect-sink": lambda scene: _redirect(f"{scene.sink}/internal"),
    "redirect-https-sink": lambda scene: _redirect(f"{scene.sink}/internal".replace("http:", "https:")),
    "redirect-metadata": lambda scene: _redirect("https://169.254.169.254/latest/meta-data/"),
    "redirect-file": lambda scene: _redirect("file:///etc/passwd"),
    "redirect-self": lambda scene: _redirect(scene.request.path),
    "redirect-rubbish": lambda scene: _redirect("https://[no host]/"),
    "basic-redirect": _basic_then_redirect,
}
