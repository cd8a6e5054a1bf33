"""The tools: plain functions, of which the host makes schemas and to which it adds the prefix `docker_mcp_`."""

from fuseboard_docker_mcp.tools.calls import call_tool, list_active_tools
from fuseboard_docker_mcp.tools.configuration import config_get, config_set
from fuseboard_docker_mcp.tools.information import get_server_info, get_server_tools
from fuseboard_docker_mcp.tools.secrets import secret_list, secret_remove, secret_set
from fuseboard_docker_mcp.tools.servers import (
    get_active_servers,
    list_catalog_servers,
    list_installed_servers,
    start_servers,
    stop_servers,
)

__all__ = [
    "call_tool",
    "config_get",
    "config_set",
    "get_active_servers",
    "get_server_info",
    "get_server_tools",
    "list_active_tools",
    "list_catalog_servers",
    "list_installed_servers",
    "secret_list",
    "secret_remove",
    "secret_set",
    "start_servers",
    "stop_servers",
]
