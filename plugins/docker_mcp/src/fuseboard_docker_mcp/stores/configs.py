"""The configuration of servers that no toolkit keeps it for: one private file, by server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from fuseboard_docker_mcp.config import SERVER_NAME
from fuseboard_docker_mcp.errors import ConfigStoreFailed, InvalidInput
from fuseboard_docker_mcp.stores.private_file import PrivateFile
from fuseboard_docker_mcp.text import clean

if TYPE_CHECKING:
    from fuseboard_docker_mcp.config import DockerMcpSettings


class ConfigStore:
    """Values by server. What they must be is decided before: see `stores.validation`.

    Args:
        settings: where the file is (`state_folder`).
    """

    def __init__(self, settings: DockerMcpSettings) -> None:
        self._file = PrivateFile(settings.state_folder / "config.json", ConfigStoreFailed)

    async def read(self, server: str) -> dict[str, Any]:
        """The values of a server; none when nothing was ever written.

        Raises:
            InvalidInput: the name cannot be a server's.
            ConfigStoreFailed: the file cannot be used.
        """
        _check_server(server)
        return self._values(await anyio.to_thread.run_sync(self._file.read), server)

    async def write(self, server: str, values: Mapping[str, Any]) -> None:
        """Keep these values instead of the server's old ones; the other servers' stay.

        Raises:
            InvalidInput: the name cannot be a server's, or the values are no JSON; nothing was written.
            ConfigStoreFailed: the file cannot be used.
        """
        _check_server(server)
        try:
            plain = json.loads(json.dumps(values, allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            raise InvalidInput(f"the configuration of {server} is no JSON") from None
        await anyio.to_thread.run_sync(self._write, server, plain)

    def _write(self, server: str, values: dict[str, Any]) -> None:
        if not values and server not in self._file.read():
            return
        with self._file.changing() as content:
            self._values(content, server)
            if values:
                content[server] = values
            else:
                content.pop(server, None)

    def _values(self, content: Mapping[str, Any], server: str) -> dict[str, Any]:
        values = content.get(server, {})
        if isinstance(values, dict):
            return values
        raise ConfigStoreFailed(f"{self._file.path} is broken: what it has for {server} is no JSON object; mend it")


def _check_server(name: str) -> None:
    if not SERVER_NAME.fullmatch(name):
        raise InvalidInput(f"{clean(name, 60)!r} cannot be the name of a server")
