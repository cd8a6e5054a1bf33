"""JSON Schemas of strangers: they say what fits, and can neither fetch anything nor hold anybody up."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from fuseboard import JsonSchema, json_schema
from fuseboard.errors import RegistrationError
from tests.host.core.toys import LONG

EVIL = "^(a|a)+$"
BAIT = "a" * 40 + "!"


def problems(schema: dict[str, Any], value: Any) -> list[str]:
    return JsonSchema("tool x", schema).problems(value)


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_schema, "SECONDS", 0.2)


def exponential(depth: int) -> dict[str, Any]:
    """A schema of a kilobyte whose check takes 2 to the power of its depth steps."""
    steps = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(depth)}
    return {"$ref": "#/$defs/a0", "$defs": steps | {f"a{depth}": {"type": "object"}}}


COSTLY: list[tuple[dict[str, Any], Any]] = [
    ({"properties": {"name": {"pattern": EVIL}}}, {"name": BAIT}),
    ({"patternProperties": {EVIL: {}}}, {BAIT: 1}),
    ({"patternProperties": {EVIL: {}}, "additionalProperties": False}, {BAIT: 1}),
    ({"propertyNames": {"pattern": EVIL}}, {BAIT: 1}),
    ({"allOf": [{"$schema": "http://json-schema.org/draft-07/schema#", "pattern": EVIL}]}, BAIT),
    ({"$schema": "http://json-schema.org/draft-04/schema#", "pattern": EVIL}, BAIT),
    (exponential(40), {}),
]


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize(("schema", "value"), COSTLY)
def test_a_check_that_would_take_for_ever_ends_and_says_so(schema: dict[str, Any], value: Any) -> None:
    begun = time.monotonic()
    assert problems(schema, value) == ["it cannot be checked within 0.2 s"]
    assert time.monotonic() - begun < LONG


@pytest.mark.usefixtures("_short")
def test_a_value_is_not_refused_because_the_machine_does_something_else_meanwhile() -> None:
    class Interrupted(dict[str, Any]):
        """Nothing is computed while somebody looks into it."""

        def __contains__(self, key: object) -> bool:
            time.sleep(0.3)
            return super().__contains__(key)

    assert problems({"required": ["name"], "properties": {"name": {"type": "string"}}}, Interrupted(name="x")) == []


def test_unevaluated_properties_beside_patterns_cost_nothing_and_are_not_judged() -> None:
    schema = {"patternProperties": {"^x": {}}, "unevaluatedProperties": False}
    assert problems(schema, {"x": 1, "other": 2}) == []
    assert problems({"properties": {"x": {}}, "unevaluatedProperties": False}, {"other": 2}) != []


def test_other_threads_run_while_a_pattern_is_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's own engine would hold the interpreter, and with it the whole house."""
    monkeypatch.setattr(json_schema, "SECONDS", 1.0)
    checking = threading.Thread(target=problems, args=({"pattern": EVIL}, BAIT))
    checking.start()
    # What the process has computed from one turn of this thread to the next; time in which nobody ran is not counted.
    longest, last = 0.0, time.process_time()
    while checking.is_alive():
        now = time.process_time()
        longest, last = max(longest, now - last), now
    assert longest < 0.5


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        ({"pattern": "^a+$"}, "ab", '$: must satisfy pattern: "^a+$"'),
        ({"patternProperties": {"^n": {"type": "integer"}}}, {"n1": "x"}, '$.n1: must satisfy type: "integer"'),
        ({"uniqueItems": True}, [1, 1], "$: must satisfy uniqueItems: true"),
        ({"items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"const": {"$schema": "x"}}}}, [1], None),
    ],
)
def test_honest_rules_are_held_and_the_value_is_not_repeated(schema: dict[str, Any], value: Any, told: str) -> None:
    (said,) = problems(schema, value)
    assert told is None or said == told


def test_additional_properties_are_those_that_no_pattern_knows() -> None:
    schema = {"properties": {"a": {}}, "patternProperties": {"^x": {}}, "additionalProperties": False}
    assert problems(schema, {"a": 1, "x1": 2}) == []
    (said,) = problems(schema, {"a": 1, "x1": 2, "b": 3})
    assert said.startswith("$: Additional properties are not allowed ('b' was unexpected)")


def test_patterns_are_those_of_json_schema_and_not_pythons() -> None:
    assert problems({"pattern": r"^\p{L}+$"}, "имя") == []
    assert problems({"pattern": r"^\p{L}+$"}, "1") != []


def test_what_is_no_pattern_is_refused() -> None:
    for schema in ({"pattern": "("}, {"items": {"patternProperties": {"[": {}}}}):
        with pytest.raises(RegistrationError, match="tool x: not a valid JSON Schema: the pattern"):
            JsonSchema("tool x", schema)


def test_a_long_list_is_not_compared_item_by_item() -> None:
    many = [{"n": [n]} for n in range(json_schema.MOST_COMPARED + 1)]
    assert problems({"uniqueItems": True}, [*many, many[0]]) == []


def test_a_value_that_a_schema_gives_is_no_schema() -> None:
    assert problems({"const": {"$schema": "x", "n": 1}}, {"$schema": "x", "n": 1}) == []


def test_a_reference_to_another_place_is_refused_or_left_to_who_knows_that_place() -> None:
    schema = {"properties": {"a": {"$ref": "http://192.0.2.1/schema.json"}, "b": {"type": "string"}}}
    with pytest.raises(RegistrationError, match="is not inside its schema"):
        JsonSchema("tool x", schema)
    assert JsonSchema("tool x", schema, closed=False).problems({"a": 1, "b": "x"}) == []


def test_what_is_no_json_is_refused() -> None:
    for schema in ({"const": {1, 2}}, {"minimum": float("nan"), "type": object}):
        with pytest.raises(RegistrationError, match="tool x: not a valid JSON Schema"):
            JsonSchema("tool x", schema)
