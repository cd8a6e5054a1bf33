"""Strangers' text is cleaned and cut; strangers' JSON is parsed without surprises."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuseboard_oci.text import clean, clean_map, parse_object


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07rest", "rest"),
        ("a\u202eb\u2066c", "abc"),
        ("a\u200bb\ufeffc\u2060d", "abcd"),
        ("a\U000e0041\U000e007fb", "ab"),
        ("a\nb\tc\u2028d", "a b c d"),
        ("\x00\x07\x9b", ""),
        ("\ud800", "\ufffd"),
        ("не ASCII, 日本語 🙂", "не ASCII, 日本語 🙂"),
        ("x" * 600, "x" * 511 + "…"),
        ("x" * 512, "x" * 512),
    ],
)
def test_text_becomes_one_printable_line_of_bounded_length(text: str, expected: str) -> None:
    assert clean(text) == expected


@given(st.text(st.characters(), max_size=700), st.integers(2, 600))
def test_clean_text_is_short_printable_and_utf8(text: str, limit: int) -> None:
    cleaned = clean(text, limit)
    assert len(cleaned) <= limit
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    assert not set(cleaned) & set("\x1b\n\u202e")
    assert clean(cleaned, limit) == cleaned


def test_a_map_is_cut_at_its_limit_and_says_how_much_is_missing() -> None:
    cleaned, omitted = clean_map({f"k{number}": "v" for number in range(100)})
    assert (len(cleaned), omitted) == (64, 36)


def test_values_that_are_no_text_are_left_out_and_counted() -> None:
    assert clean_map({"a": "b", "c": 1, "d": None, "e": ["f"]}) == ({"a": "b"}, 3)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "not JSON"),
        (b"", "not JSON"),
        (b"[1]", "no JSON object"),
        (b"null", "no JSON object"),
        (b"[" * 20_000, "nested too deep"),
        (b"[" * 200_000, "too many parts"),
        (b'{"a": [' + b"[]," * 60_000 + b"1]}", "too many parts"),
        (b'{"a":' * 20_000, "nested too deep"),
        (b'{"a": ' + b"1" * 5000 + b"}", "not JSON"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1, "a": 2}', "a key twice"),
        (b'{"a": "\xff"}', "not JSON"),
    ],
)
def test_json_that_is_no_plain_object_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_object(body)


@given(st.dictionaries(st.text(max_size=5), st.recursive(st.integers() | st.text(max_size=5), st.lists, max_leaves=5)))
def test_a_plain_object_is_read_as_it_is(value: dict[str, object]) -> None:
    assert parse_object(json.dumps(value).encode()) == value
