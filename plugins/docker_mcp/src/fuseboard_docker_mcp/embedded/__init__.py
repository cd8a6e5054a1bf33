"""Two small MCP servers that come with the plugin, so that it is of use on a machine without Docker.

They are programs of the standard library alone, which start in 30 ms: `stdio_server.py` speaks the protocol for both.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fuseboard_docker_mcp.config import ServerSettings
from fuseboard_docker_mcp.embedded import clock as clock
from fuseboard_docker_mcp.embedded import notes as notes
from fuseboard_docker_mcp.models import Server, ToolSpec, Way
from fuseboard_docker_mcp.own_servers import own_server

if TYPE_CHECKING:
    from types import ModuleType

    from fuseboard_docker_mcp.config import DockerMcpSettings

_SPEAKER = Path(__file__).with_name("stdio_server.py")
_NOTES_CONFIGURATION = {
    "type": "object",
    "properties": {
        "file": {
            "type": "string",
            "pattern": "^/",
            "description": "Absolute path of the file that keeps the notes; without it they end with the server.",
        }
    },
    "additionalProperties": False,
}


def servers(settings: DockerMcpSettings, way: Way) -> list[Server]:
    """The servers that the setting `embedded` asks for; "auto" gives them where Docker has none to offer."""
    if settings.embedded == "never" or (settings.embedded == "auto" and way != "direct"):
        return []
    return [
        _described("clock", clock),
        _described("notes", notes, env={"NOTES_FILE": "{{file}}"}, schema=_NOTES_CONFIGURATION),
    ]


def _described(name: str, module: ModuleType, schema: dict[str, Any] | None = None, **more: Any) -> Server:
    # Isolated and without site-packages: nothing of this machine's Python can get between, and it starts at once.
    program = ServerSettings(
        command=sys.executable,
        args=["-I", "-S", str(_SPEAKER), str(module.__file__)],
        title=module.TITLE,
        description=module.DESCRIPTION,
        protocol="legacy",
        **more,
    )
    # Checking the plugin's own schema would import the validator, which costs a tenth of a second of every start.
    program = program.model_copy(update={"config_schema": schema})
    tools = tuple(
        ToolSpec(tool["name"], tool["description"], tool["inputSchema"], tool["annotations"]) for tool in module.TOOLS
    )
    return own_server(name, program, source="comes with the plugin", tools=tools)
