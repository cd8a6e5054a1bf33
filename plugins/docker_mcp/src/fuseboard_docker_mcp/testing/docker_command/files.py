"""Dialects A and B: what `docker mcp` keeps in `registry.yaml`, `config.yaml`, `catalog.json` and `catalogs/`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from . import shapes
from .arguments import parsed
from .state import Failed, JsonObject, State, compact, pretty, put, refuse, say, warn

FRESH = timedelta(hours=12)
REMOTE_CATALOGUE = "https://desktop.docker.com/mcp/catalog/{version}/catalog.yaml"


def _catalogues(state: State) -> JsonObject:
    try:
        return dict(json.loads((state.mcp_home / "catalog.json").read_text(encoding="utf-8"))["catalogs"])
    except FileNotFoundError:
        return {}


def _refresh(state: State, names: list[str]) -> None:
    """What is older than 12 hours is fetched anew, which fails where there is no network."""
    catalogues = _catalogues(state)
    for name in names or ["docker-mcp"]:
        updated = catalogues.get(name, {}).get("lastUpdate")
        imported = name in catalogues and updated is None
        stale = updated is None or datetime.now(timezone.utc) - datetime.fromisoformat(updated) > FRESH  # noqa: UP017
        if not imported and stale and (state.fault("offline", []) or name not in catalogues):
            url = REMOTE_CATALOGUE.format(version="v2" if state.dialect == "A" else "v3")
            refuse(f'Get "{url}": dial tcp: lookup desktop.docker.com on 127.0.0.53:53: no such host')


def _catalogue(state: State, name: str) -> JsonObject:
    found = state.yaml(state.mcp_home / "catalogs" / f"{name}.yaml")
    return found if isinstance(found, dict) else {}


def entries(state: State) -> JsonObject:
    """The entries of all catalogues by name; a later catalogue wins, with a warning."""
    together: JsonObject = {}
    for name in _catalogues(state):
        for key, entry in (_catalogue(state, name).get("registry") or {}).items():
            if key in together:
                warn(f"Warning: overlapping key {key} found in catalog {name}, overwriting previous value\n")
            together[key] = entry
    return together


def enabled(state: State) -> list[str]:
    """The names in `registry.yaml`, sorted."""
    try:
        registry = state.yaml(state.mcp_home / "registry.yaml")
    except Failed as failed:
        raise Failed(failed.words if state.dialect == "A" else f"parsing registry config: {failed.words}") from None
    return sorted((registry or {}).get("registry") or {})


def configuration(state: State) -> JsonObject:
    """The values of `config.yaml`, by server."""
    try:
        values = state.yaml(state.mcp_home / "config.yaml")
    except Failed as failed:
        raise Failed(f"parsing user config: {failed.words}") from None
    return values if isinstance(values, dict) else {}


def _catalog_ls(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker mcp catalog ls", ("--format",))
    _refresh(state, list(_catalogues(state)))
    catalogues = _catalogues(state)
    if flags.one("--format") == "json":
        say(compact({"catalogs": catalogues}) + "\n")
    else:
        say("".join(f"{name}: {one['displayName']}\n" for name, one in catalogues.items()))
    return 0


def _catalog_show(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker mcp catalog show", ("--format",))
    name = flags.rest[0] if flags.rest else "docker-mcp"
    if name not in _catalogues(state) and name != "docker-mcp":
        refuse(f'catalog "{name}" not found')
    _refresh(state, [name])
    catalogue = _catalogue(state, name)
    registry = catalogue.get("registry") or {}
    if state.dialect == "A":
        shown = {**catalogue, "registry": registry}
        say(compact(shown) + "\n")
        return 0
    shown = {"name": catalogue.get("name", name), "displayName": catalogue.get("displayName", "")}
    shown["registry"] = {key: shapes.server(registry[key]) for key in sorted(registry)}
    say(pretty(shown) + "\n")
    return 0


def _catalog_import(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker mcp catalog import", ("--mcp-registry",), ("--dry-run",))
    path = Path(flags.rest[0]) if flags.rest else refuse("accepts 1 arg(s), received 0")
    content = state.yaml(path)
    name = str(content.get("name", path.stem))
    put(state.mcp_home / "catalogs" / f"{name}.yaml", path.read_text(encoding="utf-8"))
    listed = {**_catalogues(state), name: {"displayName": content.get("displayName", name), "url": str(path)}}
    put(state.mcp_home / "catalog.json", json.dumps({"catalogs": listed}))
    return 0


def _server_ls(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker mcp server ls", (), ("--json",))
    names = enabled(state)
    if state.dialect == "A":
        say(compact(names or None) if "--json" in flags.switches else ", ".join(names) + "\n")
        return 0
    values, known = configuration(state), entries(state)
    rows = [_row(state, name, known.get(name, {}), values.get(name) or {}) for name in names]
    if "--json" in flags.switches:
        say(compact(rows or None))
    else:
        say("".join(f"{row['name']}  {row['description']}\n" for row in rows))
    return 0


def _row(state: State, name: str, entry: JsonObject, values: JsonObject) -> JsonObject:
    stored = state.data["secrets"] if state.data["docker_pass"] else {}
    secrets = [one["name"] for one in entry.get("secrets", [])]
    wanted = [key for schema in entry.get("config", []) for key in schema.get("required", schema.get("properties", {}))]
    return {
        "name": name,
        "description": entry.get("description", ""),
        "secrets": _status(secrets, stored),
        "config": _status(wanted, values),
        "oauth": "required" if "oauth" in entry else "none",
    }


def _status(wanted: list[str], present: JsonObject) -> str:
    there = sum(1 for name in wanted if name in present)
    if not wanted:
        return "none"
    return "required" if not there else "done" if there == len(wanted) else "partial"


def _server_inspect(state: State, args: list[str]) -> int:
    name = " ".join(parsed(args, "docker mcp server inspect").rest)
    entry = entries(state).get(name)
    if entry is None:
        refuse(f'server "{name}" not found in catalog')
    if not entry.get("readme") or not entry.get("toolsUrl"):
        refuse('Get "": unsupported protocol scheme ""')
    kept = ("name", "description", "arguments", "annotations")
    tools = [{key: one[key] for key in kept if key in one} | {"enabled": True} for one in entry.get("tools", [])]
    say(pretty({"tools": tools, "readme": f"# {entry.get('title', name)}\n"}))
    return 0


def _put_registry(state: State, names: list[str]) -> None:
    lines = "".join(f'  {name}:\n    ref: ""\n' for name in sorted(names))
    put(state.mcp_home / "registry.yaml", f"registry:\n{lines}" if names else "registry: {}\n")


def _server_enable(state: State, args: list[str]) -> int:
    wanted, known = parsed(args, "docker mcp server enable").rest, entries(state)
    if missing := [name for name in wanted if name not in known]:
        refuse(f"server {missing[0]} not found in catalog")
    _put_registry(state, list({*enabled(state), *wanted}))
    if state.dialect == "B":
        say("Tip: use the server from any client with `docker mcp client connect`.\n")
    return 0


def _server_disable(state: State, args: list[str]) -> int:
    gone = parsed(args, "docker mcp server disable").rest
    _put_registry(state, [name for name in enabled(state) if name not in gone])
    return 0


def _server_reset(state: State, args: list[str]) -> int:
    _put_registry(state, [])
    return 0


def _config_read(state: State, args: list[str]) -> int:
    parsed(args, "docker mcp config read")
    path = state.mcp_home / "config.yaml"
    sys.stdout.buffer.write(path.read_bytes() if path.exists() else b"")
    return 0


def _config_write(state: State, args: list[str]) -> int:
    words = parsed(args, "docker mcp config write").rest
    if len(words) != 1:
        refuse(f"accepts 1 arg(s), received {len(words)}")
    put(state.mcp_home / "config.yaml", words[0])
    return 0


def _config_reset(state: State, args: list[str]) -> int:
    put(state.mcp_home / "config.yaml", "")
    return 0


COMMANDS: dict[str, Callable[[State, list[str]], Any]] = {
    "catalog ls": _catalog_ls,
    "catalog show": _catalog_show,
    "catalog import": _catalog_import,
    "server ls": _server_ls,
    "server list": _server_ls,
    "server inspect": _server_inspect,
    "server enable": _server_enable,
    "server disable": _server_disable,
    "server reset": _server_reset,
    "config read": _config_read,
    "config write": _config_write,
    "config reset": _config_reset,
}
