"""Arguments against the schema of a tool, before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fuseboard import JsonSchema, RegistrationError
from fuseboard_docker_mcp.errors import InvalidArguments
from fuseboard_docker_mcp.text import clean

LONGEST_SCHEMA = 256 * 1024
"""Characters of a schema as JSON."""


def schema_of(schema: Mapping[str, Any]) -> JsonSchema:
    """A tool's schema, for `check_arguments`. What it says elsewhere only the server knows.

    Raises:
        RegistrationError: it is no valid JSON Schema.
    """
    return JsonSchema("its schema", schema, closed=False)


def schema_problem(schema: Mapping[str, Any]) -> str | None:
    """What is wrong with a JSON Schema, None for a valid one."""
    try:
        if len(json.dumps(schema)) > LONGEST_SCHEMA:
            return f"its schema is longer than {LONGEST_SCHEMA // 1024} KiB"
        schema_of(schema)
    except RegistrationError as error:
        return clean(str(error), 200)
    except (RecursionError, TypeError, ValueError):
        return "its schema is not a valid JSON Schema"
    return None


def check_arguments(schema: JsonSchema, label: str, arguments: Mapping[str, Any]) -> None:
    """Refuse arguments that do not fit.

    Args:
        schema: the tool's.
        label: server and tool, for the text.
        arguments: as they would be sent.

    Raises:
        InvalidArguments: names each place and the rule it breaks, never a value.
    """
    try:
        json.dumps(arguments, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        raise InvalidArguments(
            f"{label}: the arguments are not JSON: a number that JSON does not have, half a character, or nested too "
            "deeply. Nothing was sent."
        ) from None
    if problems := schema.problems(dict(arguments)):
        raise InvalidArguments(f"{label}: {clean('; '.join(problems), 900)}. Nothing was sent.")
