"""What is the same in every dialect of Docker's MCP Toolkit: its commands, its secrets, what it could not read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import anyio
from pydantic import SecretStr

from fuseboard_docker_mcp.config import DockerMcpSettings
from fuseboard_docker_mcp.docker import Docker
from fuseboard_docker_mcp.errors import (
    CommandFailed,
    DockerMcpError,
    NameCollision,
    NoDocker,
    NoEngine,
    NoToolkit,
    UnknownOutput,
)
from fuseboard_docker_mcp.models import Server
from fuseboard_docker_mcp.said import WrongDialect
from fuseboard_docker_mcp.text import clean
from fuseboard_docker_mcp.toolkit.entries import MOST_NAMED, Found
from fuseboard_docker_mcp.toolkit.secret_words import SECRET_NAME, read_secret_names

Dialect = Literal["A", "B", "P"]
AT_ONCE = 4
"""Commands of this plugin that run at the same time when several catalogues are read."""
# After these, what was detected may hold no more: the plugin was removed, replaced, or its engine is gone.
_DOUBTS = (NoDocker, NoToolkit, NoEngine, WrongDialect, UnknownOutput)


class Toolkit(ABC):
    """The toolkit in one of its dialects.

    Args:
        docker: runs the commands.
        settings: the catalogue to look at first, the profile to write to.
        version: as the plugin names itself, such as "v0.43.3".
        dialect: which commands and answers it has.
        forget: called when a command says that the detection holds no more.
        writing: held while configuration is read, changed and written.

    Every method raises NoDocker, NoToolkit, NoEngine, CommandFailed and UnknownOutput.
    """

    def __init__(
        self,
        docker: Docker,
        settings: DockerMcpSettings,
        version: str,
        dialect: Dialect,
        *,
        forget: Callable[[], None] = lambda: None,
        writing: anyio.Lock | None = None,
    ) -> None:
        self.version = version
        self.dialect = dialect
        self._docker = docker
        self._settings = settings
        self._forget = forget
        self._writing = writing or anyio.Lock()
        self._left_out: dict[str, tuple[DockerMcpError, ...]] = {}

    @property
    def problems(self) -> tuple[DockerMcpError, ...]:
        """What the last lists left out, and why: entries that cannot be read, catalogues that did not answer."""
        return tuple(problem for problems in self._left_out.values() for problem in problems)

    @abstractmethod
    async def installed(self) -> list[Server]:
        """The servers that the operator chose."""

    @abstractmethod
    async def catalogue(self) -> list[Server]:
        """The servers of all catalogues, those of the setting `catalog` first; of one name, the first counts."""

    @abstractmethod
    async def read_config(self, server: Server) -> dict[str, Any]:
        """The configuration that the toolkit keeps for a server; `{}` for none."""

    @abstractmethod
    async def write_config(self, server: Server, values: Mapping[str, Any]) -> None:
        """Make `values` the whole configuration of a server; those of other servers stay.

        Raises:
            InvalidInput: a name cannot be written in the toolkit's form.
            NotInstalled: the server is not installed, and `allow_catalog_servers` is off.
        """

    async def secret_names(self) -> list[str] | None:
        """The names of stored secrets; None where `docker mcp secret` does not work, as without Docker Desktop."""
        try:
            return read_secret_names(await self._json("secret", "ls", "--json"))
        except UnknownOutput:
            raise
        except DockerMcpError:
            return None

    async def mirror_secret(self, name: str, value: SecretStr | None) -> bool:
        """Store a secret in the toolkit's store too, or remove it there.

        Args:
            name: of the secret.
            value: handed over on standard input; None removes.

        Returns:
            Whether it is so now; False where `docker mcp secret` does not work or refuses the name.
        """
        if not SECRET_NAME.fullmatch(name):
            return False
        names = await self.secret_names()
        if names is None:
            return False
        try:
            # `set` only inserts, so what is there goes first.
            if name in names:
                await self._text("secret", "rm", name)
            if value is not None:
                await self._text("secret", "set", name, stdin=value.get_secret_value().encode("utf-8", "replace"))
        except DockerMcpError:
            # Its words may quote the value, so they are not passed on.
            return False
        return True

    async def _json(self, *args: str) -> Any:
        try:
            return await self._docker.json("mcp", *args)
        except _DOUBTS:
            self._forget()
            raise

    async def _text(self, *args: str, stdin: bytes = b"") -> str:
        try:
            return await self._docker.checked("mcp", *args, stdin=stdin)
        except _DOUBTS:
            self._forget()
            raise

    async def _each(self, names: Sequence[str], read: Callable[[str], Any]) -> list[Found]:
        """Read catalogues, a few at a time. One that fails is a problem of its own; when all fail, the first raises."""
        found: dict[str, Found] = {}
        failed: dict[str, DockerMcpError] = {}
        limiter = anyio.CapacityLimiter(AT_ONCE)

        async def one(name: str) -> None:
            async with limiter:
                try:
                    found[name] = await read(name)
                except DockerMcpError as error:
                    failed[name] = error

        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(one, name)
        if failed and not found:
            raise next(failed[name] for name in names if name in failed)
        return [found[name] if name in found else Found(problems=(failed[name],)) for name in names]

    def _joined(self, room: str, parts: Sequence[Found]) -> list[Server]:
        """One list of several; of two servers with one name the first stays, and the other is a problem."""
        servers: dict[str, Server] = {}
        hidden: dict[str, list[str]] = {}
        for part in parts:
            for server in part.servers:
                if servers.setdefault(server.name, server) is not server:
                    hidden.setdefault(server.source, []).append(server.name)
        problems = [problem for part in parts for problem in part.problems]
        problems += [NameCollision(_hidden_by_others(source, names)) for source, names in hidden.items()]
        self._left_out[room] = tuple(problems)
        return list(servers.values())


def first(names: Sequence[str], preferred: str) -> list[str]:
    """Names of catalogues with the operator's choice in front, which may leave out the tag and the folder."""
    return sorted(names, key=lambda name: not _is(name, preferred))


def _is(name: str, preferred: str) -> bool:
    bare = name.removesuffix(":latest")
    # Docker's own catalogue is `docker-mcp` in the older dialects and `mcp/docker-mcp-catalog` in the newest.
    return preferred in (name, bare, bare.rpartition("/")[2], bare.rpartition("/")[2].removesuffix("-catalog"))


def _hidden_by_others(source: str, names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{source}: {', '.join(names[:MOST_NAMED])}{more} are in an earlier catalogue too, which is used"


def refused(what: str, error: ValueError) -> CommandFailed:
    """A file of the toolkit that cannot be read or changed."""
    return CommandFailed(f"{what} {clean(str(error), 200)}; mend it by hand")
