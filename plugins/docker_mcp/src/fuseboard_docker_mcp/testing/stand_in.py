"""A folder with a `docker` in it that plays Docker's command line, its MCP plugin and an engine; see `StandIn`."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import yaml

from fuseboard_docker_mcp.testing.docker_command.state import State, put

Dialect = Literal["A", "B", "P", "none"]
VERSIONS: dict[Dialect, str] = {"A": "v0.22.0", "B": "v0.41.0", "P": "v0.43.3", "none": ""}
CATALOGUE = "docker-mcp"
CATALOGUE_REFERENCE = "mcp/docker-mcp-catalog:latest"
GONE_WITHIN = 5.0

Fault = Literal[
    "hang",
    "fails",
    "garbage",
    "help",
    "huge",
    "no-engine",
    "offline",
    "corrupt-database",
    "malformed-config",
    "malformed-registry",
    "early-notification",
    "closed-as-result",
    "flood",
]
"""What can be switched on with `StandIn.break_`:

hang: the command never ends. fails: it ends with `words` and `code`. garbage: it prints what is no text, and succeeds.
help: it prints Docker's help, and succeeds. huge: it prints 64 MiB. no-engine: no engine answers it.
offline: nothing can be pulled or refreshed. corrupt-database: dialect P says so. malformed-config, malformed-registry:
the file of dialects A and B is no YAML. Of a gateway: early-notification: `tools/list_changed` comes before the
answer to `initialize`. closed-as-result: calls after the end of a container get a result with `isError` instead of an
error. flood: it writes a megabyte to standard error when it starts.
"""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A server of the stand-in: how catalogues describe it, and what its container does.

    Attributes:
        entry: the value under `registry` of a catalogue, as it stands; None for `container_entry(name)`.
        options: of the toy server that plays it: `("--fail-start", "no licence")`, `("--hang-start",)`,
            `("--start-delay", "0.5")`, `("--ignore-term", "--ignore-eof")`, `("--tools", "echo,die")` and so on.
        installed: whether it is in `registry.yaml`, or in the profile `default`.
        image: whether its image is there, can be pulled, or neither.
        allowed_tools: of the profile (dialect P): None for all.
        config: values that are configured from the start.
    """

    entry: Mapping[str, Any] | None = None
    options: tuple[str, ...] = ()
    installed: bool = True
    image: Literal["present", "pullable", "missing"] = "present"
    allowed_tools: tuple[str, ...] | None = None
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """A command line that was run: every argument, and the names of the variables that were set."""

    argv: tuple[str, ...]
    variables: frozenset[str]


@dataclass(frozen=True, slots=True)
class Container:
    """A container that lives: `pid` is its server's, `flags` are those of `docker run` with their values."""

    id: str
    name: str
    image: str
    labels: Mapping[str, str]
    command: tuple[str, ...]
    flags: Mapping[str, tuple[str, ...]]
    pid: int


def container_entry(name: str, **more: Any) -> dict[str, Any]:
    """The entry of a container server called `name`, with more fields or other values."""
    described = {"name": "echo", "description": "Say it again.", "arguments": [{"name": "text", "type": "string"}]}
    entry: dict[str, Any] = {"description": f"The stand-in server {name}.", "title": name.title(), "type": "server"}
    return entry | {"image": f"stand-in/{name.lower()}:1", "tools": [described, {"name": "add"}]} | more


class StandIn:
    """A `docker` for tests: `with StandIn(tmp_path, servers={"notes": Behaviour()}) as docker: ...`.

    It really starts processes: `docker run -i` a toy server in a session of its own, `docker mcp gateway run` a gateway
    that starts the servers of its catalogue through the `docker` found on its PATH. What is tried runs with
    `environment()`. At the end of the block every container is ended. A gateway cannot reach remote servers, has none
    of the internal tools, and shows nothing that a container writes to standard error, as the real one.

    Args:
        folder: an empty folder, or one that does not exist yet.
        dialect: of the MCP plugin; "none" for a docker without it.
        version: that `docker mcp version` prints; "" for the usual one of the dialect.
        engine: whether an engine answers.
        docker_host: the engine answers at this DOCKER_HOST only; "" for any.
        servers: by name.
        catalogues: the names of catalogues (dialect P: references such as `lab/catalog:latest`) and of the servers in
            them; None for one with all servers, Docker's own.
        docker_pass: whether `docker mcp secret` works (dialects B and P).
    """

    def __init__(
        self,
        folder: Path,
        *,
        dialect: Dialect = "P",
        version: str = "",
        engine: bool = True,
        docker_host: str = "",
        servers: Mapping[str, Behaviour] | None = None,
        catalogues: Mapping[str, Sequence[str]] | None = None,
        docker_pass: bool = False,
    ) -> None:
        self.folder = folder.absolute()
        self.home = self.folder / "home"
        self.docker = self.folder / "bin" / "docker"
        self.dialect = dialect
        servers = servers or {}
        usual = CATALOGUE_REFERENCE if dialect == "P" else CATALOGUE
        self._catalogues = {usual: list(servers)} if catalogues is None else {k: list(v) for k, v in catalogues.items()}
        self._entries = {name: dict(one.entry or container_entry(name)) for name, one in servers.items()}
        data: dict[str, Any] = {
            "dialect": dialect,
            "version": version or VERSIONS[dialect],
            "engine": engine,
            "docker_host": docker_host,
            "docker_pass": docker_pass,
            "home": str(self.home),
            "python": sys.executable,
            "toy": str(Path(__file__).with_name("toy_server.py")),
            "site_packages": str(Path(yaml.__file__).parent.parent),
            "images": self._images(servers, "present"),
            "pullable": self._images(servers, "pullable"),
            "servers": {n: {"entry": self._entries[n], "options": list(one.options)} for n, one in servers.items()},
            "catalogues": {k: {"title": _title(k), "servers": names} for k, names in self._catalogues.items()},
            "profiles": self._profiles(servers),
            "secrets": {},
            "faults": [],
        }
        for inner in (self.home, self.docker.parent, self.folder / "containers"):
            inner.mkdir(parents=True, exist_ok=True)
        put(self.folder / "state.json", json.dumps(data))
        self._write_command()
        if dialect != "P":
            self._write_files(servers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _images(self, servers: Mapping[str, Behaviour], how: str) -> list[str]:
        images = (self._entries[name].get("image") for name, one in servers.items() if one.image == how)
        return [str(image) for image in images if image]

    def _profiles(self, servers: Mapping[str, Behaviour]) -> list[dict[str, Any]]:
        kept = [
            {"name": name, "catalog": reference, "tools": one.allowed_tools, "config": dict(one.config)}
            for name, one in servers.items()
            if one.installed and (reference := next((k for k, v in self._catalogues.items() if name in v), None))
        ]
        return [{"id": "default", "name": "Default Profile", "servers": kept}] if kept else []

    def _write_command(self) -> None:
        code = (
            "import sys; sys.path.insert(0, sys.argv.pop(1)); from docker_command import cli; cli.main(sys.argv.pop(1))"
        )
        words = [sys.executable, "-I", "-S", "-c", code, str(Path(__file__).parent), str(self.folder)]
        put(self.docker, f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        self.docker.chmod(0o755)

    def _write_files(self, servers: Mapping[str, Behaviour]) -> None:
        """What dialects A and B keep below the home folder; a machine without the plugin may have it too."""
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        url = "https://desktop.docker.com/mcp/catalog/v2/catalog.yaml"
        listed = {k: {"displayName": _title(k), "url": url, "lastUpdate": now} for k in self._catalogues}
        put(self.mcp_home / "catalog.json", json.dumps({"catalogs": listed}))
        for name, members in self._catalogues.items():
            registry = {member: self._entries[member] for member in members}
            content = {"name": name, "displayName": _title(name), "registry": registry}
            put(
                self.mcp_home / "catalogs" / f"{name}.yaml",
                yaml.safe_dump(content, sort_keys=False, allow_unicode=True),
            )
        installed = {name: {"ref": ""} for name, one in servers.items() if one.installed}
        put(self.mcp_home / "registry.yaml", yaml.safe_dump({"registry": installed}))
        values = {name: dict(one.config) for name, one in servers.items() if one.config}
        put(self.mcp_home / "config.yaml", yaml.safe_dump(values) if values else "")

    @property
    def mcp_home(self) -> Path:
        """`<home>/.docker/mcp`."""
        return self.home / ".docker" / "mcp"

    def environment(self, **more: str) -> dict[str, str]:
        """The variables of a process that shall find this docker, and nothing of the person's own."""
        path = os.pathsep.join([str(self.docker.parent), "/usr/local/bin", "/usr/bin", "/bin"])
        return {"PATH": path, "HOME": str(self.home), "LANG": "C.UTF-8"} | more

    def run(self, *args: str, stdin: str = "", timeout: float = 20, **more: str) -> subprocess.CompletedProcess[str]:
        """Run `docker ARGS` once, with more variables; seconds until it is given up."""
        return subprocess.run(
            [self.docker, *args], input=stdin, env=self.environment(**more), capture_output=True, text=True,
            encoding="utf-8", errors="replace", timeout=timeout, check=False,
        )  # fmt: skip

    def calls(self) -> list[Call]:
        """Every command line so far, those that a gateway ran as well."""
        with contextlib.suppress(FileNotFoundError):
            lines = (self.folder / "calls.jsonl").read_text(encoding="utf-8").splitlines()
            rows = [json.loads(line) for line in lines]
            return [Call(tuple(row["argv"]), frozenset(row["variables"])) for row in rows]
        return []

    def containers(self) -> list[Container]:
        """The containers that live, oldest first."""
        return [
            Container(
                id=row["id"], name=row["name"], image=row["image"], labels=row["labels"], command=tuple(row["command"]),
                flags={name: tuple(values) for name, values in row["flags"].items()}, pid=row["pid"],
            )
            for row in State(self.folder).containers()
        ]  # fmt: skip

    def secrets(self) -> dict[str, str]:
        """What `docker mcp secret set` stored, values included."""
        return dict(State(self.folder).data["secrets"])

    def configuration(self, server: str) -> dict[str, Any]:
        """The values of a server in `config.yaml`, or in the first profile that has it."""
        state = State(self.folder)
        if self.dialect != "P":
            return dict((state.yaml(self.mcp_home / "config.yaml") or {}).get(server) or {})
        kept = (one for profile in state.data["profiles"] for one in profile["servers"] if one["name"] == server)
        return dict(next(kept, {"config": {}})["config"])

    def behave(self, server: str, *options: str) -> None:
        """Give a server other toy server options, from its next start on."""
        with State(self.folder).changing() as data:
            data["servers"][server]["options"] = list(options)

    def remove_image(self, server: str, *, pullable: bool = False) -> None:
        """Take the image of a server away; it may be pulled again, or not."""
        image = self._entries[server]["image"]
        with State(self.folder).changing() as data:
            data["images"] = [one for one in data["images"] if one != image]
            data["pullable"] = [one for one in data["pullable"] if one != image] + [image] * pullable

    def break_(self, fault: Fault, command: str = "", *, words: str = "broken on purpose", code: int = 1) -> None:
        """Switch a fault on.

        Args:
            fault: which.
            command: how the command lines begin that it is for, without `docker`: "mcp catalog", "ps"; "" for all,
                those that a gateway runs as well.
            words: that a command that fails says.
            code: and its exit code.
        """
        name = {"malformed-config": "config.yaml", "malformed-registry": "registry.yaml"}.get(fault)
        if name is not None:
            put(self.mcp_home / name, "labnotes: [unclosed\n  x: : y\n")
        with State(self.folder).changing() as data:
            data["faults"].append({"name": fault, "command": command, "words": words, "code": code})

    def mend(self) -> None:
        """Switch all faults off; a malformed file becomes an empty one."""
        with State(self.folder).changing() as data:
            for name in {fault["name"] for fault in data["faults"]} & {"malformed-config", "malformed-registry"}:
                put(self.mcp_home / f"{name.removeprefix('malformed-')}.yaml", "")
            data["faults"] = []

    def close(self) -> None:
        """End every container, and wait until they are gone (5 s at most)."""
        until = time.monotonic() + GONE_WITHIN
        while (containers := self.containers()) and time.monotonic() < until:
            for container in containers:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(container.pid, signal.SIGKILL)
            time.sleep(0.01)


def _title(catalogue: str) -> str:
    return "Docker MCP Catalog" if catalogue in (CATALOGUE, CATALOGUE_REFERENCE) else f"Catalogue {catalogue}"
