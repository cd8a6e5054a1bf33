"""The servers that need no catalogue: those of the settings, and the two that come with the plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fuseboard_docker_mcp.models import SecretSpec, Server, ToolSpec

if TYPE_CHECKING:
    from fuseboard_docker_mcp.config import ServerSettings


def own_server(
    name: str, chosen: ServerSettings, source: str = "settings", tools: tuple[ToolSpec, ...] | None = None
) -> Server:
    """Describe a server of the settings like one of a catalogue. Its `entry` is `ServerSettings.model_dump()`.

    Args:
        name: under which it stands in the settings.
        chosen: the command or address.
        source: where it is from, for people.
        tools: what is known of its tools before it runs.
    """
    schema = chosen.config_schema
    return Server(
        name=name,
        way="direct",
        source=source,
        installed=True,
        kind="http" if chosen.url else "stdio",
        title=chosen.title,
        description=chosen.description,
        url=chosen.url,
        secrets=tuple(SecretSpec(name=secret, env=variable) for variable, secret in chosen.secrets.items()),
        config_schemas=() if schema is None else ({"name": name, **schema},),
        tools=tools,
        entry=chosen.model_dump(),
        first_class=chosen.first_class,
        protocol=chosen.protocol,
    )
