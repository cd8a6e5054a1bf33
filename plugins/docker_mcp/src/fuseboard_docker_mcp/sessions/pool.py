"""The pool: every server that is started, and the certain end of all of them."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Awaitable, Callable
from types import TracebackType

import anyio

from fuseboard_docker_mcp.config import DockerMcpSettings
from fuseboard_docker_mcp.errors import NotActive, PoolFull
from fuseboard_docker_mcp.metrics import Metrics
from fuseboard_docker_mcp.sessions.guardian import Guardian
from fuseboard_docker_mcp.sessions.session import House, Prepare, Session

logger = logging.getLogger(__name__)

SWEEP_PAUSES = (0.5, 1.0, 2.5)
"""Seconds before each later look for a container that was still being created."""
LEAVE_WITHIN = 0.88
"""Seconds for the end of all servers: the host abandons a plugin that has not stopped after one."""


class Pool:
    """The started servers. An async context manager; leaving it ends them all within 0.9 seconds.

    Args:
        settings: `proxy` bounds it.
        changed: called with a session at every change of its state, tools or prompts.
        metrics: where starts, ends and calls are counted.
        sweep: removes the containers with a label; called after the process of a server is gone.
        sweep_command: the same as a command, `{label}` in it stands for the label; run when the host is gone.

    Attributes:
        guardian: ends what is left when the host is gone.
    """

    def __init__(
        self,
        settings: DockerMcpSettings,
        *,
        changed: Callable[[Session], None],
        metrics: Metrics,
        sweep: Callable[[str], Awaitable[None]] | None = None,
        sweep_command: tuple[str, ...] | None = None,
    ) -> None:
        self._settings = settings
        self._changed = changed
        self._metrics = metrics
        self.guardian = Guardian(sweep_command)
        self._house = House(settings, self._note, metrics, self.guardian, self._remove_containers)
        self._sweep = sweep
        self._is_swept_by_guardian = sweep_command is not None
        self._sweeps: set[asyncio.Task[None]] = set()
        self._sessions: dict[str, Session] = {}
        self._tasks: dict[asyncio.Task[None], Session] = {}
        self._waiting: dict[Session, int] = {}
        self._context = contextvars.Context()
        self._closed = True

    async def __aenter__(self) -> Pool:
        # A session outlives the call that starts it, so it must not run in that call's context.
        self._context = contextvars.copy_context()
        self._closed = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        deadline = time.monotonic() + LEAVE_WITHIN
        for session in self._tasks.values():
            session.request_stop()
        for sweep in self._sweeps:
            sweep.cancel()  # the guardian does it
        try:
            with anyio.CancelScope(shield=True):
                if ending := {*self._tasks, *self._sweeps}:
                    await asyncio.wait(ending, timeout=deadline - time.monotonic())
                if self._tasks:
                    # What is still at work is what `prepare` undoes.
                    for task in self._tasks:
                        task.cancel()
                    await asyncio.wait(self._tasks, timeout=0.02)
        finally:
            for task in self._tasks:
                task.cancel()
            self.guardian.close()

    async def start(self, name: str, prepare: Prepare, allowed: frozenset[str] | None = None) -> Session:
        """Start a server, or wait for the start of it that is under way.

        Args:
            name: of the server.
            prepare: entered at each (re)start.
            allowed: the tools that the operator left on, None for all.

        Returns:
            The session, ready.

        Raises:
            PoolFull: `connection_pool_size` servers run.
            CannotStart: it ended, or never became ready; the text has its reason.
            StartTimeout: it was not ready within `connection_timeout`.
            Exception: whatever `prepare` raises.
        """
        session = self._sessions.get(name)
        if session is None or session.state in ("failed", "stopped"):
            self._check_room(name)
            session = Session(name, prepare, allowed, self._house)
            self._sessions[name] = session
            self._run(session)
        await self._settled(session)
        return session

    async def stop(self, name: str) -> bool:
        """Stop a server and wait for its end, containers included. Returns False when there was none."""
        session = self._sessions.pop(name, None)
        if session is None:
            return False
        if tasks := self._tasks_of(session):
            session.request_stop()
            self._metrics.count("stops", server=name)
            await asyncio.wait(tasks)
        self._gauge()
        return True

    async def restart(self, name: str) -> Session:
        """End a server and start it anew. Calls that arrive meanwhile wait.

        Raises:
            NotActive: it is not started.
            Exception: as for `start`.
        """
        session = self.get(name)
        if session.state in ("failed", "stopped") and (tasks := self._tasks_of(session)):
            await asyncio.wait(tasks)
        if session.state in ("failed", "stopped"):
            self._check_room(name)
            self._run(session)
        elif session.state != "starting":
            session.request_restart()
        await self._settled(session)
        return session

    def sessions(self) -> list[Session]:
        """All that were started and not stopped; one that was given up keeps its reason here."""
        return list(self._sessions.values())

    def get(self, name: str) -> Session:
        """The session of a server.

        Raises:
            NotActive: it is not started.
        """
        session = self._sessions.get(name)
        if session is None:
            raise NotActive(f"the server {name} is not started; start_servers starts it")
        return session

    def _check_room(self, name: str) -> None:
        if self._closed:
            raise NotActive(f"{name} is not started: the plugin is stopping")
        size = self._settings.proxy.connection_pool_size
        names = sorted(s.name for s in self._tasks.values() if s.state not in ("failed", "stopped"))
        if len(names) >= size:
            running = ", ".join(names[:20])
            raise PoolFull(
                f"{name} is not started: {size} servers run, as many as proxy.connection_pool_size allows "
                f"({running}). Stop one of them first."
            )

    def _tasks_of(self, session: Session) -> list[asyncio.Task[None]]:
        return [task for task, running in self._tasks.items() if running is session]

    def _run(self, session: Session) -> None:
        session.begin()
        task = asyncio.create_task(session.run(), name=f"docker_mcp: {session.name}", context=self._context.copy())
        self._tasks[task] = session
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        session = self._tasks.pop(task)
        if not task.cancelled():
            task.exception()
        self._forget(session)
        self._gauge()

    def _forget(self, session: Session) -> None:
        """Drop a session that never was ready: who started it has the reason."""
        if not session.protocol_version and self._sessions.get(session.name) is session:
            del self._sessions[session.name]

    async def _settled(self, session: Session) -> None:
        self._waiting[session] = self._waiting.get(session, 0) + 1
        try:
            await session.settled()
        except asyncio.CancelledError:
            if self._waiting[session] == 1 and session.state == "starting":
                session.request_stop()  # nobody waits for it any more
            raise
        except Exception:
            self._forget(session)
            raise
        finally:
            self._waiting[session] -= 1
            if not self._waiting[session]:
                del self._waiting[session]

    def _note(self, session: Session) -> None:
        self._gauge()
        self._changed(session)

    async def _remove_containers(self, label: str, is_late: bool) -> None:
        """Remove the containers of a server that is gone.

        Args:
            label: that they carry.
            is_late: whether one may still appear.
        """
        if self._sweep is None or (self._closed and self._is_swept_by_guardian):
            return  # leaving has less than a second: the guardian does it in peace
        try:
            await self._sweep(label)
        except Exception as error:
            logger.warning("containers were not looked for: %s", type(error).__name__)
            return  # the guardian does it when the host is gone
        if not is_late:
            self.guardian.release_label(label)
        elif not self._closed:
            task = asyncio.create_task(self._remove_late_containers(label), context=self._context.copy())
            self._sweeps.add(task)
            task.add_done_callback(self._sweeps.discard)

    async def _remove_late_containers(self, label: str) -> None:
        for pause in SWEEP_PAUSES:
            await asyncio.sleep(pause)
            await self._remove_containers(label, False)

    def _gauge(self) -> None:
        ready = [session for session in self._sessions.values() if session.state == "ready"]
        self._metrics.gauge("active_servers", len(ready))
        self._metrics.gauge("active_tools", sum(len(session.tools) for session in ready))
