"""The way without Docker: a command or an address that the operator wrote into the settings."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from fuseboard_docker_mcp.errors import CannotStart, WrongConfiguration
from fuseboard_docker_mcp.models import HttpLaunch, Launch, Server, StdioLaunch
from fuseboard_docker_mcp.text import clean
from fuseboard_docker_mcp.ways import remotes, templates

INHERITED = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "USER")
"""All that a command gets of the host's own environment, which may hold the secrets of other plugins."""

_BEFORE_PATH = re.compile(r"https?://[^/?#]*")
_HOST = re.compile(r"https?://[^\s/?#@\\{}]+")
_REST = re.compile(r"(?:[/?][^\s#]*)?")


def launch(server: Server, *, config: Mapping[str, Any], secrets: Mapping[str, str]) -> Launch:
    """Make the command or the address of a server of the settings.

    Args:
        server: its `entry` holds the fields of `ServerSettings`.
        config: `{{key}}` in arguments, variables and the address stands for one of these values.
        secrets: value by name of the secret; an empty one is left out.

    Raises:
        CannotStart: the program or the working directory is missing.
        WrongConfiguration: a value cannot be given to a process, or makes no address.
    """
    named = {secret.env: secrets[secret.name] for secret in server.secrets}
    if server.entry.get("url"):
        return _address(server, config, named)
    return _command(server, config, named)


def _command(server: Server, config: Mapping[str, Any], secrets: Mapping[str, str]) -> StdioLaunch:
    entry = server.entry
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment |= {name: templates.text(pattern, config) for name, pattern in (entry.get("env") or {}).items()}
    environment |= {name: templates.passable(value, name) for name, value in secrets.items() if value}
    for name in (name for name, value in secrets.items() if not value):
        environment.pop(name, None)
    folder = Path(entry["cwd"]).expanduser() if entry.get("cwd") else None
    if folder is not None and not folder.is_dir():
        raise CannotStart(f"{server.name}: its working directory {clean(str(folder), 200)!r} is not there")
    return StdioLaunch(
        argv=(_program(server, folder, environment), *templates.items(entry.get("args") or (), config)),
        environment=environment,
        folder=folder,
        protocol=server.protocol,
        secrets=frozenset(filter(None, secrets.values())),
    )


def _program(server: Server, folder: Path | None, environment: Mapping[str, str]) -> str:
    command = os.path.expanduser(str(server.entry.get("command") or ""))
    # A path is meant from the working directory, a bare name from the PATH that the program itself will have.
    if os.sep in command:
        command = str((folder or Path.cwd()) / command)
    found = shutil.which(command, path=environment.get("PATH", os.defpath))
    if not found:
        place = "there, or not executable" if os.sep in command else "on the PATH that it would get"
        raise CannotStart(
            f"{server.name}: the program {clean(command, 200)!r} is not {place}. "
            f"The operator can install it, or correct plugins.docker_mcp.servers.{server.name}.command"
        )
    return os.path.abspath(found)


def _address(server: Server, config: Mapping[str, Any], secrets: Mapping[str, str]) -> HttpLaunch:
    entry = server.entry
    kept = {name: _plain(value) for name, value in (entry.get("headers") or {}).items()}
    headers = remotes.headers(kept, secrets)
    return HttpLaunch(
        url=_url(server.name, str(entry["url"]), config),
        headers=headers,
        transport="sse" if entry.get("transport") == "sse" else "streamable-http",
        protocol=server.protocol,
        # The operator may have written a secret into a header itself: whatever a header carries is not shown.
        secrets=frozenset(filter(None, (*secrets.values(), *headers.values()))),
    )


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _url(server: str, template: str, config: Mapping[str, Any]) -> str:
    """Fill an address. A value in the path can neither leave its place there nor change the host."""
    before = _BEFORE_PATH.match(template)
    start = before.end() if before else 0
    host = templates.text(template[:start], config)
    parts = templates.terms(template[start:])
    rest = "".join(
        quote(templates.text(part, config), safe="") if templates.is_template(part) else part for part in parts
    )
    leaves = templates.is_template(template) and ".." in re.split(r"[/?]", rest)
    if leaves or not _HOST.fullmatch(host) or not _REST.fullmatch(rest):
        raise WrongConfiguration(f"{server}: with its configuration, {clean(template, 120)!r} is no http(s) address")
    return host + rest
