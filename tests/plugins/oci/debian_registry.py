"""Debian's docker-registry, unpacked and not installed: installing it would start a daemon on all interfaces.

`python -m tests.plugins.oci.debian_registry` fetches it and prints where it is; the fixtures call `fetch` themselves.
The cache is `$FUSEBOARD_TEST_CACHE`, else `.cache/debian` of the repository.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

PACKAGE = "docker-registry"
_REPOSITORY = Path(__file__).resolve().parents[3]


class FetchError(Exception):
    """The package cannot be had. `str()` says why, and what to do."""


def cache_folder() -> Path:
    """Where the unpacked package is kept between runs."""
    named = os.environ.get("FUSEBOARD_TEST_CACHE")
    return Path(named) if named else _REPOSITORY / ".cache" / "debian"


def fetch() -> Path:
    """Return the path of the program, after downloading and unpacking the package when it is not in the cache.

    Raises:
        FetchError: there is no apt, no network, or no such package.
    """
    folder = cache_folder() / PACKAGE
    program = folder / "usr" / "bin" / PACKAGE
    if program.exists():
        return program
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise FetchError(f"{PACKAGE} needs apt-get and dpkg of a Debian machine. {_REMEDY}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        unpacked = Path(scratch) / "unpacked"
        _run(["dpkg", "-x", str(_download(Path(scratch))), str(unpacked)])
        try:
            # One step, so that two test runs at once cannot see half of it.
            unpacked.rename(folder)
        except OSError:
            if not program.exists():
                raise
    return program


_REMEDY = "FUSEBOARD_SKIP_DEBIAN=1 skips the tests against it"


def _download(scratch: Path) -> Path:
    """Download the package; where apt has no lists yet, with lists of our own, which also works for other users."""
    options = ["-o", "APT::Sandbox::User=root"]
    if _succeeds(["apt-get", "-qq", *options, "download", PACKAGE], scratch):
        return next(scratch.glob("*.deb"))
    for name in ("lists/partial", "cache/archives/partial"):
        (scratch / name).mkdir(parents=True)
    options += ["-o", f"Dir::State::lists={scratch / 'lists'}", "-o", f"Dir::Cache={scratch / 'cache'}"]
    _run(["apt-get", "-qq", *options, "update"], scratch)
    _run(["apt-get", "-qq", *options, "download", PACKAGE], scratch)
    return next(scratch.glob("*.deb"))


def _succeeds(command: list[str], folder: Path) -> bool:
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False).returncode == 0


def _run(command: list[str], folder: Path | None = None) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    except subprocess.TimeoutExpired:
        raise FetchError(f"{command[0]} {command[-1]} did not end within 180 s. {_REMEDY}") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise FetchError(f"{command[0]} {command[-1]} failed: {reason}. {_REMEDY}")


class DebianRegistry:
    """One running docker-registry on a free loopback port, with its storage in memory. A context manager.

    Args:
        program: what `fetch` returned.
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
        raise RuntimeError(f"{PACKAGE} does not start: {self._log()}")

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


if __name__ == "__main__":
    try:
        print(fetch())
    except FetchError as error:
        sys.exit(f"{error}")
