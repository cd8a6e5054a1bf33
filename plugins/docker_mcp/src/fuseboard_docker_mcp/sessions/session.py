"""A session: one server that is started, watched, started again when it dies, and stopped."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import anyio

from fuseboard_docker_mcp.config import DockerMcpSettings
from fuseboard_docker_mcp.errors import CannotStart, DockerMcpError, NotActive, StartTimeout, UnknownTool
from fuseboard_docker_mcp.metrics import Metrics
from fuseboard_docker_mcp.models import Launch, StdioLaunch
from fuseboard_docker_mcp.sessions import reasons
from fuseboard_docker_mcp.sessions.guardian import Guardian
from fuseboard_docker_mcp.sessions.process import Process
from fuseboard_docker_mcp.text import clean

if TYPE_CHECKING:
    import mcp_types

    from fuseboard import Context, JsonSchema
    from fuseboard_docker_mcp.sessions.connection import Connection
    from fuseboard_docker_mcp.sessions.listing import Listing
    from fuseboard_docker_mcp.sessions.questions import Questions

logger = logging.getLogger(__name__)

Prepare = Callable[[], AbstractAsyncContextManager[Launch]]
"""Entered anew at each start of a server, and left when its process is gone."""
State = Literal["starting", "ready", "reconnecting", "failed", "stopped"]

STABLE_AFTER = 10.0
"""Seconds of life after which earlier deaths are forgiven."""
LONGEST_DELAY = 60.0
"""Seconds between two attempts, however many there were."""
LEAVE_TIMEOUT = 0.5
"""Seconds for a good-bye over HTTP."""
CREATION_TIME = 2.0
"""Seconds in which an engine may still be creating a container that was asked for at a start or by a call."""
UNDO_TIMEOUT = 15.0
"""Seconds to remove containers and private files after the process is gone."""


@dataclass(frozen=True, slots=True)
class House:
    """What all sessions of a pool share."""

    settings: DockerMcpSettings
    changed: Callable[[Session], None]
    metrics: Metrics
    guardian: Guardian
    sweep: Callable[[str, bool], Awaitable[None]]


class Session:
    """One supervised server; `run` is one task of the pool.

    Args:
        name: of the server.
        prepare: makes what is launched.
        allowed: the tools that the operator left on, None for all.
        house: what the pool gives to all of them.

    Attributes:
        state: "starting", "ready", "reconnecting" after a death, "failed" when it was given up, or "stopped".
        reason: of the last death or failure, None while all is well.
        since: of this state, in seconds since the epoch.
        restarts: how often it was started again.
        protocol_version: that is spoken with it, "" before it is connected.
        server_info: "name" and "version" that it gives itself, hostile text.
        instructions: that it gives to models, hostile text.
        tools: that it has and that are allowed, complete as listed.
        prompts: that it has.
        left_out: a sentence about each tool that cannot be served.
        metrics: where calls are counted.
        questions: its open calls.
    """

    def __init__(self, name: str, prepare: Prepare, allowed: frozenset[str] | None, house: House) -> None:
        from fuseboard_docker_mcp.sessions.questions import Questions

        self.name = name
        self.allowed = allowed
        self.state: State = "starting"
        self.reason: DockerMcpError | None = None
        self.since = time.time()
        self.restarts = 0
        self.protocol_version = ""
        self.server_info: dict[str, str] = {}
        self.instructions = ""
        self.tools: tuple[mcp_types.Tool, ...] = ()
        self.prompts: tuple[mcp_types.Prompt, ...] = ()
        self.left_out: tuple[str, ...] = ()
        self.metrics = house.metrics
        self.questions: Questions = Questions(name, house.settings.proxy)
        self._prepare = prepare
        self._house = house
        self._proxy = house.settings.proxy
        self._connection: Connection | None = None
        self._process: Process | None = None
        self._schemas: dict[str, JsonSchema] = {}
        self._error: Exception | None = None
        self._scope = anyio.CancelScope()
        self._turn = anyio.Event()
        self._hurry = anyio.Event()
        self._stopping = False
        self._again = False
        self._was_ready = False

    @property
    def pid(self) -> int | None:
        """Of its process, None without one that runs."""
        return self._process.pid if self._process is not None and self._process.exit_code is None else None

    def last_words(self) -> list[str]:
        """The end of what it wrote on its standard error: printable lines without secrets, the oldest first."""
        return self._process.tail.lines() if self._process is not None else []

    async def call_tool(
        self, ctx: Context[Any], name: str, arguments: Mapping[str, Any]
    ) -> mcp_types.CallToolResult | mcp_types.InputRequiredResult:
        """Call a tool. The result is handed on as the server gave it; progress goes to `ctx`.

        An `InputRequiredResult` is to be returned to the host as it is: it calls the tool function again, which calls
        here again with the same arguments.

        Args:
            ctx: of the running call.
            name: of the tool, as the server calls it.
            arguments: for it.

        Raises:
            UnknownTool: it has no such tool.
            InvalidArguments: nothing was sent.
            InvalidInput: an answer came to a question that is not open any more.
            ToolFailed: it answered with an error of the protocol.
            CallTimeout: it did not answer in time and was told to stop.
            ServerDied: the connection broke in the middle; the call is never repeated.
            NotActive, StartTimeout, CannotStart: it does not run (any more) and was not ready in time.
        """
        from fuseboard_docker_mcp.sessions import calls

        result: mcp_types.CallToolResult | mcp_types.InputRequiredResult
        result = await calls.call_tool(self, ctx, name, arguments)
        return result

    async def get_prompt(
        self, ctx: Context[Any], name: str, arguments: Mapping[str, str]
    ) -> mcp_types.GetPromptResult | mcp_types.InputRequiredResult:
        """Render a prompt; as `call_tool`."""
        from fuseboard_docker_mcp.sessions import calls

        result: mcp_types.GetPromptResult | mcp_types.InputRequiredResult
        result = await calls.get_prompt(self, ctx, name, arguments)
        return result

    def schema(self, tool_name: str) -> JsonSchema:
        """The schema of a tool's arguments, made once.

        Raises:
            UnknownTool: the server has no such tool.
        """
        from fuseboard_docker_mcp.sessions.arguments import schema_of

        if tool_name not in self._schemas:
            for tool in self.tools:
                if tool.name == tool_name:
                    self._schemas[tool_name] = schema_of(tool.input_schema)
                    break
            else:
                names = ", ".join(clean(tool.name, 64) for tool in self.tools[:20])
                raise UnknownTool(f"{self.name} has no tool {clean(tool_name, 64)}; it has: {names or 'none'}")
        return self._schemas[tool_name]

    async def connected(self) -> Connection:
        """The connection; waits while the server is starting or being started again.

        Raises:
            StartTimeout: it was not ready within `connection_timeout`; nothing was sent.
            NotActive: it is stopped.
            DockerMcpError: it was given up, for this reason.
        """
        with anyio.move_on_after(self._proxy.connection_timeout):
            while self.state not in ("failed", "stopped"):
                connection = self._connection
                if self.state == "ready" and connection is not None and not connection.over.is_set():
                    return connection
                await self._turn.wait()
        if self.state == "failed" and self.reason is not None:
            raise type(self.reason)(self.reason.text)
        if self.state == "stopped":
            raise NotActive(f"{self.name} is stopped; start_servers starts it")
        raise StartTimeout(f"{self.name} was not ready within {self._proxy.connection_timeout:g} s; nothing was sent")

    async def settled(self) -> None:
        """Wait until a start has come to its end.

        Raises:
            Exception: why it failed: a `DockerMcpError`, or whatever `prepare` raised.
        """
        while self.state in ("starting", "reconnecting"):
            await self._turn.wait()
        if self.state == "ready":
            return
        if self._error is not None:
            raise self._error
        raise CannotStart(f"{self.name} was stopped before it was ready")

    def request_stop(self) -> None:
        """End it: its process is told at once, the rest is done by `run`."""
        self._stopping = True
        if self._process is not None:
            self._process.terminate()
        if self._connection is not None:
            self._connection.over.set()
        else:
            self._scope.cancel()

    def request_restart(self) -> None:
        """End it and start it anew at once, which is no death."""
        self._again = True
        self._set("starting")
        self._hurry.set()
        if self._connection is not None:
            if self._process is not None:
                self._process.terminate()
            self._connection.over.set()

    def begin(self) -> None:
        """Be starting, before the task of `run` has its first turn."""
        self._scope = anyio.CancelScope()
        self._stopping = False
        self._error = None
        self._set("starting")

    async def run(self) -> None:
        """Keep the server alive until it is stopped or given up; after `begin`, also once more."""
        try:
            with self._scope:
                await self._supervise()
        finally:
            self._connection = None
            if self.state != "failed":
                self._set("stopped")

    async def _supervise(self) -> None:
        failures = 0
        while not self._stopping:
            self._again = False
            began = time.monotonic()
            error = await self._live()
            if self._stopping or self._again:
                continue
            reason = error if isinstance(error, DockerMcpError) else CannotStart(f"{self.name} could not be prepared")
            if self.state == "starting":
                self._fail(error, reason)
                self.metrics.count("start_failures", server=self.name)
                return
            if self.state == "ready":
                self.metrics.count("deaths", server=self.name)
                if time.monotonic() - began >= STABLE_AFTER:
                    failures = 0
            if failures >= self._proxy.reconnect_attempts:
                reason = reasons.given_up(self.name, failures, reason)
                self._fail(reason, reason)
                return
            self._set("reconnecting", reason)
            self._hurry = anyio.Event()
            with anyio.move_on_after(min(self._proxy.reconnect_delay * 2**failures, LONGEST_DELAY)):
                await self._hurry.wait()
            failures += 1
            self.restarts += 1
            self.metrics.count("reconnects", server=self.name)

    async def _live(self) -> Exception:
        """One life, from the preparation to its undoing. Returns why it ended."""
        entered = False
        error: Exception = CannotStart(f"{self.name} ended")
        with anyio.CancelScope() as undo:
            try:
                async with self._prepare() as launch:
                    entered = True
                    try:
                        error = await self._serve(launch)
                    finally:
                        # Whatever stops the session, what was prepared is undone.
                        undo.shield = True
                        undo.deadline = anyio.current_time() + UNDO_TIMEOUT
                        await self._sweep(launch)
            except Exception as problem:
                if not entered:
                    return problem
                logger.warning("%s: what was prepared for it was not undone: %s", self.name, type(problem).__name__)
        return error

    async def _serve(self, launch: Launch) -> DockerMcpError:
        """Start, serve, and end. Returns why it ended."""
        from fuseboard_docker_mcp.sessions.connection import connected
        from fuseboard_docker_mcp.sessions.listing import listing

        problem: Exception | None = None
        broken = ""
        self._was_ready = False
        self._process = process = None
        with anyio.CancelScope() as limit:
            limit.deadline = anyio.current_time() + self._proxy.connection_timeout
            try:
                if isinstance(launch, StdioLaunch):
                    self._process = process = self._spawn(launch)
                async with connected(launch, process, self._proxy, self.questions) as connection:
                    found = await listing(connection, self.allowed)
                    if isinstance(launch, StdioLaunch) and launch.needs_tools and not found.offered:
                        raise reasons.NoTools
                    limit.deadline = math.inf
                    self._was_ready = True
                    self._begin(connection, found)
                    await self._follow(connection)
                    broken = connection.broken
                    limit.deadline = anyio.current_time() + LEAVE_TIMEOUT
            except Exception as error:  # the SDK raises what breaks a connection inside groups
                problem = error
            finally:
                self._connection = None
        if self._was_ready:
            return reasons.death(self.name, launch, process, problem, broken)
        if limit.cancelled_caught:
            return reasons.start_timeout(self.name, launch, process, self._proxy.connection_timeout)
        return reasons.start_failure(self.name, launch, process, problem)

    def _spawn(self, launch: StdioLaunch) -> Process:
        if launch.label is not None:
            self._house.guardian.watch_label(launch.label)
        return Process(launch, self._proxy.message_bytes, self._house.guardian)

    async def _sweep(self, launch: Launch) -> None:
        if isinstance(launch, StdioLaunch) and launch.label is not None:
            # A command line that is killed does not cancel the creation it asked for: the container appears later.
            is_late = not self._was_ready or time.monotonic() - self.questions.last_moved < CREATION_TIME
            await self._house.sweep(launch.label, is_late)

    def _begin(self, connection: Connection, found: Listing) -> None:
        client = connection.client
        info = client.server_info
        self.protocol_version = client.protocol_version
        self.server_info = {"name": info.name, "version": info.version} if info is not None else {}
        self.instructions = client.instructions or ""
        self._connection = connection
        self._again = False
        self._take(found)
        self.metrics.count("starts", server=self.name)
        self._set("ready")

    def _take(self, found: Listing) -> None:
        self.tools, self.prompts, self.left_out = found.tools, found.prompts, found.left_out
        self._schemas = {}

    async def _follow(self, connection: Connection) -> None:
        from fuseboard_docker_mcp.sessions.following import follow

        def take(found: Listing) -> None:
            if (found.tools, found.prompts, found.left_out) != (self.tools, self.prompts, self.left_out):
                self._take(found)
                self._tell()

        await follow(connection, self.allowed, self._proxy.connection_timeout, take)

    def _fail(self, error: Exception, reason: DockerMcpError) -> None:
        self._error = error
        self._set("failed", reason)

    def _set(self, state: State, reason: DockerMcpError | None = None) -> None:
        self.state, self.reason, self.since = state, reason, time.time()
        turn, self._turn = self._turn, anyio.Event()
        turn.set()
        self._tell()

    def _tell(self) -> None:
        try:
            self._house.changed(self)
        except Exception:
            logger.exception("%s: its change was not taken", self.name)
