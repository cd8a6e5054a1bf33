"""What the plugin keeps between runs: secrets, and the configuration of servers that no toolkit keeps it for."""

from __future__ import annotations

from fuseboard_docker_mcp.stores.configs import ConfigStore
from fuseboard_docker_mcp.stores.secrets import SecretStore

__all__ = ["ConfigStore", "SecretStore"]
