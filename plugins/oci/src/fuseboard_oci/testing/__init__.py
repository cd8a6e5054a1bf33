"""Registries for tests, in memory, with the standard library only.

`InMemoryRegistry` is a whole registry (push, pull, login, paging, referrers), `HostileRegistry` misbehaves by the name
of the repository as `BEHAVIOURS` lists it, and `Sink` plays the internal service that nobody should reach. All are
context managers on a free loopback port. `seed_data` is what to fill a registry with; `push` brings it to any other.
"""

from __future__ import annotations

from fuseboard_oci.testing.builder import Item, Repository
from fuseboard_oci.testing.hostile import BEHAVIOURS, HostileRegistry, Sink
from fuseboard_oci.testing.http import LogEntry, LoopbackServer, Raw, Request, Response
from fuseboard_oci.testing.pusher import Refusal, push
from fuseboard_oci.testing.registry import InMemoryRegistry
from fuseboard_oci.testing.seeds import seed_data

__all__ = [
    "BEHAVIOURS",
    "HostileRegistry",
    "InMemoryRegistry",
    "Item",
    "LogEntry",
    "LoopbackServer",
    "Raw",
    "Refusal",
    "Repository",
    "Request",
    "Response",
    "Sink",
    "push",
    "seed_data",
]
