"""A circuit: where one plugin lives. Import, registration, start, calls and stop, each behind a deadline."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from importlib import import_module
from time import perf_counter
from typing import Any

import anyio
import anyio.to_thread
from importlib_metadata import EntryPoint

from fuseboard import attribution
from fuseboard.board import Board
from fuseboard.bulkhead import Bulkhead, Place
from fuseboard.caller import Caller
from fuseboard.context import Context, Rounds
from fuseboard.contributions import sdk_server
from fuseboard.contributions.registrars import Contributions
from fuseboard.errors import PluginFailure, StageTimeout
from fuseboard.fuse import Fuse
from fuseboard.loop_thread import LoopThread, Mailbox, Visit, Work
from fuseboard.plugin_hooks import PluginHooks, Registration
from fuseboard.reach import Reach
from fuseboard.reasons import place_of_thread, reason_of
from fuseboard.settings import FuseSettings

logger = logging.getLogger(__name__)

LAST_MOMENT = 0.25
"""Seconds that a stage gets to end after it was cancelled."""


class Circuit:
    """One plugin with its thread, its hooks, its state and its fuse. Used on the host's loop.

    Args:
        name: the plugin's name.
        entry_point: what to import, `module` or `module:object`; an object itself in tests.
        options: how the host treats it.
        fill_settings: `(name, class) -> instance` for the plugin's settings.
        board: the plugin's door to the host.
        home_mail: the way back to the host's loop.
        fuse_changed: called when the fuse blows or closes.
    """

    def __init__(
        self,
        name: str,
        entry_point: object,
        options: FuseSettings,
        fill_settings: Callable[[str, Any], Any],
        board: Board,
        home_mail: Mailbox,
        fuse_changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.options = options
        self.lane = LoopThread(name, asyncio.get_running_loop(), home_mail, shared=options.loop == "shared")
        self.fuse = Fuse(name, threshold=options.fault_threshold, cool_down=options.cool_down, changed=fuse_changed)
        self.bulkhead = Bulkhead(name, places=options.max_calls, queue=options.max_queue)
        self.running: set[Visit] = set()
        self.registration = Registration()
        self.joined = Contributions()
        self.state: Any = None
        self.abandoned = False
        self.import_ms: float | None = None
        self._entry_point = entry_point
        self._fill_settings = fill_settings
        self._board = board
        self._hooks: PluginHooks | None = None
        self._settings: Any = None
        self._life: Visit | None = None
        self._leave: asyncio.Event | None = None
        self._limiter: anyio.CapacityLimiter | None = None

    async def load(self) -> None:
        """Import the plugin, fill its settings and let it register.

        Raises:
            PluginFailure: with the stage that failed and why.
        """
        self.lane.start()
        begun = perf_counter()
        plugin = await self._stage("import", self._in_line(self._import), self.options.import_timeout)
        self.import_ms = (perf_counter() - begun) * 1000
        await self._stage("registration", self._in_line(self._read_hooks, plugin), self.options.start_timeout)
        await self._stage("settings", self._in_line(self._read_settings), self.options.start_timeout)
        self.registration = await self._stage("registration", self._in_line(self._register), self.options.start_timeout)

    def _import(self) -> object:
        if not isinstance(self._entry_point, EntryPoint):
            return self._entry_point
        found: object = import_module(self._entry_point.module)
        for name in filter(None, (self._entry_point.attr or "").split(".")):
            if not hasattr(found, name):
                raise PluginFailure(self.name, "import", f"{self._entry_point.value}: there is no {name}")
            found = getattr(found, name)
        return found

    def _read_hooks(self, plugin: object) -> None:
        self._hooks = PluginHooks(self.name, plugin)

    def _read_settings(self) -> None:
        assert self._hooks is not None
        kind = self._hooks.settings_class()
        self._settings = self._fill_settings(self.name, kind) if kind is not None else None

    def _register(self) -> Registration:
        assert self._hooks is not None
        return self._hooks.register(self._settings, self._board)

    def _in_line(self, function: Callable[..., Any], *args: Any) -> Work:
        """Synchronous code of the plugin as work for its thread."""
        return functools.partial(self._run_in_line, function, *args)

    async def _run_in_line(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run synchronous code of the plugin on its thread; on a shared loop in a thread for the moment."""
        if not self.lane.shared:
            return function(*args)
        done = asyncio.get_running_loop().create_future()

        def run() -> None:
            attribution.name_thread(self.name)
            try:
                self.lane.home_mail.post(_deliver, done, function(*args), None)
            except BaseException as error:
                self.lane.home_mail.post(_deliver, done, None, error)

        threading.Thread(target=run, name=f"fuseboard-{self.name}", daemon=True).start()
        return await done

    async def start(self) -> None:
        """Enter the plugin's `lifespan`; its life then goes on in one task until `stop`.

        Raises:
            PluginFailure: it raised or missed `start_timeout`.
        """
        started = self.lane.home.create_future()
        self._leave = asyncio.Event()
        self._life = life = self.lane.visit(functools.partial(self._live, self._leave, started), name="lifespan")
        seconds = self.options.start_timeout
        try:
            async with asyncio.timeout(seconds) as clock:
                await asyncio.wait({started, life.outcome}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            assert clock.expired()
            life.cancel()
            raise self._too_slow("start", seconds) from None
        if not started.done():
            raise self._failure("start", life.outcome.exception() or RuntimeError("ended at once"))

    async def _live(self, leave: asyncio.Event, started: asyncio.Future[None]) -> None:
        assert self._hooks is not None
        attribution.current_plugin.set(self.name)
        self._limiter = anyio.CapacityLimiter(self.options.max_calls)
        async with AsyncExitStack() as stack:
            with attribution.busy(self.name):
                manager = self._hooks.lifespan(self._settings, self._board)
                self.state = await stack.enter_async_context(manager) if manager is not None else None
                if self.registration.sdk_server is not None:
                    self.joined = await stack.enter_async_context(sdk_server.joined(self.registration.sdk_server))
            self.lane.home_mail.post(_deliver, started, None, None)
            await leave.wait()

    @property
    def ended(self) -> asyncio.Future[Any]:
        """Done when the plugin's life is over, with the exception that ended it before its time."""
        assert self._life is not None
        return self._life.outcome

    def context(
        self, caller: Caller, reach: Reach | None = None, rounds: Rounds | None = None, place: Place | None = None
    ) -> Context[Any]:
        """What a tool, prompt, resource or health check of this plugin gets."""
        return Context(
            state=self.state,
            plugin=self.name,
            caller=caller,
            board=self._board,
            reach=reach,
            home=self.lane.home,
            rounds=rounds,
            in_thread=functools.partial(self._in_thread, place),
        )

    def call(self, work: Work, *, name: str, place: Place) -> Visit:
        """Begin a call. Its place is released when it has ended, also when nobody waits for it any more."""
        return self._visit(work, name, place.release)

    def _visit(self, work: Work, name: str, on_end: Callable[[], None] | None = None) -> Visit:
        def ended() -> None:
            self.running.discard(visit)
            if on_end is not None:
                on_end()

        visit = self.lane.visit(functools.partial(self._attributed, work), name=name, on_end=ended)
        self.running.add(visit)
        return visit

    async def _attributed(self, work: Work) -> Any:
        attribution.current_plugin.set(self.name)  # what it prints is logged under the plugin's name
        with attribution.busy(self.name):
            return await work()

    async def _in_thread(self, place: Place | None, function: Callable[[], Any]) -> Any:
        """Run blocking code in a worker thread; the call's place is kept until the thread returns."""
        claim = _Claim()
        post = self.lane.home_mail.post
        if place is not None:
            post(place.hold)

        def body() -> Any:
            if not claim.take():
                return None
            try:
                return function()
            except StopIteration as error:
                raise RuntimeError("the function raised StopIteration") from error
            finally:
                if place is not None:
                    post(place.release)

        try:
            return await anyio.to_thread.run_sync(body, abandon_on_cancel=True, limiter=self._limiter)
        finally:
            if claim.take() and place is not None:
                post(place.release)  # the thread never began

    async def _stage(self, stage: str, work: Work, seconds: float) -> Any:
        visit = self._visit(work, stage)
        try:
            async with asyncio.timeout(seconds) as clock:
                return await visit.outcome
        except asyncio.CancelledError:
            visit.cancel()
            raise
        except Exception as error:
            if isinstance(error, TimeoutError) and clock.expired():
                visit.cancel()
                raise self._too_slow(stage, seconds) from None
            raise self._failure(stage, error) from error

    def _too_slow(self, stage: str, seconds: float) -> StageTimeout:
        place = place_of_thread(self.lane.thread)
        more = "; it is not tried again in this process" if stage == "import" else ""
        return StageTimeout(self.name, stage, f"did not end within {seconds:g} s{place}{more}")

    def _failure(self, stage: str, error: BaseException) -> PluginFailure:
        if isinstance(error, PluginFailure):
            return error
        logger.warning("%s failed at %s", self.name, stage, exc_info=error)
        return PluginFailure(self.name, stage, reason_of(error))

    async def stop(self) -> None:
        """Cancel what runs, leave the `lifespan` and end the thread, within `stop_timeout` seconds.

        What does not end is abandoned (`abandoned`): the process must then be ended by force.
        """
        begun = self.lane.home.time()
        for visit in set(self.running):
            visit.cancel()
        await self._until(lambda: not self.running, begun + self.options.stop_timeout / 2)
        if self._life is not None and self._leave is not None:
            self.lane.mail.post(self._leave.set)
            if not await self._until(self._life.outcome.done, begun + self.options.stop_timeout):
                logger.warning("%s did not leave its lifespan within %g s", self.name, self.options.stop_timeout)
                self._life.cancel()
                await self._until(self._life.outcome.done, self.lane.home.time() + LAST_MOMENT)
        self.lane.stop()
        self.abandoned = not await self.lane.join(LAST_MOMENT) or bool(self.running)
        if self.abandoned:
            logger.warning("%s does not stop%s: it is abandoned", self.name, place_of_thread(self.lane.thread))

    async def _until(self, condition: Callable[[], bool], deadline: float) -> bool:
        while not condition() and self.lane.home.time() < deadline:  # noqa: ASYNC110 - of several futures at the stop
            await asyncio.sleep(0.005)
        return condition()


class _Claim:
    """Says once who takes care of a place: the worker thread that began, or the task that waited for one in vain."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def take(self) -> bool:
        return self._lock.acquire(blocking=False)


def _deliver(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
