"""Tools with a raw JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# Keywords of draft 2020-12 that a rebuilt schema would lose: they must be listed as they stand.
EVERY_KEYWORD: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}

# The client repeats this argument in the header `Mcp-Param-Region`, so that a gateway can route by it.
IN_A_HEADER: dict[str, Any] = {
    "type": "object",
    "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
    "required": ["region"],
}


def register_tools(register: Any) -> None:
    """Register the tools of this module."""
    register(json_schema_2020_12_tool, input_schema=EVERY_KEYWORD)
    register(test_x_mcp_header, input_schema=IN_A_HEADER)


def json_schema_2020_12_tool(arguments: Mapping[str, Any]) -> str:
    """Repeat the arguments, which the host has held against a schema with every keyword."""
    return json.dumps(dict(arguments))


def test_x_mcp_header(arguments: Mapping[str, Any]) -> str:
    """Name the region of the argument."""
    return f"The region is {arguments['region']}"
