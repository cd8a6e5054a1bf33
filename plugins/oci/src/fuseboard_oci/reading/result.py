"""What all results share: fields that are left out when they say nothing, because a model pays for every token."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field

T = TypeVar("T")


def _without_null(schema: dict[str, Any]) -> None:
    """Say in the schema what is sent: the value or nothing, but never null."""
    kept = [part for part in schema.pop("anyOf", []) if part != {"type": "null"}]
    if len(kept) == 1:
        schema.update(kept[0])
    elif kept:
        schema["anyOf"] = kept
    schema.pop("default", None)


Maybe = Annotated[T | None, Field(exclude_if=lambda value: value is None, json_schema_extra=_without_null)]
"""A field that is left out of the result when it is None. Give it the default None."""


def _short_null(schema: dict[str, Any]) -> None:
    """Say "or null" in a few characters, where the value has a plain type."""
    kept = [part for part in schema["anyOf"] if part != {"type": "null"}]
    if len(kept) == 1 and isinstance(kept[0].get("type"), str):
        del schema["anyOf"]
        schema.update(kept[0], type=[kept[0]["type"], "null"])


OrNull = Annotated[T | None, Field(json_schema_extra=_short_null)]
"""A field that is null in the result when it is None."""

Some = Annotated[list[T], Field(exclude_if=lambda value: not value)]
"""A list that is left out of the result when it is empty. Give it `default_factory=list`."""

Texts = Annotated[dict[str, str], Field(exclude_if=lambda value: not value)]
"""A mapping of text that is left out of the result when it is empty. Give it `default_factory=dict`."""


Number = Annotated[int, Field(exclude_if=lambda value: not value)]
"""A count that is left out of the result when it is zero. Give it the default 0."""


def without_docstring(schema: dict[str, Any]) -> None:
    """Leave out what the code says of a class whose fields say it all to a model."""
    schema.pop("description", None)


def one_or_several(schema: dict[str, Any]) -> None:
    """The schema of an answer about one image, or about several."""
    without_docstring(schema)
    schema["type"] = "object"


class Named(BaseModel):
    """A result about one image, which says which one when there are several."""

    image: Maybe[str] = Field(default=None, description="in an answer about several")


class Failure(BaseModel):
    """An image that could not be read."""

    image: str
    error: str = Field(description="code and reason, such as MANIFEST_UNKNOWN: ...")
