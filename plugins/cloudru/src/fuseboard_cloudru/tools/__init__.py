"""The tools. Plain functions: the host adds the prefix `cloudru_` and makes the schemas from what is written there."""

from fuseboard_cloudru.tools.creating import create_registry
from fuseboard_cloudru.tools.deleting import delete_registry
from fuseboard_cloudru.tools.docker import get_docker_login
from fuseboard_cloudru.tools.operations import (
    get_operation,
    get_registry_operations,
    list_operations,
    wait_for_operation,
)
from fuseboard_cloudru.tools.quarantine import update_quarantine_mode
from fuseboard_cloudru.tools.registries import find_registry, get_registry, list_registries
from fuseboard_cloudru.tools.updating import update_registry

__all__ = [
    "create_registry",
    "delete_registry",
    "find_registry",
    "get_docker_login",
    "get_operation",
    "get_registry",
    "get_registry_operations",
    "list_operations",
    "list_registries",
    "update_quarantine_mode",
    "update_registry",
    "wait_for_operation",
]
