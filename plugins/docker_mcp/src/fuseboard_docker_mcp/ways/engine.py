"""The way through the Docker engine alone: `docker run -i` with the flags that a gateway would give."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fuseboard_docker_mcp.config import DockerMcpSettings
from fuseboard_docker_mcp.errors import NotAllowed, WrongConfiguration
from fuseboard_docker_mcp.models import HttpLaunch, Launch, Server, StdioLaunch
from fuseboard_docker_mcp.text import clean
from fuseboard_docker_mcp.toolkit import explain_docker_run
from fuseboard_docker_mcp.ways import entries, images, mounts, remotes, templates
from fuseboard_docker_mcp.ways.private import PrivateFolder, private_folder

if TYPE_CHECKING:
    from fuseboard_docker_mcp.docker import Docker

# What Docker's command line, or a program that it starts, heeds itself. A catalogue that could set these would decide
# which engine is asked or which code runs on this machine; the container gets them from a file instead.
_HEEDED = re.compile(
    r"(?i)PATH|CDPATH|HOME|USER|LOGNAME|SHELL|PWD|TMPDIR|IFS|ENV|SHELLOPTS|LANG|LANGUAGE|NLSPATH|"
    r"HOSTALIASES|LOCALDOMAIN|RES_OPTIONS|(HTTPS?|ALL|NO|FTP)_PROXY|REGISTRY_AUTH_FILE|NODE_OPTIONS|"
    r"GO(DEBUG|GC|MAXPROCS|MEMLIMIT|TRACEBACK)|(PYTHON|PERL|RUBY|BASH|MALLOC|GCONV).*|"
    r"(DOCKER|BUILDKIT|BUILDX|COMPOSE|CONTAINERS?|PODMAN|STORAGE|LD|DYLD|SSH|SSL|OTEL|XDG|GLIBC|LC|DBUS)_.*"
)


@dataclass(frozen=True, slots=True)
class _Variables:
    """What the container gets, in order: the secrets, then the entry's own variables."""

    values: Mapping[str, str]
    secret: frozenset[str]


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
    """Check an entry of a catalogue and yield its `docker run`, or its address; see `ways.prepared`."""
    if url := entries.remote_url(server):
        await remotes.check_url(url, resolve)
        yield _remote(server, url, secrets)
        return
    if server.kind == "poci" or server.entry.get("type") == "poci" or not server.image:
        raise NotAllowed(
            f"{server.name} is no server in one container, so `docker run` cannot start it. "
            "It needs Docker's MCP Toolkit: the operator can install the plugin docker-mcp"
        )
    image = images.check_image(server.image, server.name)
    nested = {server.name: config}
    allowed = entries.volumes(server, nested, settings)
    variables = _variables(server, nested, secrets)
    command = _command(server, nested, variables)
    options = _options(server, nested, allowed)
    await images.ensure_image(image, docker, settings, report)
    with private_folder(settings.state_folder, server.name) as folder:
        yield StdioLaunch(
            argv=(
                *(docker.path(), *_flags(server, settings, label)),
                *_environment_flags(server.name, variables, folder),
                *(*options, image, *command),
            ),
            environment={**docker.environment(), **_passed(variables)},
            protocol=server.protocol,
            explain=explain_docker_run(image),
            label=label,
            secrets=frozenset(filter(None, secrets.values())),
        )


def _remote(server: Server, url: str, secrets: Mapping[str, str]) -> HttpLaunch:
    remote = server.entry.get("remote")
    remote = remote if isinstance(remote, Mapping) else {}
    patterns = remote.get("headers") or {}
    kind = remote.get("transport_type") or ("streamable-http" if remote.get("url") else "sse")
    if not isinstance(patterns, Mapping) or kind not in ("streamable-http", "http", "streaming", "sse"):
        raise WrongConfiguration(f"the entry of {server.name!r} has a remote whose headers or transport are unknown")
    variables = {secret.env: secrets[secret.name] for secret in server.secrets}
    texts = {str(name): templates.written(value) for name, value in patterns.items()}
    return HttpLaunch(
        url=url,
        headers=remotes.headers(texts, variables),
        transport="sse" if kind == "sse" else "streamable-http",
        protocol=server.protocol,
        secrets=frozenset(filter(None, secrets.values())),
    )


def _flags(server: Server, settings: DockerMcpSettings, label: str) -> list[str]:
    limits = ["--cpus", f"{settings.docker_mcp.cpus:g}", "--memory", settings.docker_mcp.memory]
    labels = ("docker-mcp=true", "docker-mcp-tool-type=mcp", f"docker-mcp-name={server.name}")
    labelled = [part for text in (*labels, "docker-mcp-transport=stdio", label) for part in ("-l", text)]
    network = ["--network", "none"] if server.entry.get("disableNetwork") is True else []
    flags = ["run", "--rm", "-i", "--init", "--security-opt", "no-new-privileges", *limits, "--pull", "never"]
    return [*flags, *labelled, *network]


def _variables(server: Server, config: Mapping[str, Any], secrets: Mapping[str, str]) -> _Variables:
    values = {}
    for secret in server.secrets:
        if value := secrets[secret.name]:
            values[entries.variable_name(secret.env, server.name)] = templates.passable(value, secret.name)
    secret_names = set(values)
    for name, pattern in entries.variables(server.entry, server.name):
        if templates.is_template(pattern):
            value = templates.text(pattern, config)
        else:
            value = templates.passable(templates.expand(pattern, values), pattern)
            if not secret_names.isdisjoint(templates.names_in(pattern)):
                secret_names.add(name)
        if value:
            values[name] = value
    return _Variables(values, frozenset(secret_names))


def _command(server: Server, config: Mapping[str, Any], variables: _Variables) -> list[str]:
    command = []
    for item in templates.items(entries.texts(server.entry, "command", server.name), config):
        if told := sorted(variables.secret & templates.names_in(item)):
            raise NotAllowed(
                f"{server.name} wants the secret {clean(told[0], 80)} on its command line, where every process of this "
                "machine could read it. Docker's MCP Toolkit would start it so: the operator can install docker-mcp"
            )
        command.append(templates.passable(templates.expand(item, variables.values), item))
    return command


def _options(server: Server, config: Mapping[str, Any], allowed: list[mounts.Mount]) -> list[str]:
    user = templates.text(entries.one_text(server.entry, "user", server.name), config)
    hosts = [templates.passable(host, host) for host in entries.texts(server.entry, "extraHosts", server.name)]
    wanted = [("-v", mount.spec) for mount in allowed] + [("-u", user)] + [("--add-host", host) for host in hosts]
    # A value with a dash in front would be read as an option of its own.
    return [part for flag, value in wanted if value and not value.startswith("-") for part in (flag, value)]


def _passed(variables: _Variables) -> dict[str, str]:
    return {name: value for name, value in variables.values.items() if not _HEEDED.fullmatch(name)}


def _environment_flags(server: str, variables: _Variables, folder: PrivateFolder) -> list[str]:
    passed = _passed(variables)
    flags = [part for name in passed for part in ("-e", name)]
    lines = []
    for name, value in variables.values.items():
        if name in passed:
            continue
        if "\n" in value or "\r" in value:
            raise WrongConfiguration(f"{server}: the variable {name} has several lines, which Docker cannot be given")
        lines.append(f"{name}={value}\n")
    return [*flags, "--env-file", str(folder.write("variables.env", "".join(lines)))] if lines else flags
