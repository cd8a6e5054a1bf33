"""Debian's docker-registry as a process of its own; `debian.fetch` has the program."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from typing import Self


class DebianRegistry:
    """One running docker-registry on a free loopback port, with its storage in memory. A context manager.

    Args:
        program: its path, from `debian.fetch`.
        folder: an empty folder for its configuration and its log.
        auth: the `auth` section of its configuration as YAML in flow style, empty for an open registry.
        tls: whether it speaks https, with `tls.crt` and `tls.key` of `folder`.
    """

    def __init__(self, program: Path, folder: Path, auth: str = "", *, tls: bool = False) -> None:
        self._program = program
        self._folder = folder
        self._auth = auth
        self._tls = tls
        self._process: subprocess.Popen[bytes] | None = None
        self.host = ""

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`."""
        return f"http://{self.host}"

    def __enter__(self) -> Self:
        for _ in range(3):
            # Somebody else may take the port between our look and the registry's bind; then the registry ends at once.
            if self._start(_free_port()):
                return self
        raise RuntimeError(f"docker-registry does not start: {self._log()}")

    def __exit__(self, *exc_info: object) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)

    def _start(self, port: int) -> bool:
        self.host = f"127.0.0.1:{port}"
        config = self._folder / "config.yml"
        tls = f", tls: {{certificate: '{self._folder / 'tls.crt'}', key: '{self._folder / 'tls.key'}'}}"
        config.write_text(
            "version: 0.1\nlog: {level: warn}\n"
            "storage: {inmemory: {}, delete: {enabled: true}}\n"
            f"http: {{addr: '{self.host}'{tls if self._tls else ''}}}\n"
            + (f"auth: {self._auth}\n" if self._auth else "")
        )
        with (self._folder / "log.txt").open("ab") as log:
            # An environment of its own: REGISTRY_* variables would change its configuration.
            self._process = subprocess.Popen(
                [self._program, "serve", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={}
            )
        return self._answers(time.monotonic() + 20)

    def _answers(self, deadline: float) -> bool:
        assert self._process is not None
        address, port = self.host.split(":")
        while time.monotonic() < deadline:
            try:
                self._process.wait(0.02)
                return False
            except subprocess.TimeoutExpired:
                pass
            try:
                socket.create_connection((address, int(port)), timeout=1).close()
                return True
            except OSError:
                continue
        return False

    def _log(self) -> str:
        return (self._folder / "log.txt").read_text(errors="replace")[-500:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
