"""The host: an async context manager that owns everything, from discovery to the last plugin's stop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

import anyio

from fuseboard.access import Access
from fuseboard.board import Board
from fuseboard.caller import Caller
from fuseboard.catalogue import Catalogue, Namespace
from fuseboard.circuit import Circuit
from fuseboard.contributions.prompt import Prompt
from fuseboard.contributions.resource import Resource
from fuseboard.contributions.tool import Tool
from fuseboard.discovery import Found, discover
from fuseboard.dispatcher import Dispatcher
from fuseboard.errors import RegistrationError, Unavailable
from fuseboard.fuse import FuseState
from fuseboard.health import CheckResult
from fuseboard.health_monitor import HealthMonitor
from fuseboard.house_plugin import HousePlugin
from fuseboard.ledger import UP, Ledger, Row, State
from fuseboard.loop_thread import Mailbox
from fuseboard.middleware import CallMiddleware
from fuseboard.naming import HOUSE, check_namespace, prefix_of
from fuseboard.running import in_whose_name
from fuseboard.settings import FuseSettings, HostSettings, LoadedSettings, fill_plugin_settings
from fuseboard.supervisor import Supervisor
from fuseboard.visibility import known_rows
from fuseboard.watchdog import Watchdog

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

logger = logging.getLogger(__name__)


class Host:
    """All plugins and what they contribute. Enter it on the loop that serves the surfaces.

    Args:
        settings: as loaded, or made in code.
        plugins: modules or objects by name, instead of those that are installed: for tests.

    Attributes:
        ledger: the state of every plugin.
        catalogue: the snapshot that is served now.
        dispatcher: the way of every call.
        discovered: what discovery found, before any import.
    """

    def __init__(
        self, settings: LoadedSettings | HostSettings | None = None, *, plugins: Mapping[str, object] | None = None
    ) -> None:
        loaded = settings if isinstance(settings, LoadedSettings) else LoadedSettings.of(settings or HostSettings())
        self.loaded = loaded
        self.settings = loaded.settings
        self.access = Access.of(loaded.settings.access)
        self.ledger = Ledger()
        self.catalogue = Catalogue()
        self.dispatcher = Dispatcher(self)
        self.discovered: list[Found] = []
        self.abandoned = False
        self.middleware: Sequence[tuple[str, CallMiddleware]] = ()
        self._given = plugins
        self._circuits: dict[str, Circuit] = {}
        self._added: dict[tuple[str, str], Namespace] = {}
        self._claims: dict[str, str] = {}
        self._claiming = threading.Lock()
        self._watchers: list[Callable[[Catalogue, Catalogue], None]] = []
        self._resource_watchers: list[Callable[[str], Any]] = []
        self._supervisors: dict[str, Supervisor] = {}
        self._background: set[asyncio.Task[Any]] = set()
        self._monitor = HealthMonitor(self._up, self._learned)
        self._watchdog = Watchdog(lambda: any(circuit.running for circuit in self._circuits.values()), self._blocks)
        self._changed = asyncio.Event()
        self._entered = False

    async def __aenter__(self) -> Host:
        self.home = asyncio.get_running_loop()
        self._home_thread = threading.get_ident()
        self._home_mail = Mailbox(self.home)
        self._entered = True
        self._open_ledger()
        house = self._circuit(HOUSE, HousePlugin(self), FuseSettings(loop="shared", prefix=f"{HOUSE}_"))
        await house.load()
        await house.start()
        self._publish()
        self._watchdog.start([circuit.lane for circuit in self._circuits.values()])
        for supervisor in self._supervisors.values():
            supervisor.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            for task in [*self._background, *(supervisor.task for supervisor in self._supervisors.values())]:
                if task is not None:
                    task.cancel()
            await asyncio.gather(*(circuit.stop() for circuit in self._circuits.values()))
        self._watchdog.stop()
        self.abandoned = any(circuit.abandoned for circuit in self._circuits.values())

    def _open_ledger(self) -> None:
        if self._given is not None:
            self.discovered = [Found(name, "", "given in code") for name in sorted(self._given)]
        else:
            self.discovered = discover(self.settings)
        for found in self.discovered:
            options = self.settings.fuse(found.name)
            row = Row(found.name, found.distribution, found.version, found.summary, State.STARTING)
            row.required = options.required
            if found.verdict is not None:
                row.state, row.reason, row.stage = State(found.verdict[0]), found.verdict[1], "metadata"
            self.ledger.open(row)
            if found.verdict is None:
                target = self._given[found.name] if self._given is not None else found.entry_point
                circuit = self._circuit(found.name, target, options)
                self._supervisors[found.name] = Supervisor(
                    circuit, self.ledger, self._publish, self._forget_added, self._monitor
                )
        self._miss_required()

    def _miss_required(self) -> None:
        """A plugin that is required and not installed has a row too: the host is not ready without it."""
        for name, options in self.settings.fuses.items():
            if options.required and name not in self.ledger:
                row = Row(name, "", "", "", State.FAILED, "metadata", "it is required and not installed")
                row.required = True
                self.ledger.open(row)

    def _circuit(self, name: str, target: object, options: FuseSettings) -> Circuit:
        circuit = Circuit(
            name,
            target,
            options,
            lambda plugin, kind: fill_plugin_settings(plugin, kind, self.loaded),
            Board(name, self),
            self._home_mail,
            lambda: self._assess(name),
        )
        self._circuits[name] = circuit
        return circuit

    # --- what is served -------------------------------------------------------------------------------------------

    def _up(self) -> list[Circuit]:
        """The plugins that are up, sorted by name; the host's own is not among them."""
        return [self._circuits[row.name] for row in self.ledger.in_state(UP)]

    def _publish(self) -> None:
        """Build the snapshot anew and tell the surfaces what has changed."""
        spaces = [self._namespace(circuit) for circuit in [self._circuits[HOUSE], *self._up()]]
        up = {circuit.name for circuit in self._up()}
        spaces += [space for (plugin, _), space in self._added.items() if plugin in up]
        before, self.catalogue = self.catalogue, Catalogue(spaces, self.access.house, {HOUSE, *self.ledger.names()})
        self.middleware = [(c.name, layer) for c in self._up() for layer in c.registration.middleware]
        for row in self.ledger.rows():
            row.not_served = self.catalogue.clashes_of.get(row.name, [])
        for clash in self.catalogue.clashes:
            if clash not in before.clashes:
                logger.error("%s", clash)
        for watcher in self._watchers:
            watcher(before, self.catalogue)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _namespace(self, circuit: Circuit) -> Namespace:
        own, joined = circuit.registration.contributions, circuit.joined
        prefix = prefix_of(circuit.name, circuit.options.prefix)
        return Namespace(
            circuit.name,
            prefix,
            False,
            [*own.tools, *joined.tools],
            [*own.prompts, *joined.prompts],
            [*own.resources, *joined.resources],
        )

    @property
    def routes(self) -> list[tuple[str, BaseRoute]]:
        """The HTTP routes of the plugins that are up, each with its plugin."""
        return [(circuit.name, route) for circuit in self._up() for route in circuit.registration.routes]

    @property
    def instructions(self) -> str:
        """The server's instructions for a caller whom nothing binds."""
        return self.instructions_for(None)

    def instructions_for(self, roles: frozenset[str] | None) -> str:
        """The server's instructions: a paragraph per plugin; of one that still starts the distribution's summary."""
        paragraphs = []
        for row in self.known_rows(roles):
            if row.state in UP:
                text = self._circuits[row.name].registration.instructions
            else:
                text = row.summary if row.state is State.STARTING else ""
            if text:
                paragraphs.append(f"{row.name}: {text}")
        return "\n\n".join(paragraphs)

    # --- who sees what --------------------------------------------------------------------------------------------

    def seen_by(self, roles: frozenset[str] | None) -> Catalogue:
        """What a caller with these roles may see and call; see `Caller.roles`."""
        return self.catalogue if roles is None else self.catalogue.seen_with(self.access.rights(roles))

    def known_rows(self, roles: frozenset[str] | None) -> list[Row]:
        """The ledger's rows of the plugins of which a caller sees something, or might if they were up."""
        return known_rows(self.ledger.rows(), self.seen_by(roles), self.access.rights(roles), self.settings)

    def watch(self, watcher: Callable[[Catalogue, Catalogue], None]) -> None:
        """Call `watcher(before, after)` on this loop after every change of the catalogue."""
        self._watchers.append(watcher)

    def watch_resources(self, watcher: Callable[[str], Any]) -> None:
        """Call `await watcher(uri)` when a plugin says that a resource has changed."""
        self._resource_watchers.append(watcher)

    # --- waiting for plugins --------------------------------------------------------------------------------------

    @property
    def loading(self) -> bool:
        """Whether a plugin has not reached its first state yet."""
        return bool(self.ledger.starting)

    async def settled(self, timeout: float | None = None) -> bool:
        """Wait until every plugin has reached a state; False when `timeout` seconds were not enough."""
        if not self.loading:
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self.loading:
                    await self._changed.wait()
        return not self.loading

    async def wait_for_name(self, name: str, answers: Callable[[], bool]) -> None:
        """Wait while plugins load, until one answers to a name, or none can come, or the time of a call is over."""
        if not self.loading:
            return
        options = {plugin: self.settings.fuse(plugin) for plugin in self.ledger.starting}
        named = [one for plugin, one in options.items() if _begins(name, prefix_of(plugin, one.prefix))]
        seconds = max(one.call_timeout for one in named or options.values())
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.loading and not answers():
                    await self._changed.wait()

    def why_unknown(self, name: str, roles: frozenset[str] | None = None) -> str:
        """Why nothing answers to a name that a plugin would have: "" if no plugin's prefix fits."""
        for row in self.known_rows(roles):
            prefix = prefix_of(row.name, self.settings.fuse(row.name).prefix)
            if row.state not in UP and _begins(name, prefix, f"{row.name}:"):
                return f": plugin {row.name} is {row.state}: {row.reason or 'it is not ready yet'}"
        # The same words for what is not there and for what is not for them: nobody finds out which.
        return "" if self.access.rights(roles) is None else ": it does not exist, or you may not use it"

    # --- what the dispatcher and the boards need ------------------------------------------------------------------

    def circuit(self, plugin: str) -> Circuit:
        """The circuit of a plugin that is up.

        Raises:
            Unavailable: it is not up (any more).
        """
        circuit = self._circuits[plugin]
        if plugin != HOUSE and (row := self.ledger[plugin]).state not in UP:
            raise Unavailable(f"plugin {plugin} is {row.state}: {row.reason}")
        return circuit

    def plugins(self) -> list[Row]:
        """The ledger's rows."""
        return self.ledger.rows()

    def call_begins(self) -> None:
        """A call begins: the watchdog looks out."""
        self._watchdog.call_begins()

    def call_failed(self, circuit: Circuit, reason: str, ticket: int) -> None:
        """A call ended by a fault of the plugin: tell its fuse, and ask the plugin whether its backend is lost."""
        circuit.fuse.failed(reason, ticket)
        if circuit.fuse.state is FuseState.CLOSED and circuit.name != HOUSE:
            self._spawn(self._ask_after_fault(circuit))

    async def _ask_after_fault(self, circuit: Circuit) -> None:
        for result in await self._monitor.one(circuit, max_age=1.0):
            if result.critical and not result.ok and circuit.fuse.state is FuseState.CLOSED:
                circuit.fuse.blow(f"{result.name}: {result.message}")

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.ensure_future(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def call_tool_for(
        self, plugin: str, name: str, arguments: Mapping[str, Any], caller: Caller | None
    ) -> dict[str, Any]:
        """A plugin calls a tool through its board."""
        return await self.dispatcher.call_tool(name, arguments, in_whose_name(plugin, caller))

    def replace(
        self,
        plugin: str,
        namespace: str,
        tools: Sequence[Tool],
        prompts: Sequence[Prompt],
        resources: Sequence[Resource],
    ) -> None:
        """See `Board.replace`. Called from any thread."""
        check_namespace(namespace, plugin, self.ledger.names())
        for kind, items in ((Tool, tools), (Prompt, prompts), (Resource, resources)):
            for item in items:
                if not isinstance(item, kind):
                    raise RegistrationError(
                        f"{type(item).__name__} is no {kind.__name__}: make it with {kind.__name__}.of"
                    )
        with self._claiming:
            owner = self._claims.setdefault(namespace, plugin) if namespace else plugin
        if owner != plugin:
            raise RegistrationError(f"namespace {namespace!r} belongs to plugin {owner}")
        own = prefix_of(plugin, self._circuits[plugin].options.prefix)
        space = Namespace(plugin, f"{namespace}_" if namespace else own, True, tools, prompts, resources)
        if threading.get_ident() == self._home_thread:
            self._replaced((plugin, namespace), space)
        else:
            self._home_mail.post(self._replaced, (plugin, namespace), space)

    def _replaced(self, key: tuple[str, str], space: Namespace) -> None:
        if space.tools or space.prompts or space.resources:
            self._added[key] = space
        else:
            self._added.pop(key, None)
            self._claims.pop(key[1], None)
        self._publish()

    def _forget_added(self, plugin: str) -> None:
        """A plugin's life has ended: what it added at run time is gone with it."""
        for key in [key for key in self._added if key[0] == plugin]:
            del self._added[key]
        for namespace in [namespace for namespace, owner in self._claims.items() if owner == plugin]:
            del self._claims[namespace]

    async def resource_updated(self, uri: str) -> None:
        """A plugin says that a resource has changed."""
        for watcher in self._resource_watchers:
            await watcher(uri)

    # --- how the plugins are --------------------------------------------------------------------------------------

    async def health(self, max_age: float = 2.0) -> dict[str, list[CheckResult]]:
        """The health checks of every plugin that is up, in parallel, none older than `max_age` seconds."""
        return await self._monitor.all(max_age)

    def heard(self, plugin: str, line: str) -> None:
        """A plugin printed a line to standard output. Called from any thread."""
        if self._entered:
            self._home_mail.post(self.ledger.heard, plugin, line)

    def _learned(self, plugin: str, results: list[CheckResult]) -> None:
        self._assess(plugin)

    def _blocks(self, plugin: str, text: str) -> None:
        """The watchdog's report, from its thread."""
        if plugin in self.ledger:
            self.ledger[plugin].blocking = text
            self._home_mail.post(self._assess, plugin)

    def _assess(self, plugin: str) -> None:
        """Bring the ledger's state of a plugin that is up in line with its loop, its fuse and its health."""
        if plugin not in self.ledger or (row := self.ledger[plugin]).state not in UP:
            return
        fuse = self._circuits[plugin].fuse
        ill = [result for result in self._monitor.known(plugin) if result.critical and not result.ok]
        if row.blocking:
            self.ledger.move(plugin, State.DEGRADED, stage="call", reason=f"blocks its event loop: {row.blocking}")
        elif fuse.state is not FuseState.CLOSED:
            self.ledger.move(plugin, State.DEGRADED, stage="call", reason=fuse.reason)
        elif ill:
            self.ledger.move(plugin, State.DEGRADED, stage="health", reason=f"{ill[0].name}: {ill[0].message}")
        else:
            self.ledger.move(plugin, State.ACTIVE)


def _begins(name: str, *prefixes: str) -> bool:
    return any(prefix and name.startswith(prefix) for prefix in prefixes)
