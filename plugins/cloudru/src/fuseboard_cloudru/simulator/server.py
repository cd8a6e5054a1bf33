"""The simulator on a socket of the loopback interface, in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette

from fuseboard_cloudru.simulator.app import build_app
from fuseboard_cloudru.simulator.clock import Clock
from fuseboard_cloudru.simulator.faults import Fault, Faults
from fuseboard_cloudru.simulator.journal import Entry
from fuseboard_cloudru.simulator.store import Store
from fuseboard_cloudru.simulator.switches import Switches

LONGEST_START = 30.0
"""Seconds that the server gets to answer."""

LONGEST_STOP = 20.0
"""Seconds that it gets to end."""


class Simulator:
    """The simulated service on HTTP. A context manager.

    Args:
        switches: how it behaves.
        store: its state; an empty one when left out.
        clock: the time of that empty state.
        host: the address to listen on.
        port: the port, 0 for a free one.

    Attributes:
        url: the base address of both IAM and the registry service.
        key_id: the id of the access key that it knows.
        secret: its secret.
        project_id: the project that it knows.
        log: what it was asked.
        store: its state.
        clock: its time.
    """

    def __init__(
        self,
        switches: Switches | None = None,
        *,
        store: Store | None = None,
        clock: Clock | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.store = store or Store(switches, clock=clock)
        self.clock = self.store.clock
        self.key_id = self.store.key_id
        self.secret = self.store.secret
        self.project_id = self.store.project_id
        self.log: list[Entry] = []
        self.url = ""
        self._faults = Faults((switches or self.store.switches).faults)
        self._app = build_app(switches, self.store, entries=self.log, faults=self._faults)
        self._host = host
        self._port = port

    def __enter__(self) -> Self:
        self._socket = _listening(self._host, self._port)
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"http://{host}:{self._socket.getsockname()[1]}"
        self._server = _Server(self._app)
        self._thread = threading.Thread(target=self._serve, name="cloudru-simulator", daemon=True)
        self._thread.start()
        if not self._server.ready.wait(LONGEST_START):
            self.__exit__(None, None, None)
            raise RuntimeError(f"the simulator did not start within {LONGEST_START:g} s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(LONGEST_STOP)
        self._socket.close()

    def fail(self, fault: Fault) -> None:
        """Let one more thing go wrong from now on."""
        self._faults.add(fault)

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self._faults.clear()

    def change(self, **switches: Any) -> None:
        """Behave in another way from now on.

        Args:
            switches: fields of `Switches`, but not `faults`: those are changed by `fail` and `heal`.
        """
        self.store.switches = replace(self.store.switches, **switches)

    def revoke_tokens(self) -> None:
        """Make every token that was given out worthless."""
        self.store.tokens.revoke()

    def environment(self) -> dict[str, str]:
        """The environment variables that lead a client here."""
        return {
            "CLOUD_RU_IAM_URL": self.url,
            "CLOUD_RU_API_URL": self.url,
            "CLOUD_RU_KEY_ID": self.key_id,
            "CLOUD_RU_SECRET": self.secret,
            "CLOUD_RU_PROJECT_ID": self.project_id,
        }

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))


class _Server(uvicorn.Server):
    """uvicorn that says when it is ready, and that lets nobody hold up its end."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                timeout_graceful_shutdown=5,
                # Longer than clients keep an idle one: who closes first must not be a matter of luck.
                timeout_keep_alive=60,
            )
        )
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Answers that never end, on purpose, end with their connections.
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        OSError: the address is not free, or not one of this machine.
    """
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # Only where the protocol is named does asyncio send small answers at once (TCP_NODELAY): else each waits 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening
