"""A token server for docker-registry: signed tokens (JWT, RS256), because that registry takes no others."""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import json
import secrets
import time
from pathlib import Path
from urllib.parse import parse_qsl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from fuseboard_oci.testing.http import LoopbackServer, Request, Response

ISSUER, SERVICE = "test-issuer", "test-registry"


class TokenServer(LoopbackServer):
    """Makes tokens: alice may do everything, others may pull what is not `private/`.

    The answer holds only `access_token`, without a lifetime, as those of some cloud registries do. A POST exchanges the
    identity token `alice-identity`. The key is made anew each time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def write_certificate(self, path: Path) -> None:
        """Write the certificate by which the registry knows our signature."""
        write_certificate(self._key, path)

    def respond(self, request: Request) -> Response:
        """Answer a request for a token."""
        form = dict(parse_qsl(request.body.decode()))
        user = "alice" if form.get("refresh_token") == "alice-identity" else _user(request)
        if user is None and (form or "authorization" in request.headers):
            return Response(401, body=b'{"errors":[{"code":"UNAUTHORIZED"}]}')
        access: list[dict[str, object]] = []
        for scope in " ".join([*request.scopes, form.get("scope", "")]).split():
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            allowed = actions.split(",") if user == "alice" else ["pull"] if not name.startswith("private/") else []
            access.append({"type": kind, "name": name, "actions": allowed})
        answer = {"access_token": self.token(user or "", access)}
        return Response(200, [("Content-Type", "application/json")], json.dumps(answer).encode())

    def token(self, user: str, access: list[dict[str, object]]) -> str:
        """A signed token that grants `access`."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": user,
            "aud": SERVICE,
            "exp": now + 300,
            "nbf": now - 10,
            "iat": now,
            "jti": secrets.token_hex(8),
            "access": access,
        }
        text = f"{_packed({'typ': 'JWT', 'alg': 'RS256', 'kid': self._key_id()})}.{_packed(claims)}"
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{_base64(signature)}"

    def push_header(self, repository: str) -> str:
        """The `Authorization` header with which a test pushes to a repository."""
        access: list[dict[str, object]] = [
            {"type": "repository", "name": repository, "actions": ["pull", "push", "delete"]}
        ]
        return f"Bearer {self.token('alice', access)}"

    def _key_id(self) -> str:
        """How the registry names a key: 240 bits of its hash in base32, in groups of four."""
        public = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        text = base64.b32encode(hashlib.sha256(public).digest()[:30]).decode()
        return ":".join(text[start : start + 4] for start in range(0, len(text), 4))


def write_certificate(key: rsa.RSAPrivateKey, path: Path) -> None:
    """Write a certificate that `key` signs for itself, good for 127.0.0.1 and for a day."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)])
    now = datetime.datetime.now(datetime.UTC)
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(loopback, critical=False)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def write_key(path: Path) -> rsa.RSAPrivateKey:
    """Make a key, write it unencrypted and return it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    plain = serialization.NoEncryption()
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return key


def _user(request: Request) -> str | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    known = scheme.lower() == "basic" and base64.b64decode(value) == b"alice:secret"
    return "alice" if known else None


def _packed(value: object) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
