"""The supervisor of one plugin: brings it up, starts it again with back-off, and keeps the ledger true."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable

from fuseboard.circuit import Circuit
from fuseboard.errors import PluginFailure
from fuseboard.health_monitor import HealthMonitor
from fuseboard.ledger import UP, Ledger, State
from fuseboard.reasons import reason_of

logger = logging.getLogger(__name__)

FIRST_RESTART = 1.0
LONGEST_RESTART = 30.0
CHARACTERS_PER_TOKEN = 4


class Supervisor:
    """Used on the host's loop.

    Args:
        circuit: the plugin.
        ledger: where its state is kept.
        publish: called when what it serves has changed, or when it has reached its first state.
        life_ended: called with its name when what it added at run time is gone.
        monitor: asked for its health when it is up.
    """

    def __init__(
        self,
        circuit: Circuit,
        ledger: Ledger,
        publish: Callable[[], None],
        life_ended: Callable[[str], None],
        monitor: HealthMonitor,
    ) -> None:
        self._circuit = circuit
        self._ledger = ledger
        self._publish = publish
        self._life_ended = life_ended
        self._monitor = monitor
        self._delay = FIRST_RESTART
        self.task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Bring the plugin up in the background."""
        self.task = asyncio.create_task(self._run(), name=f"supervisor of {self._circuit.name}")

    async def _run(self) -> None:
        try:
            await self._circuit.load()
        except PluginFailure as failure:
            self._failed(failure.stage, failure.reason)
            return
        finally:
            self._enter()
        while True:
            try:
                await self._circuit.start()
            except PluginFailure as failure:
                self._failed(failure.stage, f"{failure.reason}; started again after {self._delay:g} s")
                await asyncio.wait({self._circuit.ended})
            else:
                await self._up()
            await asyncio.sleep(self._delay)
            self._delay = min(self._delay * 2, LONGEST_RESTART)

    async def _up(self) -> None:
        """The plugin is up: serve it until its life ends, which it should not before the host stops."""
        begun = asyncio.get_running_loop().time()
        name = self._circuit.name
        self._monitor.forget(name)
        self._circuit.fuse.succeeded()
        self._enter()
        self._ledger.move(name, State.ACTIVE)
        self._publish()
        checks = asyncio.create_task(self._monitor.one(self._circuit, max_age=0.0))
        try:
            await asyncio.wait({self._circuit.ended})
        finally:
            checks.cancel()
        if asyncio.get_running_loop().time() - begun > LONGEST_RESTART:
            self._delay = FIRST_RESTART
        error = self._circuit.ended.exception()
        logger.error("%s: its lifespan has ended", name, exc_info=error)
        reason = reason_of(error) if error is not None else "it left its context"
        self._failed("start", f"its lifespan ended: {reason}; started again after {self._delay:g} s")

    def _failed(self, stage: str, reason: str) -> None:
        name = self._circuit.name
        served = self._ledger[name].state in UP
        self._life_ended(name)
        self._ledger.move(name, State.FAILED, stage=stage, reason=reason)
        if not served:
            logger.error("plugin %s failed at %s: %s", name, stage, reason)
        self._publish()

    def _enter(self) -> None:
        """Put into the ledger what is known of the plugin after loading or starting it."""
        row = self._ledger[self._circuit.name]
        registration, joined = self._circuit.registration, self._circuit.joined
        own = registration.contributions
        row.import_ms = self._circuit.import_ms
        tools = [*own.tools, *joined.tools]
        row.contributes = {
            "tools": len(tools),
            "prompts": len(own.prompts) + len(joined.prompts),
            "resources": len(own.resources) + len(joined.resources),
            "health_checks": len(own.health_checks),
            "routes": len(registration.routes),
            "middleware": len(registration.middleware),
        }
        forms = [tool.wire(tool.name, row.name) for tool in tools]
        row.tokens = len(json.dumps(forms, ensure_ascii=False)) // CHARACTERS_PER_TOKEN if forms else 0
