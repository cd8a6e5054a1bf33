"""Debian's docker-registry as a process of its own; `debian.fetch` has the program."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import Self

from tests.plugins.oci.helpers import PATIENCE

_LISTENING = re.compile(r'msg="listening on (127\.0\.0\.1:\d+)')


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
        self._start()
        # The program takes a free port itself and tells which: nobody can take it from under us.
        deadline = time.monotonic() + PATIENCE
        while (found := _LISTENING.search(self._log())) is None:
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError(f"docker-registry does not start: {self._log()[-500:]}")
            time.sleep(0.02)
        self.host = found[1]
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _start(self) -> None:
        config = self._folder / "config.yml"
        tls = f", tls: {{certificate: '{self._folder / 'tls.crt'}', key: '{self._folder / 'tls.key'}'}}"
        config.write_text(
            "version: 0.1\nlog: {level: info, accesslog: {disabled: true}}\n"
            "storage: {inmemory: {}, delete: {enabled: true}}\n"
            f"http: {{addr: '127.0.0.1:0'{tls if self._tls else ''}}}\n"
            + (f"auth: {self._auth}\n" if self._auth else "")
        )
        with (self._folder / "log.txt").open("ab") as log:
            # An environment of its own: REGISTRY_* variables would change its configuration.
            self._process = subprocess.Popen(
                [self._program, "serve", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={}
            )

    def _log(self) -> str:
        return (self._folder / "log.txt").read_text(errors="replace")
