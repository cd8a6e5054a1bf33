"""A catalogue with sources that a test makes: a toolkit whose lists it sets, and a home folder of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio

from fuseboard_docker_mcp.catalogue import Catalogue
from fuseboard_docker_mcp.config import DockerMcpSettings
from fuseboard_docker_mcp.errors import DockerMcpError
from fuseboard_docker_mcp.models import Server, Way


class Toolkit:
    """The lists of a toolkit, and how often they were asked for."""

    def __init__(self, installed: str = "", listed: str = "") -> None:
        self.lists = {"installed": installed, "listed": listed}
        self.asked: Counter[str] = Counter()
        self.error: DockerMcpError | None = None
        self.problems: tuple[DockerMcpError, ...] = ()
        self.may_answer = anyio.Event()
        self.may_answer.set()

    async def installed(self) -> list[Server]:
        return await self._read("installed")

    async def catalogue(self) -> list[Server]:
        return await self._read("listed")

    async def _read(self, room: str) -> list[Server]:
        self.asked[room] += 1
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        chosen = room == "installed"
        return [Server(name, "toolkit", f"toolkit {room}", chosen) for name in self.lists[room].split()]


class Door:
    def __init__(self, way: Way, toolkit: Toolkit | None = None) -> None:
        self.chosen = way
        self.found = toolkit or Toolkit()

    async def way(self) -> Way:
        return self.chosen

    async def toolkit(self) -> Toolkit:
        return self.found


class Docker:
    def __init__(self, home: Path) -> None:
        self.home = home

    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.home)}


class Counts:
    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        assert labels == {"cache": "servers"}
        self.seen[name] += int(amount)


def catalogue(
    home: Path, door: Door, counts: Counts | None = None, clock: Callable[[], float] | None = None, **settings: Any
) -> Catalogue:
    filled = DockerMcpSettings.model_validate({"embedded": "never", "state_folder": home / "state", **settings})
    more = {} if clock is None else {"clock": clock}
    return Catalogue(filled, door, Docker(home), counts or Counts(), **more)


def names(servers: list[Server]) -> list[str]:
    return [server.name for server in servers]
