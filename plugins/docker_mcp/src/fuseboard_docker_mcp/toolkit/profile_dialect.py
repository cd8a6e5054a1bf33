"""Dialect P (always from v0.42): profiles, and catalogues by reference."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fuseboard_docker_mcp.config import SERVER_NAME
from fuseboard_docker_mcp.docker import IMAGE_NAME
from fuseboard_docker_mcp.errors import CommandFailed, InvalidInput, NotInstalled, UnknownOutput, UnknownServer
from fuseboard_docker_mcp.models import Server
from fuseboard_docker_mcp.text import clean
from fuseboard_docker_mcp.toolkit.base import Toolkit, first
from fuseboard_docker_mcp.toolkit.entries import MOST_SERVERS, Found, Unfit, left_out_of, read_entries, read_server
from fuseboard_docker_mcp.toolkit.tame import Untame, tame

MOST_CATALOGUES, MOST_PROFILES = 100, 1000


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile with its servers, in its order."""

    id: str
    found: Found


class ProfileToolkit(Toolkit):
    """The toolkit in dialect P."""

    async def installed(self) -> list[Server]:
        """The servers of all profiles: those of the own one first, then of `default`, then of the others."""
        profiles = await self._profiles()
        servers: dict[str, Server] = {}
        for profile in profiles:
            for server in profile.found.servers:
                # One server may be in several profiles on purpose, so this is no collision.
                servers.setdefault(server.name, server)
        self._left_out["installed"] = tuple(problem for profile in profiles for problem in profile.found.problems)
        return list(servers.values())

    async def catalogue(self) -> list[Server]:
        """See `Toolkit.catalogue`."""

        async def show(ref: str) -> Found:
            return read_catalogue(await self._json("catalog", "server", "ls", ref, "--format", "json"), ref)

        return self._joined("catalogue", await self._each(await self._references(), show))

    async def read_config(self, server: Server) -> dict[str, Any]:
        """See `Toolkit.read_config`. The values are those of the profile that `installed` takes the server from."""
        profile = self._profile_of(server.name, await self._profiles())
        return {} if profile is None else await self._values(server, profile)

    async def write_config(self, server: Server, values: Mapping[str, Any]) -> None:
        """See `Toolkit.write_config`. A server in no profile joins the own one, which is created when it is missing."""
        name = server.name
        _check_writable(name, values)
        async with self._writing:
            profile = self._profile_of(name, await self._profiles())
            if profile is None:
                profile = await self._adopt(server)
            before = await self._values(server, profile)
            changed = {key: value for key, value in values.items() if key not in before or before[key] != value}
            # An object would otherwise keep members that its new value does not have.
            gone = [key for key in before if key not in values or (key in changed and isinstance(before[key], dict))]
            if gone:
                await self._text("profile", "config", profile, *_options("--del", (f"{name}.{key}" for key in gone)))
            if changed:
                pairs = (f"{name}.{key}={json.dumps(value, allow_nan=False)}" for key, value in changed.items())
                await self._text("profile", "config", profile, *_options("--set", pairs))
            if (gone or changed) and await self._values(server, profile) != dict(values):
                raise CommandFailed(f"the profile {profile} did not take the configuration of {name} as it was given")

    async def _adopt(self, server: Server) -> str:
        """Put a server of a catalogue into the own profile. Returns the profile's id."""
        name, own = server.name, self._settings.docker_mcp.profile
        if not self._settings.docker_mcp.allow_catalog_servers:
            raise NotInstalled(
                f"{name} is in no profile; `docker mcp profile server add PROFILE --server ...` installs it"
            )
        ref = await self._reference_of(server)
        if own not in read_profile_ids(await self._json("profile", "list", "--format", "json")):
            await self._text("profile", "create", "--name", own, "--id", own)
        await self._text("profile", "server", "add", own, "--server", f"catalog://{ref}/{name}")
        return own

    async def _reference_of(self, server: Server) -> str:
        """The first catalogue that has a server."""
        for ref in await self._references():
            try:
                await self._json("catalog", "server", "inspect", ref, server.name, "--format", "json")
            except UnknownServer:
                continue
            return ref
        raise UnknownServer(f"{server.name} is in no catalogue of Docker's MCP Toolkit")

    async def _references(self) -> list[str]:
        listed = read_references(await self._json("catalog", "list", "--format", "json"))
        return first(listed, self._settings.docker_mcp.catalog)

    async def _profiles(self) -> list[Profile]:
        """All profiles that have servers, in the order in which they count."""
        profiles = read_profiles(await self._json("profile", "server", "ls", "--format", "json"))
        order = (self._settings.docker_mcp.profile, "default")
        return sorted(profiles, key=lambda each: order.index(each.id) if each.id in order else len(order))

    def _profile_of(self, name: str, profiles: Iterable[Profile]) -> str | None:
        return next((each.id for each in profiles if any(one.name == name for one in each.found.servers)), None)

    async def _values(self, server: Server, profile: str) -> dict[str, Any]:
        answer = await self._json("profile", "config", profile, "--get-all", "--format", "json")
        return read_values(answer, server)


def read_references(answer: Any) -> list[str]:
    """The answer of `catalog list --format json`; references that no command line takes are left out.

    Raises:
        UnknownOutput: it is none of the known forms.
    """
    if not isinstance(answer, list) or len(answer) > MOST_CATALOGUES:
        raise UnknownOutput("`docker mcp catalog list` printed no list of catalogues")
    if not all(isinstance(item, dict) and isinstance(item.get("ref"), str) for item in answer):
        raise UnknownOutput("`docker mcp catalog list` listed something without a reference")
    return list(dict.fromkeys(item["ref"] for item in answer if IMAGE_NAME.fullmatch(item["ref"])))


def read_catalogue(answer: Any, ref: str) -> Found:
    """The answer of `catalog server ls REF` or `catalog show REF`. Raises `UnknownOutput`."""
    if not isinstance(answer, dict) or not isinstance(servers := answer.get("servers"), list):
        raise UnknownOutput("`docker mcp catalog` printed no catalogue of servers")
    return read_entries((_named(item) for item in servers), f"catalogue {ref}")


def read_catalogue_server(answer: Any, ref: str) -> Server:
    """The answer of `catalog server inspect REF NAME`. Raises `UnknownOutput`."""
    try:
        return read_server(*_named(answer), f"catalogue {ref}")
    except Unfit as error:
        raise UnknownOutput(f"`docker mcp catalog server inspect` printed a server with a fault: {error}") from None


def read_profile_ids(answer: Any) -> list[str]:
    """The ids of `profile list --format json`. Raises `UnknownOutput`."""
    return [profile.id for profile in _profiles(answer, "list")]


def read_profiles(answer: Any) -> list[Profile]:
    """The answer of `profile server ls` or `profile list`, `--format json`. Raises `UnknownOutput`."""
    return _profiles(answer, "server ls")


def read_profile(answer: Any) -> Profile:
    """The answer of `profile show P --format json`. Raises `UnknownOutput`."""
    if not isinstance(answer, dict):
        raise UnknownOutput("`docker mcp profile show` printed no profile")
    return _profiles([answer], "show")[0]


def read_values(answer: Any, server: Server) -> dict[str, Any]:
    """The values of one server out of `profile config P --get-all`, without its name in front.

    Objects come flattened (`opts.a`); they are put together again, but for keys that the server's schema has with the
    dot in their name.

    Raises:
        UnknownOutput: it is none of the known forms.
    """
    try:
        flat = tame(answer)
    except Untame as error:
        raise UnknownOutput(f"`docker mcp profile config` printed what {error}") from None
    if not isinstance(flat, dict):
        raise UnknownOutput("`docker mcp profile config` printed no values")
    prefix = f"{server.name}."
    properties = [schema.get("properties") for schema in server.config_schemas]
    known = {name for names in properties if isinstance(names, dict) for name in names}
    values: dict[str, Any] = {}
    for key in sorted(flat):
        if key.startswith(prefix):
            _put(values, key.removeprefix(prefix), flat[key], known)
    return values


def _put(values: dict[str, Any], key: str, value: Any, known: set[str]) -> None:
    path = [key] if key in known else key.split(".")
    if len(path) > 40:
        raise UnknownOutput("`docker mcp profile config` printed a key of more than 40 parts")
    for part in path[:-1]:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise UnknownOutput(f"`docker mcp profile config` printed {clean(key, 80)!r} and a value above it")
    values[path[-1]] = value


def _profiles(answer: Any, command: str) -> list[Profile]:
    if not isinstance(answer, list) or len(answer) > MOST_PROFILES:
        raise UnknownOutput(f"`docker mcp profile {command}` printed no list of profiles")
    profiles = []
    for item in answer:
        if not isinstance(item, dict) or not isinstance(item.get("id"), str):
            raise UnknownOutput(f"`docker mcp profile {command}` printed a profile without an id")
        # Profiles whose id no command line takes cannot be written to, and hold nothing that can be named.
        if SERVER_NAME.fullmatch(item["id"]):
            profiles.append(Profile(item["id"], _servers(item.get("servers"), f"profile {item['id']}", command)))
    return profiles


def _servers(items: Any, source: str, command: str) -> Found:
    if not isinstance(items, list | None) or len(items or []) > MOST_SERVERS:
        raise UnknownOutput(f"`docker mcp profile {command}` printed a profile without a list of servers")
    servers: dict[str, Server] = {}
    left_out: list[str] = []
    for item in items or []:
        name, entry = _named(item)
        try:
            server = _of_profile(read_server(name, entry, source, installed=True), item)
        except (Unfit, Untame) as error:
            left_out.append(
                f"{clean(name, 60)!r} ({error})" if isinstance(name, str) else f"one without a name ({error})"
            )
        else:
            servers.setdefault(server.name, server)
    return Found(tuple(servers.values()), left_out_of(source, left_out))


def _of_profile(server: Server, item: Mapping[str, Any]) -> Server:
    """The server with what the profile says of it: its values, and the tools that were left on."""
    tools = item.get("tools")
    if tools is not None and not (isinstance(tools, list) and all(isinstance(tool, str) for tool in tools)):
        # To take this for "all" would switch on what the operator may have switched off.
        raise Unfit("its list of tools cannot be read")
    config = tame(item.get("config"))
    if not isinstance(config, dict | None):
        raise Unfit("its configuration is no object")
    return replace(server, config=config or {}, allowed_tools=None if tools is None else frozenset(tools))


def _named(item: Any) -> tuple[Any, Any]:
    """Name and entry of a server with its snapshot; what is missing is None, which no reader takes."""
    snapshot = item.get("snapshot") if isinstance(item, dict) else None
    entry = snapshot.get("server") if isinstance(snapshot, dict) else None
    return (entry.get("name"), entry) if isinstance(entry, dict) else (None, None)


def _check_writable(name: str, values: Mapping[str, Any]) -> None:
    if "." in name:
        raise InvalidInput(f"the toolkit cannot keep values of {name!r}: its form `server.key=value` forbids the dot")
    for key in values:
        if not key or "=" in key or key.strip() != key:
            raise InvalidInput(f"the toolkit cannot keep the key {clean(key, 80)!r} of {name}")


def _options(option: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (option, value)]
