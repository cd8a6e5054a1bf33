"""What the rooms of the plugin tell each other: servers as every source describes them, and how one is reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fuseboard_docker_mcp.errors import DockerMcpError

Way = Literal["toolkit", "engine", "direct"]
"""How a server is reached: a gateway of Docker's MCP Toolkit, `docker run`, or a command or address of the settings."""

Protocol = Literal["auto", "legacy", "2026-07-28"]
"""`Client(mode=...)` of the SDK: which protocol era is opened with a server."""


@dataclass(frozen=True, slots=True)
class SecretSpec:
    """A secret that a server wants: its name in the stores, and the variable (or header part) that carries it."""

    name: str
    env: str


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a catalogue describes it, before the server runs.

    Attributes:
        input_schema: JSON Schema; `{"type": "object"}` where the catalogue says nothing.
        annotations: in wire form (`readOnlyHint` and the like).
    """

    name: str
    description: str = ""
    input_schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "object"})
    annotations: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Server:
    """A server as one source describes it.

    Attributes:
        name: matches `^[A-Za-z0-9][A-Za-z0-9._-]*$`; it becomes a file name and a prefix.
        way: how it is reached.
        source: where the description is from, for people: "profile dev", "catalogue lab/catalog:latest", "settings".
        installed: whether the operator chose it; only these may be started.
        kind: "server", "remote" or "poci" of a catalogue, "stdio" or "http" of the settings, "" where nothing is said.
        image: of its container, "" where there is none.
        url: of a remote server, "" where there is none.
        secrets: that it wants.
        config_schemas: JSON Schemas with an extra `name`, as a catalogue has them.
        config: values that the source itself keeps (a profile's), without the server's name in front.
        tools: as described; None where nothing is said.
        allowed_tools: the tools that the operator left on; None means all.
        long_lived: what the entry says of keeping its container.
        entry: the catalogue's own object (`snapshot.server`, or the value under `registry`), as it stands.
        first_class: whether its tools join the host's catalogue; None leaves it to the plugin's setting.
        protocol: the era to open; a gateway speaks the handshake revisions only.
    """

    name: str
    way: Way
    source: str
    installed: bool
    kind: str = ""
    title: str = ""
    description: str = ""
    image: str = ""
    url: str = ""
    secrets: tuple[SecretSpec, ...] = ()
    config_schemas: tuple[Mapping[str, Any], ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    tools: tuple[ToolSpec, ...] | None = None
    allowed_tools: frozenset[str] | None = None
    long_lived: bool = False
    entry: Mapping[str, Any] = field(default_factory=dict)
    first_class: bool | None = None
    protocol: Protocol = "auto"


Explain = Callable[[Sequence[str], int | None], DockerMcpError | None]
"""`(last lines of stderr, exit code or None while it runs) -> the named error`, None where nothing is recognised."""


@dataclass(frozen=True, slots=True)
class StdioLaunch:
    """A process that speaks MCP on its standard streams.

    Attributes:
        argv: the program, absolute or found on the PATH of `environment`, and its arguments. Never a secret.
        environment: all of it; nothing is inherited beside it.
        folder: working directory, None for the plugin's own.
        protocol: the era to open.
        explain: reads the reason of a failed start, or of a death, out of stderr.
        label: containers that the process starts carry this `key=value`, so that none is left; None without containers.
        secrets: values that must not be shown when stderr quotes them.
        needs_tools: whether an empty list of tools means that it could not start (a gateway says so only on stderr).
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path | None = None
    protocol: Protocol = "auto"
    explain: Explain = lambda lines, code: None
    label: str | None = None
    secrets: frozenset[str] = frozenset()
    needs_tools: bool = False


@dataclass(frozen=True, slots=True)
class HttpLaunch:
    """A server behind an address.

    Attributes:
        url: http(s) address of its endpoint.
        headers: of every request; their values may be secret.
        transport: "streamable-http" or the old "sse".
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    transport: Literal["streamable-http", "sse"] = "streamable-http"
    protocol: Protocol = "auto"
    secrets: frozenset[str] = frozenset()


Launch = StdioLaunch | HttpLaunch
