"""What a gateway reads before it starts a server: catalogues, configuration, secrets, and what becomes of them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .arguments import Parsed
from .files import enabled
from .profiles import find_profile
from .state import Failed, JsonObject, State, refuse, warn

TERM = re.compile(r"\{\{([^{}]*)\}\}")
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
FILE_MODE = ("--servers", "--catalog", "--registry", "--config", "--tools-config")
FIXED = ("run", "--rm", "-i", "--init", "--security-opt", "no-new-privileges")
LABELS = ("--pull", "never", "-l", "docker-mcp=true", "-l", "docker-mcp-tool-type=mcp")


class Wanted:
    """A server that the gateway shall serve."""

    def __init__(
        self,
        name: str,
        entry: JsonObject | None,
        values: JsonObject,
        secrets: Mapping[str, str],
        tools: list[str] | None,
    ) -> None:
        self.name = name
        self.entry = entry
        self.values = values
        self.secrets = secrets
        self.tools = tools
        self.variables: dict[str, str] = {}
        self.limits = ["--cpus", "1", "--memory", "2Gb"]

    def resolve(self, verbose_warnings: bool) -> None:
        """Fill `variables`: of the secrets first, then of `env`; an empty one is dropped."""
        entry = self.entry or {}
        for one in entry.get("secrets", []):
            value = self.secrets.get(one["name"])
            if value is None and verbose_warnings:
                known = f"Secret '{one['name']}' not found for server '{self.name}'"
                warn(f"Warning: {known}, setting {one['env']}=<UNKNOWN>\n")
            self.variables[one["env"]] = "<UNKNOWN>" if value is None else value
        for one in entry.get("env", []):
            if value := self.expanded(str(one.get("value", ""))):
                self.variables[one["name"]] = value

    def expanded(self, text: str) -> str:
        """A template over the configuration, else `$NAME` over the variables so far."""
        if "{{" in text:
            return TERM.sub(lambda term: _word(self.term(term[1])), text)
        return VARIABLE.sub(lambda found: self.variables.get(found[1] or found[2], ""), text)

    def items(self, texts: list[str]) -> list[str]:
        """Templates of `command` and `volumes`, where a list as the whole item becomes several."""
        found: list[str] = []
        for text in texts:
            whole = TERM.fullmatch(text)
            value = self.term(whole[1]) if whole else self.expanded(text)
            found += [_word(part) for part in value] if isinstance(value, list) else [_word(value)]
        return found

    def term(self, text: str) -> Any:
        """The value of `a.b|filter|filter`."""
        path, *filters = (part.strip() for part in text.split("|"))
        value: Any = {self.name: self.values}
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        for name in filters:
            value = _filtered(name, value)
        return value

    def docker_arguments(self) -> list[str]:
        """Of `docker`, to start the server's container."""
        entry = self.entry or {}
        network = ["--network", "none"] if entry.get("disableNetwork") else []
        labels = [*LABELS, "-l", f"docker-mcp-name={self.name}", "-l", "docker-mcp-transport=stdio"]
        args = [*FIXED, *self.limits, *labels, *network]
        args += [part for name in self.variables for part in ("-e", name)]
        args += [part for volume in self.items(entry.get("volumes", [])) if volume for part in ("-v", _bind(volume))]
        if user := self.expanded(entry.get("user", "")):
            args += ["-u", user]
        return [*args, entry["image"], *self.items(entry.get("command", []))]


def _word(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else "<int Value>"


def _bind(volume: str) -> str:
    """A folder of the machine is mounted read-only, unless its path may be written."""
    source = volume.partition(":")[0]
    writable = os.environ.get("MCP_GATEWAY_DOCKER_BIND_ALLOW_WRITABLE_PATHS", "").split(os.pathsep)
    return volume if not source.startswith("/") or source in writable or volume.endswith(":ro") else f"{volume}:ro"


def _filtered(name: str, value: Any) -> Any:
    if name == "into":
        return value if isinstance(value, list) else [value] if value else []
    if name in ("volume", "volume-target"):
        return [f"{one}:{one}" if name == "volume" else one for one in value] if isinstance(value, list) else (
            f"{value}:{value}" if value and name == "volume" else value
        )  # fmt: skip
    if name.startswith("or:"):
        return value or name[3:]
    return value


def _catalogue(state: State, name: str) -> JsonObject:
    folder = state.mcp_home / "catalogs"
    path = Path(name) if os.path.isabs(name) else folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        refuse("reading catalog: local file path must resolve within Docker MCP catalogs directory")
    try:
        found = state.yaml(path)
    except Failed as failed:
        raise Failed(f"reading catalog: {failed.words}") from None
    return dict((found or {}).get("registry") or {}) if isinstance(found, dict) else {}


def _configuration(state: State, names: list[str]) -> JsonObject:
    values: JsonObject = {}
    for name in names:
        try:
            values |= state.yaml(_path(state, name)) or {}
        except Failed as failed:
            raise Failed(f"reading config: parsing config file {name}: {failed.words}") from None
    return values


def _path(state: State, name: str) -> Path:
    return Path(name) if os.path.isabs(name) else state.mcp_home / name


def _secrets(flags: Parsed) -> dict[str, str]:
    """The values of `--secrets file:<path>`: lines `name=value`; what cannot be read is silently nothing."""
    values: dict[str, str] = {}
    for source in flags.one("--secrets").split(":file:"):
        path = Path(source.removeprefix("file:"))
        if source.startswith("file:") and path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            values |= dict(line.partition("=")[::2] for line in lines if "=" in line and not line.startswith("#"))
    return values


def wanted_servers(state: State, flags: Parsed) -> list[Wanted]:
    """The servers that the flags ask for, with the lines on standard error that the real gateway writes.

    Raises:
        Failed: for what the real gateway ends with.
    """
    by_file = flags.values.keys() & set(FILE_MODE) or not flags.one("--secrets", "docker-desktop").startswith("docker-")
    if state.dialect != "P" or by_file:
        if "--profile" in flags.values:
            refuse("cannot use --profile with --servers, --enable-all-servers, --catalog, --registry or --config")
        return _by_files(state, flags)
    return _by_profile(state, flags.one("--profile", "default"), flags)


def _by_files(state: State, flags: Parsed) -> list[Wanted]:
    names = flags.listed("--servers")
    catalogues = flags.listed("--catalog") or ["docker-mcp.yaml"]
    warn("- Reading configuration...\n")
    if not names:
        warn("  - Reading registry from registry.yaml\n")
        names = enabled(state)
    warn(f"  - Reading catalog from [{' '.join(catalogues)}]\n")
    entries: JsonObject = {}
    for name in catalogues:
        entries |= _catalogue(state, name)
    files = flags.listed("--config") or ["config.yaml"]
    warn(f"  - Reading config from {', '.join(files)}\n")
    values = _configuration(state, files)
    warn(f"  - Reading tools from {flags.one('--tools-config', 'tools.yaml')}\n")
    tools = state.yaml(_path(state, flags.one("--tools-config", "tools.yaml"))) or {}
    secrets = _secrets(flags)
    if state.dialect == "A" and not secrets and flags.one("--secrets", "docker-desktop").startswith("docker-desktop"):
        _no_desktop([one["name"] for name in names for one in entries.get(name, {}).get("secrets", [])])
    return [Wanted(n, entries.get(n), values.get(n) or {}, secrets, tools.get(n)) for n in names]


def _no_desktop(names: list[str]) -> None:
    if names:
        listed = f"[{' '.join(names)}]"
        warn(f"  - Reading secrets {listed}\n")
        inner = "reading secrets reading secrets exit status 125: docker: Error response from daemon: No such image"
        refuse(f"reading MCP Toolkit's secrets: finding secrets {listed}: {inner}: docker/jcat@sha256:7671")


def _by_profile(state: State, name: str, flags: Parsed) -> list[Wanted]:
    warn("- Reading profile configuration...\n")
    if name == "default" and not any(profile["id"] == name for profile in state.data["profiles"]):
        return []
    profile = find_profile(state.data, name)
    wanted, invalid = [], []
    for one in profile["servers"]:
        entry = state.servers[one["name"]]["entry"]
        missing = [
            f"{key} (missing)"
            for schema in entry.get("config", [])
            for key in schema.get("required", [])
            if key not in one["config"]
        ]
        if missing:
            invalid.append(f"\nServer '{one['name']}':\n  Missing/invalid config: {', '.join(missing)}")
        unresolved = {part["name"]: f"se://docker/mcp/{part['name']}" for part in entry.get("secrets", [])}
        wanted.append(Wanted(one["name"], entry, one["config"], unresolved, one["tools"]))
    if invalid:
        words = f"Cannot activate profile '{name}'. Validation failed for {len(invalid)} server(s):"
        refuse("\n".join([words, *invalid]))
    return wanted
