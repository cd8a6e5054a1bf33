"""Catalogue files: the operator's own, and those that the toolkit left below the home folder of a machine without it.

YAML or JSON; either `{"registry": {name: entry}}`, or what the newer toolkit exports: `{"servers": [...]}`.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, ClassVar

import yaml

from fuseboard_docker_mcp.errors import DockerMcpError, UnknownOutput
from fuseboard_docker_mcp.models import Server
from fuseboard_docker_mcp.text import clean
from fuseboard_docker_mcp.toolkit.entries import Found, read_entries

MOST_BYTES = 16 * 2**20
MOST_FILES = 100
_DEEPEST = 64

# Written in C: the other one needs half a minute for Docker's own catalogue.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Safe):  # type: ignore[misc] # chosen above
    """Plain scalars as the toolkit reads them: `on`, `1000:10` and dates stay text."""

    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {}


_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF")
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]{0,30})$"), "-+0123456789")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]{1,30}\.[0-9]{1,30}$"), "-+0123456789")


def read_files(paths: Iterable[Path]) -> list[Found]:
    """Read the operator's own catalogue files; all their servers are installed. Blocks: call it in a worker thread.

    They are reached by `docker run` even where the toolkit is: it keeps no configuration for a server that it does not
    know.

    Args:
        paths: of the files; one that cannot be read is a problem, and the others still answer.
    """
    return [_read_file(path, f"catalogue file {path}", None) for path in paths]


def read_home(home: str, first: str) -> list[Found]:
    """Read what the toolkit left below `<home>/.docker/mcp`: its catalogues, and which of their servers are installed.

    Args:
        home: the home folder.
        first: name of the catalogue that wins where several have a server.
    """
    folder = Path(home).expanduser() / ".docker" / "mcp"
    paths = sorted((folder / "catalogs").glob("*.yaml"), key=lambda path: (path.stem != first, path.name))[:MOST_FILES]
    try:
        installed = _installed(folder / "registry.yaml")
    except DockerMcpError as error:
        installed, wrong = frozenset[str](), [Found(problems=(error,))]
    else:
        wrong = []
    found = [_read_file(path, f"catalogue {path.stem}", installed) for path in paths]
    known = {server.name for part in found for server in part.servers}
    if missing := sorted(installed - known):
        shown = ", ".join(clean(name, 60) for name in missing[:5])
        wrong.append(Found(problems=(UnknownOutput(f"registry.yaml names servers that no catalogue has: {shown}"),)))
    return [*found, *wrong]


def _installed(path: Path) -> frozenset[str]:
    if not path.exists():
        return frozenset()
    registry = _loaded(path, "registry.yaml").get("registry")
    if registry is not None and not isinstance(registry, dict):
        raise UnknownOutput("registry.yaml: `registry` is no mapping of servers")
    return frozenset(map(str, registry or {}))


def _read_file(path: Path, source: str, installed: Collection[str] | None) -> Found:
    """Read one file. `installed` holds the names of what is, None stands for all."""
    try:
        entries = _entries(_loaded(path, source), source)
        if installed is None:
            return read_entries(entries, source, way="engine", installed=True)
        chosen = [entry for entry in entries if entry[0] in installed]
        others = [entry for entry in entries if entry[0] not in installed]
        parts = [read_entries(some, source, way="engine", installed=some is chosen) for some in (chosen, others)]
    except DockerMcpError as error:
        return Found(problems=(error,))
    servers: list[Server] = [server for part in parts for server in part.servers]
    return Found(tuple(servers), tuple(problem for part in parts for problem in part.problems))


def _entries(document: dict[str, Any], source: str) -> list[tuple[Any, Any]]:
    registry, servers = document.get("registry"), document.get("servers")
    if isinstance(registry, dict):
        return list(registry.items())
    if isinstance(servers, list):
        return [_exported(item) for item in servers]
    raise UnknownOutput(f"{source}: has neither `registry`, a mapping of servers, nor `servers`, a list")


def _exported(item: Any) -> tuple[Any, Any]:
    snapshot = item.get("snapshot") if isinstance(item, dict) else None
    server = snapshot.get("server") if isinstance(snapshot, dict) else None
    # What is no entry is left out by name, where it has one, when the entries are read.
    return (server.get("name"), server) if isinstance(server, dict) else (None, item)


def _loaded(path: Path, source: str) -> dict[str, Any]:
    try:
        document = _parsed(_text(path))
    except OSError as error:
        raise UnknownOutput(f"{source}: cannot be read: {error.strerror or type(error).__name__}") from None
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UnknownOutput(f"{source}: is no YAML: {line}{clean(error.problem or '', 120)}") from None
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        words = clean(str(error), 120) if isinstance(error, _Refused) else "is no YAML or JSON"
        raise UnknownOutput(f"{source}: {words}") from None
    if document is None:
        return {"registry": {}}
    if not isinstance(document, dict):
        raise UnknownOutput(f"{source}: is no mapping")
    return document


class _Refused(ValueError):
    """The text says why a file is not read, without quoting it."""


def _text(path: Path) -> str:
    # A pipe would wait for a writer that may never come.
    descriptor = os.open(path.expanduser(), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _Refused("is no regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(MOST_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > MOST_BYTES:
        raise _Refused(f"is larger than {MOST_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _Refused("is no UTF-8 text") from None


def _parsed(text: str) -> Any:
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass  # YAML may begin like that as well
    depth = 0
    # One pass over the events first: a few aliases can stand for gigabytes, and depth alone can end the process.
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise _Refused("refers to another place of itself (*name), which is not accepted")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise _Refused(f"is nested deeper than {_DEEPEST} levels")
    # A subclass of the safe loader: it makes nothing but plain values.
    return yaml.load(text, Loader=_Loader)
