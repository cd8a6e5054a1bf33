"""Schemas: valid JSON Schema, and within what clients and model interfaces accept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fuseboard.grading.finding import Finding, error, warning
from fuseboard.grading.subject import Subject

PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
AT_THE_TOP = ("anyOf", "oneOf", "allOf")


def findings(subject: Subject) -> Iterator[Finding]:
    """What a validator or a client would refuse. What an era refuses is found while the plugin runs."""
    for place, tool in subject.named_tools():
        yield from _invalid(f"{place}, input schema", tool.input_schema)
        yield from _unusual(place, tool.input_schema)
        if tool.output_schema is not None:
            yield from _invalid(f"{place}, output schema", tool.output_schema)


def _invalid(place: str, schema: Mapping[str, Any]) -> Iterator[Finding]:
    from fuseboard.errors import RegistrationError
    from fuseboard.json_schema import JsonSchema

    try:
        JsonSchema("it", schema)
    except RegistrationError as refused:
        advice = "correct it: a client that validates refuses the tool"
        yield error("schema-invalid", place, str(refused), advice)


def _unusual(place: str, schema: Mapping[str, Any]) -> Iterator[Finding]:
    where = f"{place}, input schema"
    if schema.get("type") != "object":
        yield error("schema-no-object", where, "its type is not object", "arguments are always an object")
    for word in AT_THE_TOP:
        if word in schema:
            text = f"it has {word} at the top, which model interfaces refuse"
            yield warning("schema-choice-at-top", where, text, "make one object with optional parameters of it")
    for name in schema.get("properties", {}):
        if PROPERTY.fullmatch(str(name)) is None:
            text = f"the parameter {str(name)[:80]!r} has a name that model interfaces refuse"
            yield warning("schema-parameter-name", where, text, "use letters, digits and _, at most 64")
