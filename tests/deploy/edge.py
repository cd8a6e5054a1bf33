"""Debian's nginx with the shipped site, before replicas on this machine: only ports, names and paths are exchanged."""

from __future__ import annotations

import datetime
import ipaddress
import os
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.debian import fetched
from tests.ports import free_port

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SITE = DEPLOY / "nginx" / "fuseboard.conf"
REPLICAS = DEPLOY / "nginx" / "replicas.conf"
LONGEST = 60  # seconds for each thing that nginx does

# One worker, so that it alone counts whose turn it is. A file of its own for everything that Debian keeps in /var.
_WRAPPER = """
daemon off;
{user}
worker_processes 1;
error_log stderr notice;
pid {folder}/pid;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site/*.conf;
}}
"""


def exchanged(text: str, pairs: Mapping[str, str]) -> str:
    """The text with each pattern replaced; each must be there."""
    for pattern, new in pairs.items():
        text, count = re.subn(pattern, new, text, flags=re.MULTILINE)
        assert count, pattern
    return text


def write_certificate(folder: Path) -> None:
    """A self-signed certificate for localhost: `fuseboard.crt` and `fuseboard.key`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "fuseboard.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "fuseboard.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))


class Nginx:
    """One nginx in a folder of its own; a context manager that starts and ends it.

    Args:
        folder: new, for everything that it reads and writes.
        replicas: their ports.

    Attributes:
        origin: `https://localhost:<port>`.
        plain: the port without TLS.
        trust: for clients, knows the certificate.
    """

    def __init__(self, folder: Path, replicas: Sequence[int]) -> None:
        self._folder = folder
        self.port, self.plain = free_port(), free_port()
        self.origin = f"https://localhost:{self.port}"
        (folder / "site").mkdir(parents=True)
        (folder / "logs").mkdir()
        write_certificate(folder)
        self.trust = ssl.create_default_context(cafile=folder / "fuseboard.crt")
        # Started by root, its worker would be nobody, who may not enter pytest's folders.
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(_WRAPPER.format(folder=folder, user=user))
        site = {
            r"^ +listen \[::\].*\n": "",
            r"listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
            r"listen 80;": f"listen 127.0.0.1:{self.plain};",
            r"server_name mcp\.example\.org;": "server_name localhost;",
            r"/etc/nginx/tls": str(folder),
        }
        self.write("site/fuseboard.conf", exchanged(SITE.read_text(), site))
        ports = {"127.0.0.1:8001": f"127.0.0.1:{replicas[0]}", "127.0.0.1:8002": f"127.0.0.1:{replicas[1]}"}
        self.write("site/replicas.conf", exchanged(REPLICAS.read_text(), ports))
        program = fetched("nginx").program("nginx")
        self._command = [str(program.path), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
        self._environment = {**os.environ, **program.environment}

    def write(self, name: str, text: str) -> None:
        """Write one of its files."""
        (self._folder / name).write_text(text)

    def read(self, name: str) -> str:
        """Read one of its files."""
        return (self._folder / name).read_text()

    def check(self) -> tuple[int, str]:
        """`nginx -t`: its status and what it said."""
        done = subprocess.run(
            [*self._command, "-t"], env=self._environment, capture_output=True, text=True, timeout=LONGEST, check=False
        )
        return done.returncode, done.stderr

    def __enter__(self) -> Nginx:
        with (self._folder / "errors").open("wb") as errors:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stderr=errors, stdout=errors
            )
        end = time.monotonic() + LONGEST
        while not self._listens():
            assert self._process.poll() is None, self.read("errors")
            assert time.monotonic() < end, self.read("errors")
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True
