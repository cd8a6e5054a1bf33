"""The tools of a catalogue entry. Their `arguments` are no JSON Schema (`desc`, `optional`) and are turned into one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fuseboard_docker_mcp.models import ToolSpec
from fuseboard_docker_mcp.text import clean

JSON_TYPES = frozenset(["string", "number", "integer", "boolean", "array", "object", "null"])
HINTS = frozenset(["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"])
LONGEST_NAME, LONGEST_DESCRIPTION = 128, 1000


def tool_specs(tools: Any) -> tuple[ToolSpec, ...] | None:
    """The tools of an entry (already tamed); None where it says nothing, or nothing readable, of them.

    What an entry says of its tools is for people who choose a server, so a tool that cannot be read is left out
    and the server stays: the tools of a running server come from the server.
    """
    if not isinstance(tools, list):
        return None
    specs: dict[str, ToolSpec] = {}
    for tool in tools:
        if isinstance(tool, dict) and (name := _name(tool.get("name"))):
            specs.setdefault(name, _spec(name, tool))
    return tuple(specs.values())


def _spec(name: str, tool: Mapping[str, Any]) -> ToolSpec:
    return ToolSpec(
        name=name,
        description=_line(tool.get("description")),
        input_schema=input_schema(tool.get("arguments"), tool.get("parameters")),
        annotations=_annotations(tool.get("annotations")),
    )


def input_schema(arguments: Any, parameters: Any) -> dict[str, Any]:
    """The JSON Schema of a tool's arguments.

    Args:
        arguments: `[{name, type, desc, items?, optional?}]` of a server in one container, or nothing.
        parameters: the schema of a tool that is a container of its own; elsewhere it is noise without a type.

    Returns:
        An object schema, `{"type": "object"}` where nothing is said.
    """
    if isinstance(arguments, list) and arguments:
        return _object_schema(arguments)
    if isinstance(parameters, dict) and parameters.get("type") == "object":
        return _own_schema(parameters)
    return {"type": "object"}


def _object_schema(arguments: list[Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    for argument in arguments:
        if not isinstance(argument, dict) or not (name := _name(argument.get("name"))) or name in properties:
            continue
        properties[name] = _property(argument)
        if argument.get("optional") is not True:
            required.append(name)
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    return {**schema, "required": required} if required else schema


def _property(argument: Mapping[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    # A type that JSON Schema does not have would make the whole schema invalid; without one anything is accepted.
    if isinstance(kind := argument.get("type"), str) and kind in JSON_TYPES:
        schema["type"] = kind
    if description := _line(argument.get("desc")):
        schema["description"] = description
    if schema.get("type") == "array" and isinstance(items := argument.get("items"), dict):
        schema["items"] = _property(items)
    return schema


def _own_schema(parameters: Mapping[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    if isinstance(properties := parameters.get("properties"), dict):
        schema["properties"] = {name: value for name, value in properties.items() if isinstance(value, dict | bool)}
    if isinstance(required := parameters.get("required"), list):
        names = list(dict.fromkeys(name for name in required if isinstance(name, str)))
        schema |= {"required": names} if names else {}
    return schema


def _annotations(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    hints: dict[str, Any] = {name: value[name] for name in sorted(HINTS) if isinstance(value.get(name), bool)}
    title = _line(value.get("title"))
    return {"title": title, **hints} if title else hints


def _name(value: Any) -> str:
    """A name that can be shown as it stands; "" for anything else."""
    return (
        value if isinstance(value, str) and len(value) <= LONGEST_NAME and clean(value, LONGEST_NAME) == value else ""
    )


def _line(value: Any) -> str:
    return clean(value, LONGEST_DESCRIPTION) if isinstance(value, str) else ""
