"""The way through Docker's MCP Toolkit: one gateway process for one server, told everything in private files."""

from __future__ import annotations

import json
import math
import os
import re
import secrets as random
import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fuseboard_docker_mcp.config import SECRET_NAME, DockerMcpSettings
from fuseboard_docker_mcp.errors import CommandFailed, UnknownOutput, WrongConfiguration
from fuseboard_docker_mcp.models import Launch, Server, StdioLaunch
from fuseboard_docker_mcp.text import clean
from fuseboard_docker_mcp.toolkit import explain_gateway
from fuseboard_docker_mcp.ways import entries, images, mounts, remotes, templates
from fuseboard_docker_mcp.ways.private import PrivateFolder, private_folder

if TYPE_CHECKING:
    from fuseboard_docker_mcp.docker import Docker

_OF_THE_USER = ("HOME", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR")


@asynccontextmanager
async def prepared(
    server: Server,
    *,
    config: Mapping[str, Any],
    secrets: Mapping[str, str],
    settings: DockerMcpSettings,
    docker: Docker,
    label: str,
    report: images.Report,
    resolve: remotes.Resolve,
) -> AsyncIterator[Launch]:
    """Write the files of one gateway and yield its command; see `ways.prepared`."""
    environment = docker.environment()
    allowed = entries.volumes(server, {server.name: config}, settings)
    if url := entries.remote_url(server):
        # The gateway's own switch, which only the user of this machine can have set: it is never set here.
        if environment.get("DOCKER_MCP_ALLOW_INSECURE_REMOTE_URLS") != "1":
            await remotes.check_url(url, resolve)
    elif server.image:
        images.check_image(server.image, server.name)
        # A gateway pulls what is missing by itself and says nothing; where the engine cannot tell, let it try.
        with suppress(CommandFailed, UnknownOutput):
            await images.ensure_image(server.image, docker, settings, report)
    with private_folder(settings.state_folder, server.name) as folder:
        catalog = _catalog(server, allowed, secrets, environment, label, folder)
        argv = (
            *(docker.path(), "mcp", "gateway", "run", "--catalog", f"fuseboard/{catalog.name}"),
            *("--servers", server.name, "--config", str(_config(server.name, config, folder))),
            *("--tools-config", str(folder.write("empty.yaml", ""))),
            *("--secrets", f"file:{_secrets(server, secrets, folder)}"),
            # The gateway counts whole processors only.
            *("--cpus", str(math.ceil(settings.docker_mcp.cpus)), "--memory", settings.docker_mcp.memory),
            *("--long-lived", "--watch=false", "--log-calls=false"),
        )
        yield StdioLaunch(
            argv=argv,
            environment=_environment(environment, docker.path(), label, allowed, folder),
            protocol="legacy",
            explain=explain_gateway(server.name),
            label=label,
            secrets=frozenset(filter(None, secrets.values())),
            needs_tools=True,
        )


def _catalog(
    server: Server,
    allowed: list[mounts.Mount],
    secrets: Mapping[str, str],
    environment: Mapping[str, str],
    label: str,
    folder: PrivateFolder,
) -> Path:
    """Write the catalogue of this one server. A gateway reads catalogues below the user's home only."""
    entry = dict(server.entry)
    if "volumes" in entry:
        # Finished here, so that the rules hold with gateways that have none of their own.
        entry["volumes"] = [mount.spec for mount in allowed]
    if isinstance(wanted := entry.get("secrets"), list):
        # An empty secret means to start without it, and newer gateways refuse to start with an empty one.
        empty = {name for name, value in secrets.items() if not value}
        entry["secrets"] = [item for item in wanted if not (isinstance(item, Mapping) and item.get("name") in empty)]
    home = environment.get("HOME") or os.path.expanduser("~")
    session = re.sub(r"[^A-Za-z0-9]", "", label.rpartition("=")[2])[:32]
    name = f"{server.name}-{session}-{random.token_hex(4)}.yaml"
    document = {"name": f"fuseboard-{server.name}", "registry": {server.name: entry}}
    return folder.write_outside(Path(home, ".docker/mcp/catalogs/fuseboard", name), _json(document))


def _config(name: str, config: Mapping[str, Any], folder: PrivateFolder) -> Path:
    return folder.write(f"{name}.config.yaml", _json({name: _as_texts(config)}))


def _as_texts(value: Any) -> Any:
    """Numbers and truth values as texts: a gateway writes them as `<int Value>` into commands."""
    if isinstance(value, Mapping):
        return {str(key): _as_texts(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_as_texts(item) for item in value if item is not None]
    return templates.passable(templates.written(value), "a value of its configuration")


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, default=lambda odd: dict(odd) if isinstance(odd, Mapping) else str(odd))


def _secrets(server: Server, secrets: Mapping[str, str], folder: PrivateFolder) -> Path:
    lines = []
    for name, value in secrets.items():
        if not SECRET_NAME.fullmatch(name):
            raise WrongConfiguration(f"{server.name}: {clean(name, 80)!r} cannot be the name of a secret for a gateway")
        if "\n" in value or "\r" in value:
            raise WrongConfiguration(
                f"{server.name}: the secret {name} has several lines, which no gateway can be given"
            )
        if value:
            lines.append(f"{name}={templates.passable(value, name)}\n")
    return folder.write(f"{server.name}.env", "".join(lines))


def _environment(
    base: Mapping[str, str], docker: str, label: str, allowed: list[mounts.Mount], folder: PrivateFolder
) -> dict[str, str]:
    programs = folder.path / "bin"
    programs.mkdir(mode=0o700)
    folder.write("bin/docker", _wrapper(base, docker, label), mode=0o700)
    environment = {**base, "PATH": os.pathsep.join(filter(None, (str(programs), base.get("PATH", ""))))}
    readable = sorted({str(mount.source) for mount in allowed if mount.source and not mount.writable})
    writable = sorted({str(mount.source) for mount in allowed if mount.source and mount.writable})
    # Exactly the folders of this server, which were checked: a gateway with rules of its own agrees with ours.
    if readable:
        environment["MCP_GATEWAY_DOCKER_BIND_ALLOWED_PATHS"] = os.pathsep.join(readable)
    if writable:
        environment["MCP_GATEWAY_DOCKER_BIND_ALLOW_WRITABLE_PATHS"] = os.pathsep.join(writable)
    return environment


def _wrapper(environment: Mapping[str, str], docker: str, label: str) -> str:
    """A `docker` for the gateway, which starts containers with little more than PATH in the environment.

    It names the engine again, and labels what it starts, so that a container can be found when its gateway is gone.
    """
    exported = {name: value for name, value in environment.items() if name.startswith("DOCKER_")}
    if home := environment.get("HOME"):
        # Where the contexts are, also when the server has a HOME of its own.
        exported.setdefault("DOCKER_CONFIG", str(Path(home, ".docker")))
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(exported.items())]
    # A variable of the server may have one of these names, and is then handed to its container from here.
    given = [name for name in _OF_THE_USER if name in environment]
    lines += [f'[ -n "${{{name}+x}}" ] || export {name}={shlex.quote(environment[name])}' for name in given]
    run = f'shift; exec {shlex.quote(docker)} run --label {shlex.quote(label)} "$@"'
    lines += [f'if [ "$1" = run ]; then {run}; fi', f'exec {shlex.quote(docker)} "$@"']
    return "\n".join(("#!/bin/sh", *lines, ""))
