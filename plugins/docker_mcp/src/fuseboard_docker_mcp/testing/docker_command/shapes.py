"""A catalogue's entries in the forms that the dialects print.

Dialect A prints an entry as its file has it. B and P print the fields below in this order, and drop everything else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .state import JsonObject

FIELDS = (
    *("name", "type", "image", "description", "title", "icon", "readme", "longLived", "remote", "sseEndpoint", "oauth"),
    *("secrets", "env", "command", "volumes", "user", "disableNetwork", "allowHosts", "extraHosts", "tools", "config"),
    *("prefix", "metadata", "policy"),
)
ALWAYS: JsonObject = {"type": "", "image": "", "remote": {}}
INNER = {
    "remote": ("url", "transport_type", "headers"),
    "metadata": ("pulls", "stars", "githubStars", "category", "tags", "license", "owner", "registryUrl"),
}
NO_CONTAINER: JsonObject = {"image": "", "command": None, "volumes": None}
NO_PARAMETERS: JsonObject = {"type": "", "properties": None, "required": None}


def server(entry: Mapping[str, Any], name: str = "") -> JsonObject:
    """An entry as B (without a name) and P (with one) print it."""
    full = ALWAYS | ({"name": name} if name else {}) | {key: value for key, value in entry.items() if key != "name"}
    return {key: _field(key, full[key]) for key in FIELDS if key in full}


def _field(key: str, value: Any) -> Any:
    if key in INNER:
        return {part: value[part] for part in INNER[key] if part in value}
    if key == "tools":
        return [tool(one) for one in value]
    if key == "secrets":
        return [{"name": one["name"], "env": one["env"]} for one in value]
    if key == "config":
        return _sorted(value)
    return value


def _sorted(value: Any) -> Any:
    """A value with the keys of all its objects in order, as a map of the real toolkit is printed."""
    return json.loads(json.dumps(value, sort_keys=True))


def tool(entry: Mapping[str, Any]) -> JsonObject:
    """A tool of an entry, with the empty noise that the toolkit adds."""
    shown: JsonObject = {"name": entry["name"], "description": entry.get("description", "")}
    shown |= {key: entry[key] for key in ("arguments", "annotations") if key in entry}
    parameters = entry.get("parameters") or NO_PARAMETERS
    return shown | {"container": entry.get("container") or NO_CONTAINER, "parameters": parameters}


def catalogue_server(entry: Mapping[str, Any], name: str) -> JsonObject:
    """An entry as a catalogue of dialect P shows it."""
    return _typed(entry) | _address(entry) | {"snapshot": {"server": server(entry, name)}}


def profile_server(entry: Mapping[str, Any], kept: Mapping[str, Any]) -> JsonObject:
    """An entry as a profile shows it; `kept` has the name, the catalogue, the tools and the configuration."""
    shown = _typed(entry) | ({"config": _sorted(kept["config"])} if kept["config"] else {})
    shown |= {"secrets": "default", "tools": kept["tools"]} | _address(entry)
    return shown | {"catalogRef": kept["catalog"], "snapshot": {"server": server(entry, kept["name"])}}


def _typed(entry: Mapping[str, Any]) -> JsonObject:
    return {"type": "remote" if entry.get("type") == "remote" else "image"}


def _address(entry: Mapping[str, Any]) -> JsonObject:
    if entry.get("type") == "remote":
        return {"endpoint": entry.get("remote", {}).get("url", "")}
    return {"image": entry.get("image", "")}


def importable(entry: Mapping[str, Any]) -> bool:
    """Whether dialect P keeps an entry: a server or a remote, nothing else."""
    return entry.get("type") in ("server", "remote")


def digest(value: Any) -> str:
    """A digest that changes with the content."""
    import hashlib

    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def flattened(prefix: str, value: Any) -> JsonObject:
    """A value of a profile's configuration as `--get-all` prints it: objects one key per leaf."""
    if isinstance(value, dict) and value:
        return {
            key: leaf for part, inner in value.items() for key, leaf in flattened(f"{prefix}.{part}", inner).items()
        }
    return {prefix: value}
