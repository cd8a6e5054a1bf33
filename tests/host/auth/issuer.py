"""An authorisation server for tests: keys, tokens signed with them, and its documents on loopback."""

from __future__ import annotations

import json
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

RESOURCE = "https://board.example/mcp"


def rsa_key() -> rsa.RSAPrivateKey:
    """A new key for RS256."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def ec_key() -> ec.EllipticCurvePrivateKey:
    """A new key for ES256."""
    return ec.generate_private_key(ec.SECP256R1())


@cache
def _usual_keys() -> dict[str, Any]:
    return {"one": rsa_key(), "two": ec_key()}  # making one takes a while


def public_jwk(key: Any, **more: Any) -> dict[str, Any]:
    """The public half of a key as it is published."""
    kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**kind.to_jwk(key.public_key(), as_dict=True), "use": "sig", **more}


class Issuer:
    """The server. Enter it; then its address is known.

    Attributes:
        url: its issuer identifier.
        keys: private keys by key id; those of `published` are in its JWKS.
        published: the JWKS' keys.
        status: with which it answers.
        asked: paths that were asked for.
    """

    def __init__(self) -> None:
        self.keys: dict[str, Any] = dict(_usual_keys())
        self.published = [public_jwk(key, kid=kid) for kid, key in self.keys.items()]
        self.status = 200
        self.asked: list[str] = []

    def __enter__(self) -> Issuer:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                body = json.dumps(issuer._document(self.path)).encode()
                self.send_response(issuer.status if body != b"null" else 404)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/realm"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _document(self, path: str) -> Any:
        if path == "/realm/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        return {"keys": self.published} if path == "/realm/keys" else None

    def token(self, kid: str | None = "one", *, algorithm: str = "", key: Any = None, **claims: Any) -> str:
        """A token that is good but for what is given otherwise; a claim that is None is left out.

        Args:
            kid: names the key that signs.
            algorithm: the one that fits the key if absent.
            key: signs instead of that of `kid`.
            claims: instead of, or beside, the good ones.
        """
        signer = key if key is not None else self.keys[kid or "one"]
        fitting = algorithm or ("RS256" if isinstance(signer, rsa.RSAPrivateKey) else "ES256")
        now = int(time.time())
        good = {"iss": self.url, "aud": RESOURCE, "sub": "ada", "iat": now, "exp": now + 3600, "scope": "reader"}
        payload = {name: value for name, value in {**good, **claims}.items() if value is not None}
        return jwt.encode(payload, signer, fitting, headers={"kid": kid} if kid is not None else None)
