"""What the demo has instead of accounts: a registry in memory, a simulated Cloud.ru, and two small MCP servers."""

from __future__ import annotations

import json
import os
import random
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fuseboard_cloudru.simulator import Simulator, Switches
from fuseboard_oci.testing import InMemoryRegistry, seed_data

ADDRESS = "127.0.0.1"
# The usual port of a registry: a client that starts the demo for itself can then ask for images by a known name.
REGISTRY_PORT = 5000
OTHER_PORTS = range(20_000, 30_000)
PLUGINS = ("cloudru", "docker_mcp", "oci")
# Long enough to be seen, short enough for a tour of half a minute.
OPERATION_SECONDS = 0.3


@dataclass(frozen=True)
class Embedded:
    """The parts while they run.

    Attributes:
        folder: a temporary one, for everything that is written; it goes with the demo.
        config: the settings that lead the three plugins to the parts.
        registry: the name of the registry, `127.0.0.1:port`.
        simulator: the address of the simulated Cloud.ru.
    """

    folder: Path
    config: Path
    registry: str
    simulator: str

    def environment(self) -> dict[str, str]:
        """The environment of a host: this one without settings and keys, so that no account is ever touched."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FUSEBOARD_", "CLOUD_RU_"))}
        return {**kept, "FUSEBOARD_CONFIG": str(self.config)}


def free_port(wanted: int) -> int:
    """The wanted port of the loopback interface, else a free one that the system gives to nobody meanwhile."""
    for port in [wanted] * bool(wanted) + random.sample(OTHER_PORTS, 50):
        with suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((ADDRESS, port))
            return int(probe.getsockname()[1])
    return 0  # whoever binds it will say what is wrong


@contextmanager
def embedded() -> Iterator[Embedded]:
    """Start the parts; when the block is left they and all that they wrote are gone."""
    with (
        tempfile.TemporaryDirectory(prefix="fuseboard-demo-") as name,
        _registry() as registry,
        Simulator(Switches(operation_seconds=OPERATION_SECONDS)) as simulator,
    ):
        registry.seed(seed_data())
        folder = Path(name)
        config = folder / "fuseboard.yaml"
        # JSON is YAML, and it quotes everything.
        config.write_text(json.dumps(_settings(folder, registry.host, simulator), indent=2), encoding="utf-8")
        yield Embedded(folder, config, registry.host, simulator.url)


def _registry() -> InMemoryRegistry:
    try:
        return InMemoryRegistry(port=REGISTRY_PORT)
    except OSError:  # the port is taken, perhaps by another demo
        return InMemoryRegistry()


def _settings(folder: Path, registry: str, simulator: Simulator) -> dict[str, object]:
    return {
        "load_plugins": PLUGINS,
        "log": {"level": "warning"},
        "plugins": {
            "cloudru": {
                "iam_url": simulator.url,
                "api_url": simulator.url,
                "key_id": simulator.key_id,
                "secret": simulator.secret,
                "project_id": simulator.project_id,
            },
            "docker_mcp": {
                "way": "direct",
                "embedded": "always",
                "secret_store": "file",
                "state_folder": str(folder / "docker_mcp"),
            },
            "oci": {"registries": {registry: {"insecure": True}}},
        },
    }
