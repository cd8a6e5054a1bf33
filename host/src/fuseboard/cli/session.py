"""What the commands share: the wire, the global options, the settings, and a host while a command needs one."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fuseboard.cli.console import Console
from fuseboard.cli.ending import end_soon

if TYPE_CHECKING:
    from fuseboard.host import Host
    from fuseboard.ledger import Row
    from fuseboard.settings import LoadedSettings
    from fuseboard.transports.signals import StopSignals
    from fuseboard.transports.stdout_guard import Wire

SHOW_LOADING_AFTER = 0.5
LATEST_COLLECTION = 5.0


@dataclass
class Session:
    """One run of `fuseboard`.

    Attributes:
        wire: the real standard input and output.
        console: what people see.
        config: the YAML file named on the command line.
        blocked: plugins blocked on the command line.
        abandoned: whether a plugin could not be stopped, so that the process must be ended by force.
    """

    wire: Wire
    console: Console
    config: Path | None = None
    blocked: list[str] = field(default_factory=list)
    abandoned: bool = False

    def load(self, overrides: Mapping[str, Any] | None = None) -> LoadedSettings:
        """Read all settings.

        Raises:
            SettingsError: they are wrong.
        """
        from fuseboard.settings import load_settings

        blocked = {"block_plugins": list(dict.fromkeys(self.blocked))} if self.blocked else {}
        return load_settings(config=self.config, overrides={**(overrides or {}), **blocked})

    def with_host(
        self,
        work: Callable[[Host], Awaitable[int]],
        *,
        loaded: LoadedSettings | None = None,
        log: str = "nothing",
        around: AbstractContextManager[Any] | None = None,
    ) -> int:
        """Run `work` with all plugins, and stop them.

        Args:
            work: gets the host, whose plugins may still load, and returns the exit code.
            loaded: the settings, if they have been read already.
            log: see `fuseboard.cli.log.set_up`.
            around: entered on the loop before any plugin starts, left when the last one has stopped.
        """
        settings = loaded if loaded is not None else self.load()
        from fuseboard.cli.log import set_up
        from fuseboard.host import Host
        from fuseboard.logs.keeping import keep

        set_up(settings, log)

        async def main() -> int:
            host = Host(settings)
            host.ledger.watch(lambda row: keep())
            code = 1
            try:
                with around or nullcontext():
                    async with host:
                        self.wire.on_noise = host.heard
                        collecting = asyncio.create_task(_collect_from_here_on(host))
                        try:
                            code = await work(host)
                        finally:
                            collecting.cancel()
                return code
            finally:
                self.wire.on_noise = None
                if host.abandoned:
                    # asyncio itself may now wait for what the plugin left behind.
                    self.abandoned = True
                    end_soon(self.wire, self.console.out, code)

        return asyncio.run(main())

    def serve(self, work: Callable[[Host, StopSignals], Awaitable[None]], loaded: LoadedSettings | None = None) -> int:
        """Run a surface until it ends or a signal arrives; signals are watched until the last plugin has stopped."""
        from fuseboard.transports.signals import StopSignals

        async def until_signal(host: Host) -> int:
            await work(host, signals)
            return 0

        signals = StopSignals()
        return self.with_host(until_signal, loaded=loaded, log="everything", around=signals)

    async def settle(self, host: Host) -> None:
        """Wait until every plugin has reached a state; each stage of each plugin has a deadline of its own."""
        with self.console.progressing():
            begun = host.home.time()
            while not await host.settled(SHOW_LOADING_AFTER):
                names = ", ".join(row.name for row in host.ledger.rows() if row.state == "starting")
                self.console.progress(f"loading {names} ({host.home.time() - begun:.0f} s)")
        # What plugins wrote to the descriptor while they were imported is read by a thread of its own.
        self.wire.drain()
        await asyncio.sleep(0)

    def tell_of_the_missing(self, host: Host) -> None:
        """Note on standard error which plugins do not contribute although nobody blocked them."""
        for row in host.ledger.rows():
            if row.state not in ("active", "degraded", "blocked"):
                self.console.note(f"fuseboard: without {row.name}: {why(row)}")


def why(row: Row) -> str:
    """A plugin's state with stage and reason, in one line."""
    stage = f" at {row.stage}" if row.stage else ""
    return f"{row.state}{stage}: {row.reason}" if row.reason else str(row.state)


async def _collect_from_here_on(host: Host) -> None:
    """Switch the collector on when the plugins have settled, or soon.

    What is loaded by then stays until the end, so it need not be walked every few hundred calls (a fifth of a call).
    """
    await host.settled(LATEST_COLLECTION)
    gc.freeze()
    gc.enable()
