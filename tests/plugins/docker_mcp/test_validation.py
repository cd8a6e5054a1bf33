"""Configuration against a server's schemas: what is refused, in which words, and that no value is among them."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuseboard_docker_mcp.errors import WrongConfiguration
from fuseboard_docker_mcp.models import Server
from fuseboard_docker_mcp.stores.validation import check, complete, merged

NOTES = {
    "name": "labnotes",
    "type": "object",
    "properties": {
        "url": {"type": "string", "minLength": 3},
        "retries": {"type": "integer", "default": 2, "maximum": 9},
        "mode": {"enum": ["ro", "rw"]},
        "limits": {
            "type": "object",
            "properties": {"rate": {"type": "number", "default": 1.5}, "burst": {"type": "integer"}},
            "required": ["burst"],
            "additionalProperties": False,
        },
    },
    "required": ["url"],
}


def server(*schemas: dict[str, Any], name: str = "labnotes") -> Server:
    return Server(name=name, way="engine", source="catalogue lab", installed=True, config_schemas=schemas)


def test_new_values_are_laid_over_the_old_ones_and_null_takes_a_key_away() -> None:
    old = {"url": "http://a", "limits": {"rate": 1, "burst": 2}, "list": [1, 2]}
    new = {"url": None, "limits": {"rate": None, "deep": {"x": None, "y": 1}}, "list": [3], "gone": None}
    assert merged(server(), old, new) == {"limits": {"burst": 2, "deep": {"y": 1}}, "list": [3]}
    assert old == {"url": "http://a", "limits": {"rate": 1, "burst": 2}, "list": [1, 2]}
    assert merged(server(), {"a": "text"}, {"a": {"b": 1}}) == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"retries": "hunter2"}, "retries must be of type integer"),
        ({"url": 7}, "url must be of type string"),
        ({"mode": "hunter2"}, 'mode must be one of ["ro", "rw"]'),
        ({"retries": 12345}, "retries breaks the rule maximum: 9"),
        ({"limits": {"rate": "hunter2"}}, "limits.rate must be of type number"),
        ({"limits": {"rat": 1}}, "limits has keys that are not known: rat"),
        ({"retrys": 1}, "retrys is not known (did you mean retries?; null takes it away)"),
        ({"labnotes": {"url": "http://a"}}, "labnotes is not known (keys are given without the server's name in front"),
        ({"labnotes.url": "http://a"}, "labnotes.url is not known (keys are given without the server's name in front"),
        ({"zzzzzz": 1}, "zzzzzz is not known (known: url, retries, mode, limits;"),
    ],
)
def test_a_wrong_value_is_refused_by_key_and_rule_and_never_quoted(values: dict[str, Any], words: str) -> None:
    with pytest.raises(WrongConfiguration) as caught:
        check(server(NOTES), values)
    assert words in str(caught.value)
    assert str(caught.value).startswith("WRONG_CONFIGURATION: configuration of labnotes: ")
    assert "hunter2" not in str(caught.value)
    assert "12345" not in str(caught.value)


def test_every_wrong_key_is_named_at_once_up_to_a_bound() -> None:
    with pytest.raises(WrongConfiguration, match=r"retries must be.*mode must be"):
        check(server(NOTES), {"retries": "x", "mode": "y"})
    with pytest.raises(WrongConfiguration, match=r"; and 22 more$") as caught:
        check(server(NOTES), {f"key{number}\x1b[31m" + "x" * 500: 1 for number in range(30)})
    assert len(str(caught.value)) < 2000
    assert "\x1b" not in str(caught.value)


def test_a_configuration_is_filled_step_by_step_and_whole_before_a_start() -> None:
    check(server(NOTES), {})
    check(server(NOTES), {"limits": {"rate": 2}})
    with pytest.raises(WrongConfiguration, match=r"labnotes: url is missing$"):
        complete(server(NOTES), {})
    with pytest.raises(WrongConfiguration, match=r"limits\.burst is missing"):
        complete(server(NOTES), {"url": "http://a", "limits": {}})


def test_a_key_that_is_left_over_is_told_at_the_next_change_and_keeps_nothing_from_starting() -> None:
    left_over = {"url": "http://a", "retries": 1, "gone": True}
    assert complete(server(NOTES), left_over) == left_over
    with pytest.raises(WrongConfiguration, match=r"gone is not known \(known: .*; null takes it away\)"):
        check(server(NOTES), left_over)
    check(server(NOTES), merged(server(NOTES), left_over, {"gone": None}))


def test_defaults_are_filled_in_also_inside_of_objects_that_are_there() -> None:
    assert complete(server(NOTES), {"url": "http://a"}) == {"url": "http://a", "retries": 2}
    given_values = {"url": "http://a", "retries": 5, "limits": {"burst": 1}}
    assert complete(server(NOTES), given_values) == {**given_values, "limits": {"burst": 1, "rate": 1.5}}
    assert given_values["limits"] == {"burst": 1}
    listed = {"properties": {"paths": {"type": "array", "default": []}}, "required": ["paths"]}
    first, second = complete(server(listed), {}), complete(server(listed), {})
    first["paths"].append("/etc")
    assert second == {"paths": []}, "a default is not shared"


def test_the_recorded_catalogues_can_be_configured() -> None:
    recording = Path(__file__).parent / "recordings" / "p_v0.43.3" / "catalog-show.rich.stdout"
    if not recording.exists():
        pytest.skip("the recordings are not in this checkout")
    entries = [item["snapshot"]["server"] for item in json.loads(recording.read_text(encoding="utf-8"))["servers"]]
    [schema] = next(entry["config"] for entry in entries if entry["name"] == "files")
    check(server(schema, name="files"), {"paths": ["/tmp"], "mode": "ro"})
    with pytest.raises(WrongConfiguration, match=r"mode must be one of \[\"ro\", \"rw\"\]"):
        check(server(schema, name="files"), {"mode": "x"})
    with pytest.raises(WrongConfiguration, match=r"paths\.1 must be of type string"):
        check(server(schema, name="files"), {"paths": ["/tmp", 7]})
    assert complete(server(schema, name="files"), {}) == {"paths": []}


def test_several_schemas_of_one_server_each_judge_their_own_keys() -> None:
    two = server(
        {"properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False},
        {"properties": {"b": {"type": "integer"}}, "required": ["b"], "additionalProperties": False},
    )
    check(two, {"a": "x", "b": 1})
    assert complete(two, {"a": "x", "b": 1}) == {"a": "x", "b": 1}
    with pytest.raises(WrongConfiguration, match=r"c is not known"):
        check(two, {"c": 1})
    with pytest.raises(WrongConfiguration, match=r"b is missing"):
        complete(two, {"a": "x"})


def test_a_schema_that_allows_other_keys_is_believed() -> None:
    check(server({"properties": {"a": {}}, "additionalProperties": {"type": "string"}}), {"free": "x"})
    with pytest.raises(WrongConfiguration, match=r"free must be of type string"):
        check(server({"properties": {"a": {}}, "additionalProperties": {"type": "string"}}), {"free": 1})
    check(server({"properties": {"a": {}}, "patternProperties": {"^x-": {}}}), {"x-y": 1})


def test_a_choice_may_be_completed_later_but_not_before_a_start() -> None:
    either = server(
        {
            "properties": {"token": {"type": "string"}, "user": {"type": "string"}, "password": {"type": "string"}},
            "anyOf": [{"required": ["token"]}, {"required": ["user", "password"]}],
        }
    )
    check(either, {})
    check(either, {"user": "a"})
    with pytest.raises(WrongConfiguration, match=r"it breaks the rule anyOf"):
        complete(either, {"user": "a"})
    assert complete(either, {"token": "x"}) == {"token": "x"}


def test_without_a_schema_any_json_is_taken_up_to_a_size() -> None:
    check(server(), {"anything": [1, {"deep": None}], "ü": True})
    assert complete(server(), {"x": 1}) == {"x": 1}
    with pytest.raises(WrongConfiguration, match="is larger than 65536 bytes"):
        check(server(), {"x": "y" * 70_000})
    with pytest.raises(WrongConfiguration, match="is larger than 65536 bytes"):
        merged(server(), {"x": "y" * 60_000}, {"z": "y" * 60_000})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1}, b"x", "\ud800"])
def test_what_json_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(WrongConfiguration, match="holds something that JSON cannot carry"):
        check(server(), {"x": value})


def test_what_is_nested_too_deeply_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"x": deep}
    with pytest.raises(WrongConfiguration, match="is nested deeper than 32 levels"):
        merged(server(), {}, deep)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"type": "strnig"}}},
        {"properties": {"a": {"pattern": "("}}},
        {"properties": {"a": {"$ref": "https://example.com/schema.json"}}},
        {"properties": {"a": {"$ref": "file:///etc/passwd"}}},
        {"properties": {"a": {"$ref": "#/nowhere"}}},
        {"properties": {"a": {"$ref": "#/properties/a"}}},
        {"properties": {"a": 5}},
        {"properties": ["a"], "type": 7},
        {"properties": {"a": {"type": "string", "required": True}}},
        {"$schema": {"x": 1}, "properties": {"a": {"type": 1}}},
    ],
)
def test_a_broken_schema_checks_nothing_and_does_not_keep_the_server_from_starting(schema: dict[str, Any]) -> None:
    with pytest.raises(WrongConfiguration, match=r"its schema itself is broken \(catalogue lab\)"):
        check(server(schema), {"a": "x"})
    assert complete(server(schema), {"a": "x"}) == {"a": "x"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text("abc", max_size=2), JSON, max_size=4)


@settings(deadline=None, max_examples=40)
@given(OBJECTS, OBJECTS)
def test_laying_the_same_values_over_twice_changes_nothing_more(old: dict[str, Any], new: dict[str, Any]) -> None:
    once = merged(server(), old, new)
    assert merged(server(), once, new) == once
    assert merged(server(), once, {}) == once
    assert not any(value is None for key, value in once.items() if key in new)


@settings(deadline=None, max_examples=40)
@given(OBJECTS, st.dictionaries(st.sampled_from(["type", "properties", "required", "enum", "$ref", "anyOf"]), JSON))
def test_any_schema_and_any_values_end_in_an_answer_or_the_named_error(
    values: dict[str, Any], schema: dict[str, Any]
) -> None:
    for question in (check, complete):
        with suppress(WrongConfiguration):
            question(server(schema), values)


@settings(deadline=None, max_examples=40)
@given(st.text("QXZ789", min_size=8))
def test_no_wrong_value_is_ever_quoted(value: str) -> None:
    values = {"retries": value, "limits": {"rate": [value], "burst": {value[:4] * 2: value}}, "mode": value}
    with pytest.raises(WrongConfiguration) as caught:
        check(server(NOTES), values)
    assert value not in str(caught.value)
