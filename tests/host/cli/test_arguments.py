"""Words become arguments by the tool's input schema."""

from __future__ import annotations

from typing import Any

import click
import pytest

from fuseboard.cli.arguments import arguments_of

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "number": {"type": "number"},
        "whole": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "either": {"type": ["integer", "string"]},
        "point": {"$ref": "#/$defs/Point"},
        "size": {"enum": [1, 2]},
        "colour": {"enum": ["red", "1"]},
        "free": {},
    },
    "$defs": {"Point": {"type": "object"}},
}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("text=1", "1"),
        ("text=", ""),
        ("text={}", "{}"),
        ("number=1.5", 1.5),
        ("whole=3", 3),
        ("whole=null", None),
        ("either=3", "3"),
        ('point={"x": 1}', {"x": 1}),
        ("size=2", 2),
        ("colour=1", "1"),
        ("free=1", "1"),
        ("unknown=1", "1"),
    ],
)
def test_a_value_becomes_what_the_schema_allows(word: str, value: object) -> None:
    assert arguments_of([word], None, SCHEMA) == {word.partition("=")[0]: value}


@pytest.mark.parametrize("word", ["number=x", "whole=1.5", "point=[1]", "point=x", "=1", "size=small"])
def test_a_value_that_cannot_be_it_is_refused(word: str) -> None:
    with pytest.raises(click.UsageError):
        arguments_of([word], None, SCHEMA)


def test_a_schema_that_refers_to_itself_ends() -> None:
    schema = {"properties": {"a": {"$ref": "#/properties/a"}}}
    assert arguments_of(["a=1"], None, schema) == {"a": "1"}
