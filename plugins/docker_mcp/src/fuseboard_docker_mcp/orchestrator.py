"""The state of the plugin: which servers there are, which of them run, and what their tools are called with."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anyio
from cachetools import TTLCache

from fuseboard import Board, Context
from fuseboard_docker_mcp import metrics
from fuseboard_docker_mcp.catalogue import Catalogue
from fuseboard_docker_mcp.docker import Docker
from fuseboard_docker_mcp.errors import CannotStart, DockerMcpError, NoDocker, NotInstalled
from fuseboard_docker_mcp.proxy import SERVED, Proxy
from fuseboard_docker_mcp.sessions import Pool, Session
from fuseboard_docker_mcp.stores import validation
from fuseboard_docker_mcp.stores.configs import ConfigStore
from fuseboard_docker_mcp.stores.secrets import SecretStore
from fuseboard_docker_mcp.toolkit import DockerDoor

if TYPE_CHECKING:
    import mcp_types
    from pydantic import SecretStr

    from fuseboard import HealthReport
    from fuseboard_docker_mcp.config import DockerMcpSettings
    from fuseboard_docker_mcp.models import Launch, Server

logger = logging.getLogger(__name__)

MOST_REMEMBERED = 200
LABEL = "fuseboard.session"
"""Every container that is started carries it, with a value of its own."""

SWEEP = 'ids=$("$0" ps -aq --no-trunc --filter "label=$1") && [ -n "$ids" ] && exec "$0" rm -f -v $ids'
"""Removes containers when the host is gone and none of its Python runs any more."""

Tell = Callable[[str], Awaitable[None]]
"""Takes one sentence of progress."""


@dataclass(frozen=True, slots=True)
class LastCall:
    """The last call of a server's tool: its name, when it ended (Unix time), seconds, and the outcome:
    "ok", "error", "failed" or "cancelled"."""

    tool: str
    at: float
    seconds: float
    outcome: str


class Orchestrator:
    """One life of the plugin. Made by `running`.

    Attributes:
        last_calls: by server.
        seen_docker: when the health check looked at Docker (monotonic), and what it saw.
        arrived: set when the servers that start with the host have come up or failed.
        not_started: why servers that should have started with the host did not, by name.
    """

    def __init__(self, settings: DockerMcpSettings, board: Board) -> None:
        self.settings = settings
        self.board = board
        self.metrics = metrics.begin()
        self.docker = Docker(settings)
        self.door = DockerDoor(settings, self.docker)
        self.catalogue = Catalogue(settings, self.door, self.docker, self.metrics)
        self.secrets = SecretStore(settings)
        self.configs = ConfigStore(settings)
        self.proxy = Proxy(board, self.call_tool, self.get_prompt, settings.proxy.call_timeout + 2)
        self.pool = Pool(
            settings,
            changed=self._changed,
            metrics=self.metrics,
            sweep=self._sweep,
            sweep_command=_sweep_command(self.docker),
        )
        self.last_calls: dict[str, LastCall] = {}
        self.not_started: dict[str, DockerMcpError] = {}
        self.seen_docker: tuple[float, HealthReport] | None = None
        self._tools: TTLCache[str, tuple[mcp_types.Tool, ...]] = TTLCache(MOST_REMEMBERED, settings.cache.tools_ttl)
        self._started: dict[str, Server] = {}
        self._writing = anyio.Lock()
        self._news: set[str] = set()
        self._has_news = anyio.Event()
        self.arrived = anyio.Event()

    # --- servers --------------------------------------------------------------------------------------------------

    def session(self, name: str) -> Session | None:
        """The session of a server that was started and not stopped, whatever its state is."""
        return next((session for session in self.pool.sessions() if session.name == name), None)

    def active(self) -> list[Session]:
        """The sessions whose tools can be called: those that are ready, or will be again."""
        return [session for session in self.pool.sessions() if session.state in SERVED]

    def is_first_class(self, server: Server) -> bool:
        """Whether the server's tools join the host's own."""
        return self.settings.is_first_class(server.name, server.first_class)

    async def startable(self, name: str) -> Server:
        """The server of this name.

        Raises:
            UnknownServer: there is none.
            NotInstalled: it is in a catalogue only.
        """
        server = await self.catalogue.find(name)
        if server.installed or self.settings.docker_mcp.allow_catalog_servers:
            return server
        raise NotInstalled(
            f"{server.name} is in {server.source}, but not installed. The operator installs it with `docker mcp`, or "
            "sets docker_mcp.allow_catalog_servers"
        )

    async def start(self, name: str, tell: Tell) -> Session:
        """Start a server; one that runs is left as it is.

        Args:
            name: of an installed server.
            tell: what is being done.

        Raises:
            DockerMcpError: it cannot be started; the class says why.
        """
        server = await self.startable(name)
        self.not_started.pop(name, None)
        news = Progress(tell)
        try:
            return await self.pool.start(server.name, partial(self._prepared, server.name, news), server.allowed_tools)
        except Exception as error:
            raise _named(server.name, error) from None
        finally:
            news.over = True

    async def stop(self, name: str) -> bool:
        """Stop a server; False when it does not run."""
        stopped = await self.pool.stop(name)
        self._started.pop(name, None)
        self.last_calls.pop(name, None)
        return stopped

    @asynccontextmanager
    async def _prepared(self, name: str, tell: Tell) -> AsyncIterator[Launch]:
        """What a start needs, read anew each time: a restarted server gets the configuration and secrets of now."""
        from fuseboard_docker_mcp.ways import prepared  # not needed before the first start

        server = await self.catalogue.find(name)
        self._started[name] = server
        config = validation.complete(server, await self.read_config(server))
        secrets = await self.stored_secrets(server)
        async with prepared(
            server,
            config=config,
            secrets=secrets,
            settings=self.settings,
            docker=None if server.way == "direct" else self.docker,
            label=f"{LABEL}={uuid4().hex}",
            report=tell,
        ) as launch:
            yield launch

    async def _sweep(self, label: str) -> None:
        await self.docker.remove_containers(label)

    async def restart(self, names: Iterable[str]) -> tuple[list[str], dict[str, DockerMcpError]]:
        """Restart those of these servers that run: which did, and why the others did not."""
        restarted: list[str] = []
        failed: dict[str, DockerMcpError] = {}

        async def one(name: str) -> None:
            try:
                await self.pool.restart(name)
                restarted.append(name)
            except Exception as error:
                failed[name] = _named(name, error)

        async with anyio.create_task_group() as together:
            for name in names:
                if (session := self.session(name)) is not None and session.state in (*SERVED, "starting"):
                    together.start_soon(one, name)
        return sorted(restarted), failed

    # --- configuration and secrets ----------------------------------------------------------------------------------

    async def read_config(self, server: Server) -> dict[str, Any]:
        """The values of a server, from the toolkit or from our own store."""
        if server.way == "toolkit":
            return await (await self.door.toolkit()).read_config(server)
        return {**server.config, **await self.configs.read(server.name)}

    async def change_config(self, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Store values of a server after checking them against its schema; None takes a value away.

        Raises:
            WrongConfiguration: they do not fit; nothing was stored.
        """
        async with self._writing:
            server = await self.startable(name)
            new = validation.merged(server, await self.read_config(server), values)
            validation.check(server, new)
            if server.way == "toolkit":
                await (await self.door.toolkit()).write_config(server, new)
            else:
                await self.configs.write(server.name, new)
            self.catalogue.drop()
            self._tools.pop(name, None)
            return new

    async def stored_secrets(self, server: Server) -> dict[str, SecretStr]:
        """The stored values that a server wants, by name."""
        found = {spec.name: await self.secrets.get(spec.name) for spec in server.secrets}
        return {name: value for name, value in found.items() if value is not None}

    async def mirror(self, key: str, value: SecretStr | None) -> bool:
        """Let Docker's own store follow, where there is one. Ours counts, so nothing that fails here is an error."""
        try:
            if await self.door.way() != "toolkit":
                return False
            wanting = [server for server in await self.catalogue.installed() if key in _wants(server)]
            if wanting and all(server.way != "toolkit" for server in wanting):
                return False  # it is none of Docker's business
            return await (await self.door.toolkit()).mirror_secret(key, value)
        except DockerMcpError as error:
            logger.info("the secret %s was not mirrored: %s", key, error.code)
            return False

    def running_with(self, key: str) -> list[str]:
        """The running servers that want a secret."""
        names = [session.name for session in self.pool.sessions() if session.state in (*SERVED, "starting")]
        return [name for name in names if name in self._started and key in _wants(self._started[name])]

    # --- calls ------------------------------------------------------------------------------------------------------

    async def call_tool(
        self, ctx: Context[Any], arguments: Mapping[str, Any], *, server: str, name: str
    ) -> mcp_types.CallToolResult | mcp_types.InputRequiredResult:
        """Call a tool of a started server. Its answer is passed on as it is."""
        begun = time.monotonic()
        outcome = "failed"
        try:
            result = await self.pool.get(server).call_tool(ctx, name, arguments)
            outcome = "error" if getattr(result, "is_error", False) else "ok"
            return result
        except anyio.get_cancelled_exc_class():
            outcome = "cancelled"
            raise
        finally:
            self.last_calls[server] = LastCall(name, time.time(), time.monotonic() - begun, outcome)

    async def get_prompt(self, ctx: Context[Any], arguments: Mapping[str, str], *, server: str, name: str) -> Any:
        """Get a prompt of a started server."""
        return await self.pool.get(server).get_prompt(ctx, name, arguments)

    def remembered_tools(self, name: str) -> tuple[mcp_types.Tool, ...] | None:
        """The tools that a stopped server had when it ran, while that is believed (`tools_ttl`)."""
        known: tuple[mcp_types.Tool, ...] | None = self._tools.get(name)
        self.metrics.count("cache_misses" if known is None else "cache_hits", cache="tools")
        return known

    # --- what changes by itself ---------------------------------------------------------------------------------------

    def _changed(self, session: Session) -> None:
        """A session's state, tools or prompts are others now. Called on the plugin's loop."""
        server = self._started.get(session.name)
        if session.state == "ready":
            self._tools[session.name] = session.tools
        if server is not None and self.is_first_class(server):
            self.proxy.update(session)
        elif session.state not in SERVED:
            self.proxy.withdraw(session.name)
        self._news.add(session.name)
        self._has_news.set()

    async def tell_subscribers(self) -> None:
        """Tell the clients that subscribed to the resources of servers. Runs until it is cancelled."""
        while True:
            await self._has_news.wait()
            self._has_news = anyio.Event()
            names, self._news = self._news, set()
            try:
                for uri in ("docker-mcp://servers", *(f"docker-mcp://servers/{name}" for name in sorted(names))):
                    await self.board.resource_updated(uri)
            except Exception:  # nobody hears of this change; the servers must not end for it
                logger.warning("subscribers were not told of a change", exc_info=True)

    async def autostart(self) -> None:
        """Start what should start with the host, all at once. What cannot is told by the health check."""
        async with anyio.create_task_group() as together:
            for name in self.settings.autostarted():
                together.start_soon(self._autostart, name)
        self.arrived.set()

    async def _autostart(self, name: str) -> None:
        async def silent(sentence: str) -> None:
            logger.info("%s: %s", name, sentence)

        try:
            await self.start(name, silent)
        except Exception as error:
            reason = _named(name, error)
            self.not_started[name] = reason
            logger.warning("%s was not started with the host: %s", name, reason)


class Progress:
    """Passes sentences of a start on to whoever called, until that call is over. A later restart has nobody to tell."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.over = False

    async def __call__(self, sentence: str) -> None:
        if not self.over:
            await self._tell(sentence)


def _wants(server: Server) -> set[str]:
    return {spec.name for spec in server.secrets}


def _named(name: str, error: Exception) -> DockerMcpError:
    """The error for the model; a fault of ours with one server must not end the others, and goes to the log."""
    if isinstance(error, DockerMcpError):
        return error
    logger.error("%s: its start failed unexpectedly", name, exc_info=error)
    return CannotStart(f"the start of {name} failed unexpectedly; the operator finds the cause in the log")


def _sweep_command(docker: Docker) -> tuple[str, ...] | None:
    try:
        return ("/bin/sh", "-c", SWEEP, docker.path(), "{label}")
    except NoDocker:
        return None


@asynccontextmanager
async def running(settings: DockerMcpSettings, board: Board) -> AsyncIterator[Orchestrator]:
    """The plugin's life: nothing that it started is left after it."""
    orchestrator = Orchestrator(settings, board)
    async with orchestrator.pool, anyio.create_task_group() as background:
        background.start_soon(orchestrator.tell_subscribers)
        background.start_soon(orchestrator.autostart)
        try:
            yield orchestrator
        finally:
            background.cancel_scope.cancel()
