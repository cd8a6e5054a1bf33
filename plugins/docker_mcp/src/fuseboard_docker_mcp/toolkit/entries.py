"""A server as a catalogue describes it, checked: the `Server` of this plugin, or the reason why there is none.

Every dialect, and every catalogue file, describes a server by the same object. All of it is somebody else's text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fuseboard_docker_mcp.config import ENVIRONMENT_NAME, SERVER_NAME
from fuseboard_docker_mcp.docker import IMAGE_NAME
from fuseboard_docker_mcp.errors import DockerMcpError, UnknownOutput
from fuseboard_docker_mcp.models import SecretSpec, Server, Way
from fuseboard_docker_mcp.text import clean
from fuseboard_docker_mcp.toolkit.secret_words import SECRET_NAME
from fuseboard_docker_mcp.toolkit.tame import Untame, tame
from fuseboard_docker_mcp.toolkit.tool_specs import tool_specs

KINDS = frozenset(["", "server", "remote", "poci"])
LONGEST_TITLE, LONGEST_DESCRIPTION, LONGEST_URL = 120, 1000, 2000
MOST_SERVERS = 10_000
"""Of one catalogue. Docker's own has about three hundred."""
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Found:
    """What was read from one source.

    Attributes:
        servers: in its order.
        problems: what was left out of it, and why. The rest holds all the same.
    """

    servers: tuple[Server, ...] = ()
    problems: tuple[DockerMcpError, ...] = ()


class Unfit(ValueError):
    """This entry cannot be used; the text says why, in a few words."""


def read_entries(
    entries: Iterable[tuple[Any, Any]], source: str, *, way: Way = "toolkit", installed: bool = False
) -> Found:
    """Read the entries of one source.

    Args:
        entries: name and `Server` object of each, neither of them checked.
        source: for people, such as "catalogue lab/catalog:latest".
        way, installed: what becomes of them.

    Raises:
        UnknownOutput: there are more than `MOST_SERVERS`.
    """
    servers: dict[str, Server] = {}
    left_out: list[str] = []
    for number, (name, entry) in enumerate(entries):
        if number >= MOST_SERVERS:
            raise UnknownOutput(f"{source} has more than {MOST_SERVERS} servers")
        try:
            server = read_server(name, entry, source, way=way, installed=installed)
        except Unfit as error:
            left_out.append(f"{_shown(name)} ({error})")
        else:
            servers.setdefault(server.name, server)
    return Found(tuple(servers.values()), left_out_of(source, left_out))


def left_out_of(source: str, left_out: list[str]) -> tuple[DockerMcpError, ...]:
    """One problem that names what was left out of a source; none when nothing was."""
    if not left_out:
        return ()
    more = f" and {len(left_out) - MOST_NAMED} more" if len(left_out) > MOST_NAMED else ""
    named = "; ".join(left_out[:MOST_NAMED])
    return (UnknownOutput(f"{source}: {len(left_out)} of its servers are left out: {named}{more}"),)


def read_server(name: Any, entry: Any, source: str, *, way: Way = "toolkit", installed: bool = False) -> Server:
    """Read one entry. Raises `Unfit`."""
    if not isinstance(name, str) or not SERVER_NAME.fullmatch(name):
        raise Unfit("no legal name")
    try:
        entry = tame(entry)
    except Untame as error:
        raise Unfit(str(error)) from None
    if not isinstance(entry, dict):
        raise Unfit("no object")
    kind = _text(entry, "type")
    if kind not in KINDS:
        raise Unfit(f"unknown type {clean(kind, 40)!r}")
    image = _text(entry, "image")
    if image and not IMAGE_NAME.fullmatch(image):
        raise Unfit(f"{clean(image, 60)!r} is no name of an image")
    url = _text(_object(entry, "remote"), "url") or _text(entry, "sseEndpoint")
    if clean(url, LONGEST_URL) != url:
        raise Unfit(f"{clean(url, 60)!r} is no address")
    return Server(
        name=name,
        way=way,
        source=clean(source, LONGEST_TITLE),
        installed=installed,
        kind=kind,
        title=clean(_text(entry, "title"), LONGEST_TITLE),
        description=clean(_text(entry, "description"), LONGEST_DESCRIPTION),
        image=image,
        url=url,
        secrets=tuple(_secret(item) for item in _objects(entry, "secrets")),
        config_schemas=tuple(_objects(entry, "config")),
        tools=tool_specs(entry.get("tools")),
        long_lived=_flag(entry, "longLived"),
        entry=entry,
    )


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise Unfit(f"{key} is no text")
    return found


def _object(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Unfit(f"{key} is no object")
    return found


def _objects(value: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = value.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Unfit(f"{key} is no list of objects")
    return found


def _flag(value: Mapping[str, Any], key: str) -> bool:
    found = value.get(key)
    if found is not None and not isinstance(found, bool):
        raise Unfit(f"{key} is neither true nor false")
    return bool(found)


def _secret(item: Mapping[str, Any]) -> SecretSpec:
    name, env = _text(item, "name"), _text(item, "env")
    if not SECRET_NAME.fullmatch(name):
        raise Unfit(f"{clean(name, 40)!r} is no name of a secret")
    if not ENVIRONMENT_NAME.fullmatch(env):
        raise Unfit(f"{clean(env, 40)!r} is no name of an environment variable")
    return SecretSpec(name, env)


def _shown(name: Any) -> str:
    return repr(clean(name, 60)) if isinstance(name, str) else "one without a name"
