"""Plugins with one good tool and one that no client could list: served, it would spoil the whole list."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fuseboard import hookimpl
from fuseboard_faulty.journal import fine

if TYPE_CHECKING:
    from fuseboard import ToolRegistrar

NOTHING = {"type": "object", "properties": {}}


async def anything(arguments: dict[str, Any]) -> dict[str, Any]:
    """A tool with a raw schema."""
    return arguments


class OneBad:
    """Registers the good tool first, then `broken` with these options."""

    def __init__(self, function: Callable[..., Any] = anything, **options: Any) -> None:
        self._function = function
        self._options: Mapping[str, Any] = options

    @hookimpl
    def register_tools(self, register: ToolRegistrar) -> None:
        register(fine)
        register(self._function, **{"name": "broken", **self._options})


def _with(schema: object) -> dict[str, Any]:
    return {"type": "object", "properties": {"part": schema}}


async def takes_a_socket(connection: socket.socket) -> str:
    """No JSON Schema can say what it takes."""
    return str(connection)


async def takes_the_unknown(part: NoSuchType) -> str:  # type: ignore[name-defined]  # noqa: F821
    """Its annotation cannot be read."""
    return str(part)


empty_input = OneBad(input_schema={})
null_property = OneBad(input_schema=_with(None))
invalid_input = OneBad(input_schema=_with({"type": "colour"}))
input_of_objects = OneBad(input_schema=_with({"enum": [object()]}))
surrogate_input = OneBad(input_schema=_with({"type": "string", "description": "half a letter: \ud800"}))
array_output = OneBad(input_schema=NOTHING, output_schema={"type": "array"})
bad_header = OneBad(input_schema=_with({"type": "object", "x-mcp-header": "Part"}))
bad_signature = OneBad(takes_a_socket)
bad_annotation = OneBad(takes_the_unknown)
bad_timeout = OneBad(fine, timeout=-1)
nan_timeout = OneBad(fine, timeout=float("nan"))
huge_description = OneBad(fine, description="Call this tool. " * 300_000)
lone_alias = OneBad(fine, aliases="alias")
registered_twice = OneBad(fine, name="fine")
surrogate_description = OneBad(fine, description="half a letter: \ud800")
