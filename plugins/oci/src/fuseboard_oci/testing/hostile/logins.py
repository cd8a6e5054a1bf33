"""Demands for a login that no client should believe, and a maker of tokens that is no better."""

from __future__ import annotations

from fuseboard_oci.testing.hostile.scene import Behaviour, Scene, endless
from fuseboard_oci.testing.http import Response


def _realm_of(path: str) -> Behaviour:
    return lambda scene: scene.wants_token(f"{scene.url}{path}")


def _refuses_for_ever(scene: Scene) -> Response:
    return Response(401, [("WWW-Authenticate", f'Bearer realm="{scene.url}/token"')])


LOGINS: dict[str, Behaviour] = {
    "realm-sink": lambda scene: scene.wants_token(f"{scene.sink}/token"),
    "realm-metadata": lambda scene: scene.wants_token("https://169.254.169.254/token"),
    "realm-file": lambda scene: scene.wants_token("file:///etc/passwd"),
    "realm-none": lambda scene: Response(401, [("WWW-Authenticate", "Bearer service=x")]),
    "realm-redirect": _realm_of("/token-redirect"),
    "many-challenges": lambda scene: scene.wants_token(
        f"{scene.url}/token", "Negotiate", 'NTLM TlRM==, Basic realm="a, b"'
    ),
    "thousand-challenges": lambda scene: scene.wants_token(f"{scene.url}/token", ", ".join(["Digest a=b"] * 5000)),
    "denied": _refuses_for_ever,
    "forbidden": lambda scene: Response(403, body=b'{"errors":[{"code":"DENIED","message":"no"}]}'),
    "token-endless": _realm_of("/token-endless"),
    "token-slow": _realm_of("/token-slow"),
    "token-refuses-endlessly": _realm_of("/token-refuses-endlessly"),
    "token-brackets": _realm_of("/token-brackets"),
}

TOKENS: dict[str, Behaviour] = {
    "": lambda scene: Response(200, body=b'{"token": "hostile"}'),
    "redirect": lambda scene: Response(307, [("Location", f"{scene.sink}/token")]),
    "endless": lambda scene: Response(200, body=endless(b" " * 65536)),
    "slow": lambda scene: Response(200, body=scene.drip()),
    "refuses-endlessly": lambda scene: Response(401, body=endless(b" " * 65536)),
    "brackets": lambda scene: Response(200, body=b"[" * 60_000),
}
"""What is answered at `/token`, and at `/token-<name>`."""
