"""A simulated Cloud.ru Artifact Registry with its IAM, for tests and demonstrations, as an ASGI app or on a socket."""

from fuseboard_cloudru.simulator.app import build_app
from fuseboard_cloudru.simulator.clock import Clock
from fuseboard_cloudru.simulator.faults import Fault
from fuseboard_cloudru.simulator.journal import Entry
from fuseboard_cloudru.simulator.server import Simulator
from fuseboard_cloudru.simulator.store import Store
from fuseboard_cloudru.simulator.switches import Switches

__all__ = ["Clock", "Entry", "Fault", "Simulator", "Store", "Switches", "build_app"]
