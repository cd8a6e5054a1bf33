"""What the gateway and `docker run` have in common: reading a catalogue's entry, which may hold anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fuseboard_docker_mcp.config import DockerMcpSettings
from fuseboard_docker_mcp.errors import WrongConfiguration
from fuseboard_docker_mcp.models import Server
from fuseboard_docker_mcp.ways import mounts, templates

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")


def texts(entry: Mapping[str, Any], key: str, server: str) -> list[str]:
    """A list of texts of an entry; numbers, as YAML reads a bare 8080, become texts.

    Raises:
        WrongConfiguration: it is no list of texts.
    """
    found = entry.get(key)
    if found is None:
        return []
    if isinstance(found, list) and all(isinstance(item, str | int | float) for item in found):
        return [templates.written(item) for item in found]
    raise WrongConfiguration(f"the entry of {server!r} has {key!r} that is no list of texts")


def one_text(entry: Mapping[str, Any], key: str, server: str) -> str:
    """A text of an entry, empty where it says nothing.

    Raises:
        WrongConfiguration: it is no text.
    """
    found = entry.get(key)
    if found is None or isinstance(found, str | int | float):
        return templates.written(found)
    raise WrongConfiguration(f"the entry of {server!r} has {key!r} that is no text")


def variables(entry: Mapping[str, Any], server: str) -> list[tuple[str, str]]:
    """Name and value of each variable under `env`, in their order.

    Raises:
        WrongConfiguration: it is no list of names and values.
    """
    found = entry.get("env")
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
        raise WrongConfiguration(f"the entry of {server!r} has 'env' that is no list of names and values")
    return [(variable_name(item.get("name"), server), one_text(item, "value", server)) for item in found]


def variable_name(name: object, server: str) -> str:
    """Return `name` when an environment can hold it.

    Raises:
        WrongConfiguration: it is no name of a variable.
    """
    if isinstance(name, str) and _VARIABLE_NAME.fullmatch(name):
        return name
    raise WrongConfiguration(f"the entry of {server!r} names a variable {str(name)[:60]!r}, which cannot be one")


def volumes(server: Server, config: Mapping[str, Any], settings: DockerMcpSettings) -> list[mounts.Mount]:
    """The mounts of an entry, each of them allowed.

    Args:
        config: nested under the server's name.

    Raises:
        WrongConfiguration, NotAllowed: one is wrong or forbidden.
    """
    return mounts.allowed(templates.items(texts(server.entry, "volumes", server.name), config), settings)


def remote_url(server: Server) -> str:
    """The address of a remote entry; empty for a container."""
    remote = server.entry.get("remote")
    url = remote.get("url") if isinstance(remote, Mapping) else None
    found = url or server.entry.get("sseEndpoint") or server.url
    return found if isinstance(found, str) else ""
