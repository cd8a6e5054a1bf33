"""Which servers there are, from all sources: the settings, the plugin itself, catalogue files, and the toolkit."""

from __future__ import annotations

import difflib
import itertools
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import anyio
import anyio.to_thread
from cachetools import TLRUCache

from fuseboard_docker_mcp import embedded
from fuseboard_docker_mcp.errors import DockerMcpError, NameCollision, NoDocker, NoEngine, NoToolkit, UnknownServer
from fuseboard_docker_mcp.own_servers import own_server
from fuseboard_docker_mcp.text import clean

if TYPE_CHECKING:
    from pathlib import Path

    from fuseboard_docker_mcp.config import DockerMcpSettings
    from fuseboard_docker_mcp.models import Server, Way
    from fuseboard_docker_mcp.toolkit.entries import Found

Room = Literal["files", "installed", "listed"]

FAILURE_SECONDS = 5.0
"""How long a failure is believed: an engine that was started meanwhile should not be waited for."""
_MOST_SIMILAR = 3
_MOST_NAMED = 5


class Listing(Protocol):
    """The part of a toolkit that lists servers."""

    @property
    def problems(self) -> Sequence[DockerMcpError]: ...
    async def installed(self) -> list[Server]: ...
    async def catalogue(self) -> list[Server]: ...


class Door(Protocol):
    """The part of `toolkit.DockerDoor` that is needed here."""

    async def way(self) -> Way: ...
    async def toolkit(self) -> Listing: ...


class HasEnvironment(Protocol):
    """The part of `docker.Docker` that is needed here."""

    def environment(self) -> dict[str, str]: ...


class Counting(Protocol):
    """The part of `metrics.Metrics` that is needed here."""

    def count(self, name: str, amount: float = 1, **labels: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Shelf:
    """What one source had.

    Attributes:
        servers: in the order of the source.
        problems: what it could not give.
        failed: whether it gave nothing at all; then it is asked again soon.
    """

    servers: tuple[Server, ...] = ()
    problems: tuple[DockerMcpError, ...] = ()
    failed: bool = False


class Catalogue:
    """All servers by name. What was read is believed for `cache.servers_ttl` seconds, or until it is dropped.

    Args:
        settings: of the plugin.
        door: finds the toolkit.
        docker: says where the home folder of its commands is.
        metrics: counts what was answered out of memory.
        clock: seconds; a test can put its own here.
    """

    def __init__(
        self,
        settings: DockerMcpSettings,
        door: Door,
        docker: HasEnvironment,
        metrics: Counting,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._door = door
        self._docker = docker
        self._metrics = metrics
        lasts = settings.cache.servers_ttl

        def until(room: tuple[Room, Way], shelf: Shelf, now: float) -> float:
            return now + (min(FAILURE_SECONDS, lasts) if shelf.failed else lasts)

        self._kept: TLRUCache[tuple[Room, Way], Shelf] = TLRUCache(16, until, timer=clock)
        self._reading: dict[Room, anyio.Lock] = {room: anyio.Lock() for room in ("files", "installed", "listed")}
        self._latest: dict[tuple[Room, Way], tuple[int, Shelf]] = {}
        self._steps = itertools.count()
        self._dropped = 0

    async def installed(self) -> list[Server]:
        """The servers that may be started: the operator's own, and what is installed in the toolkit."""
        servers, _ = await self._joined(listed=False)
        return [server for server in servers if server.installed]

    async def all(self) -> list[Server]:
        """The installed servers, and those that a catalogue offers beside them."""
        servers, _ = await self._joined(listed=True)
        return servers

    async def find(self, name: str) -> Server:
        """The server of this name.

        Raises:
            UnknownServer: no source has it; the text names similar ones, and the sources that could not be read.
            NoDocker, NoToolkit, NoEngine: no other source has it, and this one cannot be asked.
        """
        for server in await self.installed():
            if server.name == name:
                return server
        servers, problems = await self._joined(listed=True)
        for server in servers:
            if server.name == name:
                return server
        for problem in problems:
            if isinstance(problem, NoDocker | NoToolkit | NoEngine):
                raise type(problem)(f"{problem.text}; without it there is no server {clean(name, 80)!r}")
        raise UnknownServer(_nowhere(name, servers, problems))

    async def problems(self) -> list[DockerMcpError]:
        """What the sources could not give, and which names stand in two of them. The rest answers all the same."""
        _, problems = await self._joined(listed=True)
        return problems

    def drop(self) -> None:
        """Forget everything that was read; what is being read right now is not kept either."""
        self._kept.clear()
        self._dropped = next(self._steps)

    async def _joined(self, *, listed: bool) -> tuple[list[Server], list[DockerMcpError]]:
        """All servers, each name once, and all problems. The first source that has a name wins."""
        way = await self._door.way()
        own = [own_server(name, chosen) for name, chosen in self._settings.servers.items()]
        # Whoever gives a server of his own the name of an embedded one means to replace it.
        own += [server for server in embedded.servers(self._settings, way) if server.name not in self._settings.servers]
        shelves = [Shelf(tuple(own))]
        if way == "engine" or self._settings.docker_mcp.catalog_files:
            shelves.append(await self._shelf("files", way))
        if way == "toolkit":
            shelves.append(await self._shelf("installed", way))
        servers: dict[str, Server] = {}
        hidden: list[Server] = []
        for shelf in shelves:
            hidden += _added(servers, shelf.servers)
        if way == "toolkit" and listed:
            shelves.append(await self._shelf("listed", way))
            here = {server.name for server in shelves[-2].servers}
            # What is installed out of a catalogue stands in it as well: that is no collision.
            hidden += _added(servers, (server for server in shelves[-1].servers if server.name not in here))
        problems = [problem for shelf in shelves for problem in shelf.problems]
        distinct = {str(problem): problem for problem in [*problems, *_collisions(servers, hidden)]}
        return list(servers.values()), list(distinct.values())

    async def _shelf(self, room: Room, way: Way) -> Shelf:
        """What one source has, from memory or read by one caller for all that wait."""
        key = (room, way)
        asked = next(self._steps)
        if (kept := self._kept.get(key)) is not None:
            self._metrics.count("cache_hits", cache="servers")
            return kept
        async with self._reading[room]:
            began, latest = self._latest.get(key, (-1, Shelf()))
            # A reading that began after the question is as good as an own one, even when nothing is kept.
            if began > asked or (kept := self._kept.get(key)) is not None:
                self._metrics.count("cache_hits", cache="servers")
                return kept or latest
            self._metrics.count("cache_misses", cache="servers")
            began = next(self._steps)
            shelf = await self._read(room, way)
            self._latest[key] = (began, shelf)
            if self._settings.cache.servers_ttl and began > self._dropped:
                self._kept[key] = shelf
            return shelf

    async def _read(self, room: Room, way: Way) -> Shelf:
        if room == "files":
            return await self._read_files(way)
        try:
            toolkit = await self._door.toolkit()
            read: Callable[[], Awaitable[list[Server]]] = (
                toolkit.installed if room == "installed" else toolkit.catalogue
            )
            return Shelf(tuple(await read()), tuple(toolkit.problems))
        except DockerMcpError as error:
            return Shelf(problems=(error,), failed=True)

    async def _read_files(self, way: Way) -> Shelf:
        paths = self._settings.docker_mcp.catalog_files
        if way == "direct":
            # Who chose this way knows; but where nothing else was found, the operator's files wait for an engine.
            if self._settings.way == "direct":
                return Shelf()
            return Shelf(problems=(_files_need_engine(paths),), failed=True)
        # Imported at the moment of use: a YAML parser costs every start, and most machines have no such files.
        from fuseboard_docker_mcp import catalogue_files

        found: list[Found] = await anyio.to_thread.run_sync(catalogue_files.read_files, paths)
        if way == "engine":
            home, first = self._docker.environment().get("HOME", "~"), self._settings.docker_mcp.catalog
            found += await anyio.to_thread.run_sync(catalogue_files.read_home, home, first)
        servers: dict[str, Server] = {}
        hidden: list[Server] = []
        for part in found:
            hidden += _added(servers, part.servers)
        problems = [problem for part in found for problem in part.problems]
        return Shelf(tuple(servers.values()), (*problems, *_collisions(servers, hidden)))


def _added(servers: dict[str, Server], more: Iterable[Server]) -> list[Server]:
    """Add the servers whose names are free; return the others."""
    return [server for server in more if servers.setdefault(server.name, server) is not server]


def _collisions(servers: dict[str, Server], hidden: Iterable[Server]) -> list[DockerMcpError]:
    """One problem for each pair of sources, with the names that both have."""
    pairs: dict[tuple[str, str], list[str]] = {}
    for server in hidden:
        pairs.setdefault((servers[server.name].source, server.source), []).append(server.name)
    return [
        NameCollision(f"{_shown(names)}: {winner} and {loser} have a server of this name; the one of {winner} is used")
        for (winner, loser), names in pairs.items()
    ]


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _files_need_engine(paths: Sequence[Path]) -> DockerMcpError:
    return NoEngine(f"the servers of {paths[0]} need a Docker engine, and none answers; start it or set DOCKER_HOST")


def _nowhere(name: str, servers: Iterable[Server], problems: Iterable[DockerMcpError]) -> str:
    known = sorted(server.name for server in servers)
    similar = difflib.get_close_matches(name[:100], known, n=_MOST_SIMILAR)
    if similar:
        hint = f"did you mean {', '.join(similar)}?"
    elif known:
        hint = f"there are {_shown(known)}"
    else:
        hint = "there are no servers"
    unread = [clean(str(problem), 160) for problem in problems if not isinstance(problem, NameCollision)]
    reason = f". Not everything could be read: {'; '.join(unread[:2])}" if unread else ""
    return f"there is no server {clean(name, 80)!r}; {hint}{reason}"
