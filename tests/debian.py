"""Programs out of Debian packages, unpacked and not installed: installing docker-registry would start a daemon.

`python -m tests.debian` fetches them and prints where they are; fixtures call `fetched`, which skips or fails for them.
The cache is `$FUSEBOARD_TEST_CACHE`, else `.cache/debian` of the repository.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

ENGINE = ("docker.io", "containerd", "runc", "tini")
"""What a Docker engine and its command line are made of."""

_REPOSITORY = Path(__file__).resolve().parents[1]
_REMEDY = "FUSEBOARD_SKIP_DEBIAN=1 skips the tests against it"
_DEPENDENCY = re.compile(r"^ [ |](?:Pre)?Depends: ([a-z0-9][a-z0-9+.-]+)$", re.MULTILINE)
# The C library comes with its loader: those of the machine belong together.
_OF_THE_MACHINE = frozenset({"libc6", "libgcc-s1", "libcrypt1"})


class FetchError(Exception):
    """The package cannot be had. `str()` says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Program:
    """An unpacked program.

    Attributes:
        path: of the program.
        environment: variables that it needs, to find its libraries.
    """

    path: Path
    environment: dict[str, str]


@dataclass(frozen=True, slots=True)
class Unpacked:
    """Packages that were unpacked together.

    Attributes:
        folder: what would be `/` if they were installed.
    """

    folder: Path

    @property
    def path(self) -> list[Path]:
        """The folders of programs."""
        return [self.folder / name for name in ("usr/bin", "usr/sbin") if (self.folder / name).is_dir()]

    def program(self, name: str) -> Program:
        """One program of them.

        Raises:
            FetchError: the packages have no such program.
        """
        found = shutil.which(name, path=os.pathsep.join(map(str, self.path)))
        if found is None:
            raise FetchError(f"{self.folder.name} has no program {name}; remove {self.folder} to fetch it again")
        libraries = sorted({str(library.parent) for library in self.folder.rglob("*.so.*")})
        return Program(Path(found), {"LD_LIBRARY_PATH": ":".join(libraries)} if libraries else {})


def fetched(*packages: str) -> Unpacked:
    """`fetch` for a fixture: its tests are skipped with FUSEBOARD_SKIP_DEBIAN=1, and fail when it cannot be had."""
    if os.environ.get("FUSEBOARD_SKIP_DEBIAN") == "1":
        pytest.skip("FUSEBOARD_SKIP_DEBIAN=1")
    try:
        return fetch(*packages)
    except FetchError as error:
        reason = str(error)
    pytest.fail(reason, pytrace=False)


def cache_folder() -> Path:
    """Where unpacked packages are kept between runs."""
    named = os.environ.get("FUSEBOARD_TEST_CACHE")
    return Path(named) if named else _REPOSITORY / ".cache" / "debian"


def fetch(*packages: str) -> Unpacked:
    """Download packages and unpack them into one folder, when they are not cached.

    Libraries that they need and the machine lacks are unpacked with them; other packages are only there when named.

    Raises:
        FetchError: there is no apt, no network, or no such package.
    """
    folder = cache_folder() / "+".join(packages)
    if not folder.exists():
        if not shutil.which("apt-get") or not shutil.which("dpkg"):
            raise FetchError(f"{' '.join(packages)} needs apt-get and dpkg of a Debian machine. {_REMEDY}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            unpacked = _unpack(packages, Path(scratch))
            try:
                # One step, so that two test runs at once cannot see half of it.
                unpacked.rename(folder)
            except OSError:
                if not folder.exists():
                    raise
    return Unpacked(folder)


def _unpack(packages: Iterable[str], scratch: Path) -> Path:
    apt = _Apt(scratch)
    unpacked = scratch / "unpacked"
    for name in (*packages, *_missing_libraries(packages, apt)):
        apt.download(name)
    for archive in sorted(scratch.glob("*.deb")):
        _run(["dpkg", "-x", str(archive), str(unpacked)])
    return unpacked


def _missing_libraries(packages: Iterable[str], apt: _Apt) -> set[str]:
    """The libraries that packages need, and those that they need, as far as the machine does not have them."""
    missing: set[str] = set()
    asked = list(packages)
    while asked:
        needed = {name for name in apt.dependencies(asked) if name.startswith("lib")} - _OF_THE_MACHINE - missing
        asked = sorted(name for name in needed if not _is_installed(name))
        missing.update(asked)
    return missing


def _is_installed(package: str) -> bool:
    command = ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}", package]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.startswith("ii")


class _Apt:
    """apt, with lists of our own where the machine has none, which also works for other users than root."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._options = ["-o", "APT::Sandbox::User=root"]
        self._has_own_lists = False

    def download(self, package: str) -> None:
        """Download a package into the scratch folder."""
        self._with_lists(["apt-get", "-qq", "download", package])

    def dependencies(self, packages: Iterable[str]) -> set[str]:
        """What the packages depend on, without what they only recommend."""
        return set(_DEPENDENCY.findall(self._with_lists(["apt-cache", "--important", "depends", *packages])))

    def _with_lists(self, command: list[str]) -> str:
        try:
            return self._apt(command)
        except FetchError:
            if self._has_own_lists:
                raise
        for name in ("lists/partial", "cache/archives/partial"):
            (self._scratch / name).mkdir(parents=True)
        own = {"State::lists": "lists", "Cache": "cache"}
        self._options += [part for key, name in own.items() for part in ("-o", f"Dir::{key}={self._scratch / name}")]
        self._has_own_lists = True
        self._apt(["apt-get", "-qq", "update"])
        return self._apt(command)

    def _apt(self, command: list[str]) -> str:
        return _run([command[0], *self._options, *command[1:]], self._scratch)


def _run(command: list[str], folder: Path | None = None) -> str:
    shown = f"{command[0]} {command[-1]}"
    # apt-cache translates what we look for.
    english = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=english, capture_output=True, text=True, timeout=600, check=False
        )
    except subprocess.TimeoutExpired:
        raise FetchError(f"{shown} did not end within 600 s. {_REMEDY}") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise FetchError(f"{shown} failed: {reason}. {_REMEDY}")
    return done.stdout


if __name__ == "__main__":
    try:
        for packages in (("docker-registry",), ("skopeo",), ("nginx",), ("kubernetes-client",), ENGINE):
            print(fetch(*packages).folder)
    except FetchError as error:
        sys.exit(f"{error}")
