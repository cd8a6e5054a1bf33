"""Fields of a result that are left out when they say nothing, because a model pays for every token."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import Field

T = TypeVar("T")


def _without_null(schema: dict[str, Any]) -> None:
    """Say in the schema what is sent: the value or nothing, but never null."""
    kept = [part for part in schema.pop("anyOf", []) if part != {"type": "null"}]
    if len(kept) == 1:
        schema.update(kept[0])
    elif kept:
        schema["anyOf"] = kept
    schema.pop("default", None)


def without_docstring(schema: dict[str, Any]) -> None:
    """Leave out what the code says of a class: the field that holds it says it to a model."""
    schema.pop("description", None)


def as_sent(schema: dict[str, Any]) -> None:
    """The schema of a result, without its docstring and without defaults: a field that has one is always sent."""
    without_docstring(schema)
    for field in schema["properties"].values():
        field.pop("default", None)


Maybe = Annotated[T | None, Field(exclude_if=lambda value: value is None, json_schema_extra=_without_null)]
"""A field that is left out of the result when it is None. Give it the default None."""

Some = Annotated[list[T], Field(exclude_if=lambda value: not value)]
"""A list that is left out of the result when it is empty. Give it `default_factory=list`."""

Said = Annotated[str, Field(exclude_if=lambda value: not value, json_schema_extra=_without_null)]
"""A text that is left out of the result when it is empty. Give it the default ""."""
