"""Dialect P: catalogues and profiles. The real toolkit keeps them in a database, the stand-in in its own state."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import shapes
from .arguments import Parsed, parsed
from .state import Failed, JsonObject, State, pretty, refuse, say

REFERENCE = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[A-Za-z0-9._-]+)?")
DEFAULT_SECRETS = {"default": {"provider": "docker-desktop-store"}}


def _format(flags: Parsed) -> str:
    kind = flags.one("--format")
    if kind not in ("", "human", "json", "yaml"):
        refuse(f"unsupported format: {kind}")
    return kind


def _reference(text: str) -> str:
    if not REFERENCE.fullmatch(text):
        refuse(f"failed to parse oci-reference {text}: invalid reference format")
    return text if ":" in text else f"{text}:latest"


def _arguments(flags: Parsed, count: int) -> list[str]:
    if len(flags.rest) != count:
        refuse(f"accepts {count} arg(s), received {len(flags.rest)}")
    return flags.rest


@contextlib.contextmanager
def _changing(state: State) -> Iterator[JsonObject]:
    _check_database(state)
    with state.changing() as data:
        yield data


def _check_database(state: State) -> None:
    """The database may be broken by a switch, or by a test that writes into its file."""
    database = state.mcp_home / "mcp-toolkit.db"
    if state.fault("corrupt-database", []) or (database.exists() and not database.read_bytes().startswith(b"SQLite")):
        refuse("file is not a database")


def _catalogues(state: State) -> JsonObject:
    _check_database(state)
    return dict(state.data["catalogues"])


def _entries(state: State, reference: str) -> dict[str, JsonObject]:
    """The entries of a catalogue as they were imported: sorted, and only servers and remotes."""
    names = sorted(_catalogues(state)[reference]["servers"])
    found = {name: state.servers[name]["entry"] for name in names}
    return {name: entry for name, entry in found.items() if shapes.importable(entry)}


def _catalog_list(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker mcp catalog list", ("--format",))
    rows = [
        {"ref": reference, "digest": shapes.digest(_entries(state, reference)), "title": one["title"]}
        for reference, one in _catalogues(state).items()
    ]
    say(
        pretty(rows) + "\n" if _format(flags) == "json" else "".join(f"{row['ref']} | {row['title']}\n" for row in rows)
    )
    return 0


def _catalog_show(state: State, args: list[str]) -> int:
    switches = ("--no-tools",)
    flags = parsed(args, "docker mcp catalog show", ("--format", "--pull", "--yq"), switches)
    reference = _reference(_arguments(flags, 1)[0])
    catalogues = _catalogues(state)
    if reference not in catalogues:
        refuse(f"catalog {reference} not found")
    entries = _entries(state, reference)
    if flags.one("--yq"):
        say("".join(f"{name}\n" for name in entries))
        return 0
    shown: JsonObject = {"ref": reference, "source": f"legacy-catalog:{reference.partition(':')[0].split('/')[-1]}"}
    shown["title"] = catalogues[reference]["title"]
    shown["servers"] = [shapes.catalogue_server(entry, name) for name, entry in entries.items()]
    shown["digest"] = shapes.digest(entries)
    say(pretty(shown) + "\n" if _format(flags) == "json" else f"Reference: {reference}\n")
    return 0


def _catalog_server_ls(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker mcp catalog server ls", ("--format", "-f", "--filter"))
    reference = _reference(_arguments(flags, 1)[0])
    catalogues = _catalogues(state)
    if reference not in catalogues:
        refuse(f"failed to get catalog {reference}: sql: no rows in result set")
    wanted = _filters(flags).get("name", "")
    rows = [
        shapes.catalogue_server(entry, name) for name, entry in _entries(state, reference).items() if wanted in name
    ]
    shown = {"catalog": reference, "servers": rows, "title": catalogues[reference]["title"]}
    say(pretty(shown) + "\n" if _format(flags) == "json" else f"Catalog: {reference}\n")
    return 0


def _filters(flags: Parsed) -> dict[str, str]:
    pairs = flags.values.get("-f", []) + flags.values.get("--filter", [])
    return dict(pair.partition("=")[::2] for pair in pairs)


def _catalog_server_inspect(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker mcp catalog server inspect", ("--format",))
    given, name = _arguments(flags, 2)
    reference = _reference(given)
    if reference not in _catalogues(state):
        refuse(f"failed to get catalog {reference}: sql: no rows in result set")
    entry = _entries(state, reference).get(name)
    if entry is None:
        refuse(f"server {name} not found in catalog {reference}")
    say(pretty(shapes.catalogue_server(entry, name)) + "\n")
    return 0


def _catalog_pull(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker mcp catalog pull")
    say(f"Catalog {_reference(_arguments(flags, 1)[0])} pulled\n")
    return 0


def _catalog_create(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker mcp catalog create", ("--from-legacy-catalog", "--title", "--from-profile"))
    reference = _reference(_arguments(flags, 1)[0])
    path = Path(flags.one("--from-legacy-catalog")).resolve()
    if not path.is_relative_to((state.mcp_home / "catalogs").resolve()):
        refuse("reading legacy catalog: local file path must resolve within Docker MCP catalogs directory")
    registry = (state.yaml(path) or {}).get("registry") or {}
    with _changing(state) as data:
        for name, entry in registry.items():
            data["servers"].setdefault(name, {"entry": entry, "options": []})
        data["catalogues"][reference] = {"title": flags.one("--title", reference), "servers": list(registry)}
    say(f"Catalog {reference} created\n")
    return 0


def profile_shown(state: State, profile: JsonObject, wanted: str = "") -> list[JsonObject]:
    """The servers of a profile whose name holds a text."""
    kept = (one for one in profile["servers"] if wanted in one["name"])
    return [shapes.profile_server(state.servers[one["name"]]["entry"], one) for one in kept]


def _profile(state: State, profile: JsonObject) -> JsonObject:
    shown = {"version": 1, "id": profile["id"], "name": profile["name"]}
    return shown | {"servers": profile_shown(state, profile), "secrets": DEFAULT_SECRETS}


def find_profile(data: JsonObject, name: str) -> JsonObject:
    """A profile by its id.

    Raises:
        Failed: where there is none.
    """
    for profile in data["profiles"]:
        if profile["id"] == name:
            return dict(profile)
    raise Failed(f"profile {name} not found")


def _profile_list(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker mcp profile list", ("--format",))
    _check_database(state)
    rows = [_profile(state, profile) for profile in state.data["profiles"]]
    say(pretty(rows) + "\n" if _format(flags) == "json" else "".join(f"{row['id']}\t{row['name']}\n" for row in rows))
    return 0


def _profile_show(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker mcp profile show", ("--format",), ("--clients",))
    _check_database(state)
    say(pretty(_profile(state, find_profile(state.data, _arguments(flags, 1)[0]))) + "\n")
    return 0


def _profile_server_ls(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker mcp profile server ls", ("--format", "-f", "--filter"))
    _check_database(state)
    filters = _filters(flags)
    rows = []
    for profile in state.data["profiles"]:
        servers = profile_shown(state, profile, filters.get("name", ""))
        if servers and profile["id"] == filters.get("profile", profile["id"]):
            rows.append({"id": profile["id"], "name": profile["name"], "servers": servers})
    say(pretty(rows) + "\n")
    return 0


def _referenced(data: JsonObject, references: list[str]) -> list[JsonObject]:
    """The servers that `catalog://REF/a+b` names, as a profile keeps them."""
    found: list[JsonObject] = []
    for text in references:
        if not text.startswith("catalog://"):
            refuse(f"invalid server value: invalid server value: {text}")
        reference, _, names = text.removeprefix("catalog://").rpartition("/")
        reference = _reference(reference)
        if reference not in data["catalogues"]:
            refuse(f"invalid server value: catalog {reference} not found")
        for name in names.split("+"):
            if name not in data["catalogues"][reference]["servers"]:
                words = "servers matching the following patterns were not found in catalog"
                refuse(f"invalid server value: {words}: [{name}]")
            found.append({"name": name, "catalog": reference, "tools": None, "config": {}})
    return found


def _profile_create(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker mcp profile create", ("--name", "--id", "--server", "--connect"))
    name = flags.one("--name") or refuse('required flag(s) "name" not set')
    number = flags.one("--id") or re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    with _changing(state) as data:
        if any(profile["id"] == number for profile in data["profiles"]):
            if flags.one("--id"):
                refuse(f"profile with id {number} already exists")
            refuse(f'failed to create profile id: a profile with id "{number}" already exists')
        servers = _referenced(data, flags.values.get("--server", []))
        data["profiles"].append({"id": number, "name": name, "servers": servers})
    say(f"Created profile {number} with {len(servers)} servers\n")
    return 0


def _profile_remove(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker mcp profile remove")
    with _changing(state) as data:
        data["profiles"].remove(find_profile(data, _arguments(flags, 1)[0]))
    say(f"Removed profile {flags.rest[0]}\n")
    return 0


def _profile_server_add(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker mcp profile server add", ("--server",))
    with _changing(state) as data:
        profile = find_profile(data, _arguments(flags, 1)[0])
        added = _referenced(data, flags.values.get("--server", []))
        names = {one["name"] for one in added}
        replaced = [one["name"] for one in profile["servers"] if one["name"] in names]
        profile["servers"][:] = [one for one in profile["servers"] if one["name"] not in names] + added
    for name in replaced:
        say(f"Replaced server {name} in profile {profile['id']}\n")
    tail = f" (replaced {len(replaced)})" if replaced else ""
    say(f"Added {len(added)} server(s) to profile {profile['id']}{tail}\n")
    return 0


def _profile_server_remove(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker mcp profile server remove", ("--name",))
    names = [*flags.rest[1:], *flags.values.get("--name", [])]
    with _changing(state) as data:
        profile = find_profile(data, (flags.rest or [""])[0])
        before = len(profile["servers"])
        profile["servers"][:] = [one for one in profile["servers"] if one["name"] not in names]
        if before == len(profile["servers"]):
            refuse("no matching servers found to remove")
    say(f"Removed {before - len(profile['servers'])} server(s) from profile {profile['id']}\n")
    return 0


def _split(profile: JsonObject, key: str) -> tuple[JsonObject, list[str]]:
    """The server that `server.key.inner` is about, and the way to the value."""
    for one in sorted(profile["servers"], key=lambda one: -len(one["name"])):
        if key.startswith(one["name"] + "."):
            return one, key[len(one["name"]) + 1 :].split(".")
    refuse(f"server {key.partition('.')[0]} not found in profile for argument {key}")


def _got(profile: JsonObject, flags: Parsed) -> JsonObject:
    """What `--get` and `--get-all` print, sorted."""
    values: JsonObject = {}
    if "--get-all" in flags.switches:
        for one in profile["servers"]:
            for key, value in one["config"].items():
                values |= shapes.flattened(f"{one['name']}.{key}", value)
    for key in flags.values.get("--get", []):
        one, path = _split(profile, key)
        wanted: Any = one["config"]
        for part in path:
            wanted = wanted.get(part) if isinstance(wanted, dict) else None
        if wanted is not None:
            values[key] = wanted
    return dict(sorted(values.items()))


def _parsed_value(text: str) -> Any:
    with contextlib.suppress(ValueError):
        return json.loads(text)
    return text


def _profile_config(state: State, args: list[str]) -> int:
    values = ("--get", "--set", "--del", "--format")
    flags = parsed(args, "docker mcp profile config", values, ("--get-all",))
    name = _arguments(flags, 1)[0]
    said = ""
    with _changing(state) as data:
        profile = find_profile(data, name)
        shown = _got(profile, flags)
        for argument in flags.values.get("--set", []):
            key, equals, text = argument.partition("=")
            if not equals or "." not in key:
                refuse(f"invalid config argument: {argument}, expected <serverName>.<configName>=<value>")
            one, path = _split(profile, key)
            inner = one["config"]
            for part in path[:-1]:
                inner = inner.setdefault(part, {})
            inner[path[-1]] = _parsed_value(text)
            said += f"{key}={text}\n"
        for key in flags.values.get("--del", []):
            one, path = _split(profile, key)
            inner = one["config"]
            for part in path[:-1]:
                inner = inner.get(part, {})
            inner.pop(path[-1], None)
    if "--get-all" in flags.switches or "--get" in flags.values:
        said += pretty(shown) + "\n" if _format(flags) == "json" else "".join(f"{k}={v}\n" for k, v in shown.items())
    say(said)
    return 0


def _profile_tools(state: State, args: list[str]) -> int:
    values = ("--enable", "--disable", "--enable-all", "--disable-all")
    flags = parsed(args, "docker mcp profile tools", values)
    on = off = 0
    with _changing(state) as data:
        profile = find_profile(data, _arguments(flags, 1)[0])
        for one in profile["servers"]:
            known = [tool["name"] for tool in state.servers[one["name"]]["entry"].get("tools", [])]
            before = known if one["tools"] is None else one["tools"]
            mine = {flag: _of(one["name"], flags.values.get(flag, [])) for flag in values[:2]}
            after = [
                tool for tool in known if (tool in before or tool in mine["--enable"]) and tool not in mine["--disable"]
            ]
            on, off = on + len(set(after) - set(before)), off + len(set(before) - set(after))
            one["tools"] = after if set(after) != set(before) else one["tools"]
            if one["name"] in flags.values.get("--enable-all", []):
                one["tools"] = None
            if one["name"] in flags.values.get("--disable-all", []):
                one["tools"] = []
    if on or off or flags.values.keys() & {"--enable-all", "--disable-all"}:
        say(f"Updated profile {profile['id']}: {on} tool(s) enabled, {off} tool(s) disabled\n")
    else:
        say(f"No changes made to profile {profile['id']}\n")
    return 0


def _of(server: str, names: list[str]) -> list[str]:
    return [name.removeprefix(f"{server}.") for name in names if name.startswith(f"{server}.")]


def _template_list(state: State, args: list[str]) -> int:
    say(pretty([{"id": "starter", "title": "Starter", "description": "", "server_names": []}]) + "\n")
    return 0


COMMANDS: dict[str, Callable[[State, list[str]], int]] = {
    "catalog list": _catalog_list,
    "catalog ls": _catalog_list,
    "catalog show": _catalog_show,
    "catalog server ls": _catalog_server_ls,
    "catalog server inspect": _catalog_server_inspect,
    "catalog pull": _catalog_pull,
    "catalog create": _catalog_create,
    "profile list": _profile_list,
    "profile ls": _profile_list,
    "profile show": _profile_show,
    "profile create": _profile_create,
    "profile remove": _profile_remove,
    "profile config": _profile_config,
    "profile tools": _profile_tools,
    "profile server ls": _profile_server_ls,
    "profile server add": _profile_server_add,
    "profile server remove": _profile_server_remove,
    "template list": _template_list,
}
