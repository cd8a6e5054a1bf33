"""Reading the files in which docker and Podman keep logins. Nothing in them is believed, and nothing in them raises.

A file may be missing, no file at all, huge, damaged or made by an enemy. What is wrong is told as a short text, without
a word of the file's content: the wrong file may be a secret in itself.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fuseboard_oci.errors import InvalidInput
from fuseboard_oci.login.found import Found, from_entry, is_empty
from fuseboard_oci.reference import DOCKER_HUB, is_repository, parse_registry
from fuseboard_oci.text import parse_object

SIZE_LIMIT = 2**20

# Inode, size, and the times of the last change of content and of rights: docker writes a new file and renames it.
Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class DockerFile:
    """What one file says.

    Attributes:
        label: the file for people, such as `$HOME/.docker/config.json`.
        stamp: differs when the file has changed; None when there is no file.
        logins: by registry, then by the repository or its first parts ("" for all of them); None for an empty entry,
            which is how docker notes that a helper has the secret.
        helpers: the helper that `credHelpers` names for a registry.
        store: the helper that `credsStore` names for all of them.
        problems: what is wrong with the file.
    """

    label: str
    stamp: Stamp | None = None
    logins: Mapping[str, Mapping[str, Found | None]] = field(default_factory=dict, repr=False)
    helpers: Mapping[str, str] = field(default_factory=dict, repr=False)
    store: str | None = field(default=None, repr=False)
    problems: tuple[str, ...] = ()

    def login(self, registry: str, repository: str) -> Found | None:
        """The credentials in the entry that names most of the repository, None when there are none."""
        entries = self.logins.get(registry, {})
        return next((found for part in _parts(repository) if (found := entries.get(part))), None)

    def helpers_of(self, registry: str) -> tuple[str, ...]:
        """The helpers to ask, in this order."""
        named = (self.helpers.get(registry), self.store)
        return tuple(dict.fromkeys(name for name in named if name))

    def leaves_to_a_helper(self, registry: str, repository: str) -> bool:
        """Whether the file says that a helper has these credentials, and not only that one might be asked."""
        entries = self.logins.get(registry, {})
        noted = any(part in entries for part in _parts(repository))
        return registry in self.helpers or (self.store is not None and noted)


class _Useless(Exception):
    """A file that cannot be used. The text says why, in our own words only."""


def server_of(registry: str) -> str:
    """What docker calls a parsed registry, in its file and towards helpers."""
    return "https://index.docker.io/v1/" if registry == DOCKER_HUB else registry


def candidates(environ: Mapping[str, str]) -> list[tuple[str, Path]]:
    """The places where a file may be, in the order in which they count, each with its name for people."""
    places = (
        ("DOCKER_CONFIG", "config.json") if environ.get("DOCKER_CONFIG") else ("HOME", ".docker/config.json"),
        ("REGISTRY_AUTH_FILE", ""),
        ("XDG_RUNTIME_DIR", "containers/auth.json"),
        ("HOME", ".config/containers/auth.json"),
    )
    return [(f"${name}/{rest}".rstrip("/"), Path(environ[name], rest)) for name, rest in places if environ.get(name)]


def read_files(environ: Mapping[str, str], known: tuple[DockerFile, ...] = ()) -> tuple[DockerFile, ...]:
    """Read the files that have changed since they were `known`. It does I/O that blocks, and raises nothing."""
    before = {file.label: file for file in known}
    return tuple(_read(label, path, before.get(label)) for label, path in candidates(environ))


def _read(label: str, path: Path, before: DockerFile | None) -> DockerFile:
    stamp = None
    try:
        stamp = _stamp(path)
        if stamp is None:
            return DockerFile(label)
        if before is not None and before.stamp == stamp:
            return before
        return _parse(label, stamp, _content(path))
    except _Useless as error:
        return DockerFile(label, stamp, problems=(f"{label}: {error}",))
    except PermissionError:
        reason = "it may not be read"
    except (OSError, ValueError):  # ValueError: a path that no file can have
        reason = "it cannot be read"
    # No stamp: it may be readable at the next look without having changed.
    return DockerFile(label, problems=(f"{label}: {reason}",))


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise _Useless("it is a link to nothing") from None
        return None
    # Only opening a device or a FIFO can already do something, so that we look first.
    _check_kind(status.st_mode)
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _content(path: Path) -> bytes:
    with open(path, "rb", opener=_open) as file:
        _check_kind(os.fstat(file.fileno()).st_mode)
        # None: a file of the kernel, which looks regular, would make a reader wait.
        content = file.read(SIZE_LIMIT + 1) or b""
    if len(content) > SIZE_LIMIT:
        raise _Useless(f"it has more than {SIZE_LIMIT} bytes")
    return content


def _open(path: str, flags: int) -> int:
    # It may have been exchanged since we looked: opening must not wait for somebody who writes into a FIFO.
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _check_kind(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise _Useless("it is no regular file")


def _parse(label: str, stamp: Stamp, content: bytes) -> DockerFile:
    try:
        document = parse_object(content)
    except ValueError as error:
        raise _Useless(str(error)) from None
    auths, helpers, store = (document.get(name) for name in ("auths", "credHelpers", "credsStore"))
    expected = ((auths, dict), (helpers, dict), (store, str))
    wrong = sum(value is not None and not isinstance(value, kind) for value, kind in expected)
    logins, bad_logins = _logins(auths if isinstance(auths, dict) else {})
    named, bad_names = _helpers(helpers if isinstance(helpers, dict) else {})
    unusable = wrong + bad_logins + bad_names
    problems = (f"{label}: {unusable} of its entries cannot be used",) if unusable else ()
    return DockerFile(label, stamp, logins, named, store if isinstance(store, str) else None, problems)


def _logins(auths: Mapping[str, object]) -> tuple[dict[str, dict[str, Found | None]], int]:
    logins: dict[str, dict[str, Found | None]] = {}
    unusable = 0
    for key, entry in auths.items():
        place = _place(key)
        if place is None or not isinstance(entry, dict):
            unusable += 1
            continue
        found = from_entry(entry)
        if found is None and not is_empty(entry):
            unusable += 1
            continue
        registry, part = place
        entries = logins.setdefault(registry, {})
        # Two keys can mean one place, such as docker.io and index.docker.io: docker's own spelling wins.
        if entries.get(part) is None or (found is not None and key == server_of(registry)):
            entries[part] = found
    return logins, unusable


def _helpers(named: Mapping[str, object]) -> tuple[dict[str, str], int]:
    helpers: dict[str, str] = {}
    for key, name in named.items():
        place = _place(key)
        if place is not None and not place[1] and isinstance(name, str):
            helpers[place[0]] = name
    return helpers, len(named) - len(helpers)


def _place(key: str) -> tuple[str, str] | None:
    """The registry of a key, and the part of it that the key means; None when it names no registry."""
    bare = key.removeprefix("https://").removeprefix("http://")
    host, _, path = bare.partition("/")
    # In a URL it is the version of docker's old API, which says nothing; else it is Podman's, and narrows.
    part = path.rstrip("/") if bare == key else ""
    try:
        registry = parse_registry(host)
    except InvalidInput:
        return None
    return None if part and not is_repository(part) else (registry, part)


def _parts(repository: str) -> Iterator[str]:
    """The repository, then fewer and fewer of its parts, and nothing of it at last."""
    while repository:
        yield repository
        repository = repository.rpartition("/")[0]
    yield ""
