"""Ports of the loopback interface: one for a program that will listen there, and one where nobody ever does."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

NOT_GIVEN_OUT = (20_000, 30_000)
"""None of those that the system gives to whoever asks for any port: the tests beside this one do."""


def free_port() -> int:
    """A port that nothing listens on, for a program that takes a while until it does."""
    while True:
        port = random.randrange(*NOT_GIVEN_OUT)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextmanager
def deserted_port(port: int = 0) -> Iterator[int]:
    """A port that refuses connections. It is held, so nobody gets it but a server with SO_REUSEADDR that asks for it.

    Args:
        port: where a server was until now; without it, any.
    """
    with socket.socket() as held:
        # Connections that ended a moment ago do not keep us from holding the port of their server.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", port))
        yield int(held.getsockname()[1])
