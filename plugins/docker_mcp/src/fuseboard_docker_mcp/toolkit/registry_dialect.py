"""Dialects A (up to v0.26) and B (v0.27 to v0.41): `registry.yaml`, `config.yaml` and catalogues by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fuseboard_docker_mcp.config import SERVER_NAME
from fuseboard_docker_mcp.errors import NotInstalled, UnknownOutput, UnknownServer
from fuseboard_docker_mcp.models import Server
from fuseboard_docker_mcp.text import clean
from fuseboard_docker_mcp.toolkit.base import Dialect, Toolkit, first, refused
from fuseboard_docker_mcp.toolkit.entries import MOST_NAMED, MOST_SERVERS, Found, left_out_of, read_entries

_CATALOGUE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,120}")
MOST_CATALOGUES = 100


class RegistryToolkit(Toolkit):
    """The toolkit in dialect A or B."""

    async def installed(self) -> list[Server]:
        """The enabled servers, as the catalogues describe them; an enabled one that none has is a problem."""
        dialect, names, problems = read_enabled(await self._json("server", "ls", "--json"))
        if dialect not in (None, self.dialect):
            self._forget()
        if not names:
            self._left_out["installed"] = problems
            return []
        known = {server.name: server for server in await self.catalogue()}
        lost = [name for name in names if name not in known]
        if lost:
            more = f" and {len(lost) - MOST_NAMED} more" if len(lost) > MOST_NAMED else ""
            text = f"enabled, but in no catalogue: {', '.join(lost[:MOST_NAMED])}{more}; pull a catalogue, or disable"
            problems = (*problems, UnknownServer(text))
        self._left_out["installed"] = problems
        return [replace(known[name], installed=True) for name in names if name in known]

    async def catalogue(self) -> list[Server]:
        """See `Toolkit.catalogue`."""
        names = read_catalogue_names(await self._json("catalog", "ls", "--format", "json"))

        async def show(name: str) -> Found:
            return read_catalogue(await self._json("catalog", "show", name, "--format", "json"), f"catalogue {name}")

        return self._joined("catalogue", await self._each(first(names, self._settings.docker_mcp.catalog), show))

    async def read_config(self, server: Server) -> dict[str, Any]:
        """See `Toolkit.read_config`."""
        return read_config(await self._text("config", "read"), server.name)

    async def write_config(self, server: Server, values: Mapping[str, Any]) -> None:
        """See `Toolkit.write_config`. The file is read, changed and written whole; other entries keep their text."""
        if not server.installed and not self._settings.docker_mcp.allow_catalog_servers:
            raise NotInstalled(f"{server.name} is not installed; `docker mcp server enable {server.name}` does it")
        # Configuration is seldom touched, and reading YAML takes a while to import.
        from fuseboard_docker_mcp.toolkit import yaml_text

        async with self._writing:
            before = await self._text("config", "read")
            try:
                after = yaml_text.with_entry(before, server.name, values)
            except ValueError as error:
                raise refused("the toolkit's config.yaml", error) from None
            # The start of a document, `---`, would be taken for an option.
            await self._text("config", "write", f"\n{after}" if after.startswith("-") else after)


def read_enabled(answer: Any) -> tuple[Dialect | None, tuple[str, ...], tuple[Any, ...]]:
    """The answer of `server ls --json`.

    Returns:
        The dialect that the answer shows (None for an empty list, which both write as `null`), the names, and what was
        left out.

    Raises:
        UnknownOutput: it is none of the known forms.
    """
    if answer is None or answer == []:
        return None, (), ()
    if not isinstance(answer, list) or len(answer) > MOST_SERVERS:
        raise UnknownOutput("`docker mcp server ls` printed no list of servers")
    if all(isinstance(item, str) for item in answer):
        dialect, names = "A", answer
    elif all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in answer):
        dialect, names = "B", [item["name"] for item in answer]
    else:
        raise UnknownOutput("`docker mcp server ls` listed something that is neither a name nor a server")
    legal = dict.fromkeys(name for name in names if SERVER_NAME.fullmatch(name))
    wrong = [f"{clean(name, 60)!r} (no legal name)" for name in names if name not in legal]
    return ("A" if dialect == "A" else "B"), tuple(legal), left_out_of("enabled servers", wrong)


def read_catalogue_names(answer: Any) -> list[str]:
    """The answer of `catalog ls --format json`, without names that no command takes. Raises `UnknownOutput`."""
    if not isinstance(answer, dict) or not isinstance(catalogues := answer.get("catalogs", ()), dict | None):
        raise UnknownOutput("`docker mcp catalog ls` printed no catalogues")
    if len(catalogues or {}) > MOST_CATALOGUES:
        raise UnknownOutput(f"`docker mcp catalog ls` printed more than {MOST_CATALOGUES} catalogues")
    return [name for name in catalogues or {} if _CATALOGUE_NAME.fullmatch(name)]


def read_catalogue(answer: Any, source: str) -> Found:
    """The answer of `catalog show NAME --format json`. Raises `UnknownOutput`."""
    if not isinstance(answer, dict) or not isinstance(registry := answer.get("registry", ()), dict | None):
        raise UnknownOutput("`docker mcp catalog show` printed no catalogue of servers")
    return read_entries((registry or {}).items(), source)


def read_config(text: str, name: str) -> dict[str, Any]:
    """The values of one server in `config read`, which prints the file unchecked. Raises `CommandFailed`."""
    from fuseboard_docker_mcp.toolkit import yaml_text

    try:
        document = yaml_text.load(text)
    except ValueError as error:
        raise refused("the toolkit's config.yaml", error) from None
    if not isinstance(document, dict | None):
        raise refused("the toolkit's config.yaml", ValueError("is no mapping of servers"))
    values = (document or {}).get(name)
    if not isinstance(values, dict | None):
        raise refused("the toolkit's config.yaml", ValueError(f"has no mapping under {name}"))
    return values or {}
