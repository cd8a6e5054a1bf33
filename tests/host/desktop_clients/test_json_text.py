"""One member of a JSON text changes, and nothing else: neither a value nor a comment nor a blank."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuseboard.desktop_clients.json_text import BrokenText, drop, duplicates, parse, put

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["//", "/*", "*/", '"', "\\", ",}", "{", "mcpServers", "fuseboard", "\u2028"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=4)
INDENTS = st.sampled_from([None, 0, 1, 2, 4, "\t"])
ENTRY = {"command": "/a b/fuseboard", "args": [], "env": {"A": 'ü"\\'}}
COMMENTS = ["// note, } {\n", '/* { "a": 1, } */', "/* a\n * b\n */", "//\n", ""]


@given(OBJECTS, OBJECTS, INDENTS, st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_an_entry_that_is_put_in_is_all_that_changes_and_dropping_it_restores_the_value(
    around: dict[str, Any], servers: dict[str, Any], indent: Any, ascii_only: bool, newline: str
) -> None:
    servers = {key: value for key, value in servers.items() if key != "fuseboard"}
    before = around | {"mcpServers": servers}
    text = json.dumps(before, indent=indent, ensure_ascii=ascii_only).replace("\n", newline)
    after = put(text, ("mcpServers", "fuseboard"), ENTRY, comments=False)
    assert parse(after, comments=False) == around | {"mcpServers": servers | {"fuseboard": ENTRY}}
    back = drop(after, ("mcpServers", "fuseboard"), comments=False)
    assert json.loads(back) == before
    if servers:
        assert back == text
    assert put(after, ("mcpServers", "fuseboard"), ENTRY, comments=False) == after or indent in (None, 0)


@given(OBJECTS, INDENTS)
def test_a_missing_section_is_added_with_the_entry(before: dict[str, Any], indent: Any) -> None:
    before.pop("servers", None)
    after = put(json.dumps(before, indent=indent), ("servers", "fuseboard"), ENTRY, comments=True)
    assert json.loads(after) == before | {"servers": {"fuseboard": ENTRY}}


@st.composite
def commented(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A text with comments and trailing commas wherever they may stand, and its value."""
    servers = draw(st.dictionaries(TEXTS.filter(lambda key: key != "fuseboard"), TEXTS, max_size=3))

    def gap() -> str:
        return draw(st.sampled_from(["", " ", "\n", "\n  ", "\t"])) + draw(st.sampled_from(COMMENTS))

    def object_of(members: dict[str, str]) -> str:
        parts = [f"{gap()}{json.dumps(key)}{gap()}:{gap()}{value}{gap()}" for key, value in members.items()]
        last = "," + gap() if parts and draw(st.booleans()) else ""
        return "{" + ",".join(parts) + last + gap() + "}"

    inner = object_of({key: json.dumps(value) for key, value in servers.items()})
    text = gap() + object_of({"inputs": "[1, 2,]", "servers": inner, "after": "null"}) + gap()
    return text, {"inputs": [1, 2], "servers": servers, "after": None}


@given(commented())
def test_comments_and_trailing_commas_stay_whatever_they_look_like(drawn: tuple[str, dict[str, Any]]) -> None:
    text, value = drawn
    assert parse(text, comments=True) == value
    after = put(text, ("servers", "fuseboard"), ENTRY, comments=True)
    assert parse(after, comments=True) == value | {"servers": value["servers"] | {"fuseboard": ENTRY}}
    for note in ("// note, } {", '/* { "a": 1, } */', "/* a\n * b\n */"):
        assert after.count(note) == text.count(note)
    back = drop(after, ("servers", "fuseboard"), comments=True)
    assert parse(back, comments=True) == value
    for note in ("// note, } {", '/* { "a": 1, } */', "/* a\n * b\n */"):
        assert back.count(note) == text.count(note)


@given(st.text('{}[]",:/*\\ \n1ta', max_size=30))
def test_any_text_is_either_changed_without_loss_or_refused_with_its_place(text: str) -> None:
    try:
        before = parse(text, comments=True)
        after = put(text, ("a", "b"), 1, comments=True)
    except BrokenText as error:
        place = (error.line, error.column)
        assert min(place) >= 1
        return
    assert parse(after, comments=True) == before | {"a": before.get("a", {}) | {"b": 1}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '{\n  "s": {\n    "f": 1\n  }\n}\n'),
        ("{}", '{\n  "s": {\n    "f": 1\n  }\n}'),
        ('{"s":{}}', '{"s":{"f":1}}'),
        ('{"a": 1}', '{"a": 1, "s": {"f": 1}}'),
        ('{ "s": { "a": 1 } }', '{ "s": { "a": 1, "f": 1 } }'),
        ('{\n\t"s": {}\n}\n', '{\n\t"s": {\n\t\t"f": 1\n\t}\n}\n'),
        ('{\r\n "s": {\r\n  "a": 1\r\n }\r\n}', '{\r\n "s": {\r\n  "a": 1,\r\n  "f": 1\r\n }\r\n}'),
        ('{\n  "s": {\n    "a": 1 // one\n  }\n}', '{\n  "s": {\n    "a": 1, // one\n    "f": 1\n  }\n}'),
        ('{\n  "s": {\n    "a": 1,\n  },\n}', '{\n  "s": {\n    "a": 1,\n    "f": 1,\n  },\n}'),
        ('{\n  "s": {\n    // none yet\n  }\n}', '{\n  "s": {\n    // none yet\n    "f": 1\n  }\n}'),
        ("// mine\n", '// mine\n{\n  "s": {\n    "f": 1\n  }\n}\n'),
    ],
)  # fmt: skip
def test_a_new_member_takes_the_style_of_its_surroundings(before: str, after: str) -> None:
    assert put(before, ("s", "f"), 1, comments=True) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"f":1,"a":2}', '{"a":2}'),
        ('{"a": 2, "f": 1}', '{"a": 2}'),
        ('{\n  "f": {\n    "x": 1\n  },\n  "a": 2\n}', '{\n  "a": 2\n}'),
        ('{\n  "a": 2, // two\n  "f": 1\n}', '{\n  "a": 2 // two\n}'),
        ('{\n  "f": 1 // ours\n}', "{\n   // ours\n}"),
        ('{\n  "f": 1\n}\n', "{}\n"),
        ('{\n  "f": 1,\n  "a": 2,\n  "f": 3\n}', '{\n  "a": 2\n}'),
        ('{"a": 2}', '{"a": 2}'),
    ],
)
def test_a_member_goes_with_its_line_and_its_comma_however_often_it_is_there(before: str, after: str) -> None:
    assert drop(before, ("f",), comments=True) == after


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ('{\n  "a": 1\n  "b": 2\n}', 3, 3, "expecting ',' delimiter"),
        ('{\n  "a": 1,\n}', 2, 9, "this comma is one too many"),
        ('{"a": [1, ]}', 1, 9, "this comma is one too many"),
        ('{"a": 1 // note\n}', 1, 9, "a comment, which this client does not read"),
        ('{"a": }', 1, 7, "expecting value"),
        ('{"a": 1', 1, 8, "expecting"),
        ('{"a": 1}}', 1, 9, "extra data"),
        ('{"a NaN": [1,\n NaN]}', 2, 2, "NaN is no number in JSON"),
        ('{"a": -Infinity}', 1, 7, "-Infinity is no number in JSON"),
        ("[1]", 1, 1, "it must be an object in braces"),
        ('{"s": 3}', 1, 7, "s must be an object in braces"),
        ("[" * 100_000, 1, 1, "it cannot be read"),
    ],
)
def test_a_broken_text_is_told_with_line_and_column(text: str, line: int, column: int, said: str) -> None:
    with pytest.raises(BrokenText, match=said) as caught:
        put(text, ("s", "f"), 1, comments=False)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_what_stands_twice_is_found_and_the_last_one_is_changed_since_it_counts() -> None:
    text = '{"s": {"f": 1}, "s": {"f": 2, "f": 3}}'
    assert duplicates(text, "s", comments=False) == ["s", "s.f"]
    assert json.loads(put(text, ("s", "f"), 4, comments=False)) == {"s": {"f": 4}}
    assert drop(text, ("s", "f"), comments=False, keep_last=True) == '{"s": {"f": 1}, "s": {"f": 3}}'
