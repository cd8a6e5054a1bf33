"""What the sections of the settings share: strictness, and lists that an environment variable can hold."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Strict(BaseModel):
    """A section of the settings."""

    # An unknown key is nearly always a misspelt one; a setting that changes under a running host would do nothing.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


def comma_list(value: Any) -> Any:
    """`a,b` and `["a", "b"]` of an environment variable as a list; an empty text is an empty list."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError('must be a comma list (a,b) or a JSON list (["a", "b"])') from None
    return [part.strip() for part in value.split(",") if part.strip()]


CommaList = Annotated[list[str], BeforeValidator(comma_list, json_schema_input_type=list[str] | str)]
