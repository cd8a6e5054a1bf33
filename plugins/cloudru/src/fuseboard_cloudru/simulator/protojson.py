"""Messages as JSON, by the rules of the proto3 JSON mapping and in all the forms that it allows."""

from __future__ import annotations

import json
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fuseboard_cloudru.simulator.switches import Switches


def encode(message: dict[str, Any], switches: Switches) -> bytes:
    """A message as JSON."""
    return json.dumps(_value(message, switches), ensure_ascii=False).encode()


def _value(value: Any, switches: Switches) -> Any:
    if isinstance(value, IntEnum):
        return int(value) if switches.int_enums else value.name
    if isinstance(value, dict):
        return {name: _value(inner, switches) for name, inner in value.items() if _is_written(inner, switches)}
    if isinstance(value, list):
        return [_value(inner, switches) for inner in value] if value or not switches.null_lists else None
    return value


def _is_written(value: Any, switches: Switches) -> bool:
    """Whether a field is in the JSON. No message of this service is set and empty, so what is empty is a default."""
    return not switches.omit_defaults or bool(value) or (value == [] and switches.null_lists)
