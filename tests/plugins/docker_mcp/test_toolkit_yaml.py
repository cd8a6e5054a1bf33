"""The toolkit's configuration file: read as the toolkit reads it, and changed in one entry only."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fuseboard_docker_mcp.toolkit.yaml_text import load, with_entry

VALUES = st.dictionaries(
    st.text(max_size=8),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)  # fmt: skip


def test_plain_words_are_what_yaml_1_2_makes_of_them() -> None:
    text = "a: on\nb: 1e3\nc: 0o17\nd: 2026-01-01\ne: ~\nf: yes\ng: 1.5\nh: True\ni: 0x1F\nj:\nk: '1'\nl: -3\n"
    assert load(text) == {
        "a": "on", "b": 1000.0, "c": 15, "d": "2026-01-01", "e": None, "f": "yes", "g": 1.5, "h": True, "i": 31,
        "j": None, "k": "1", "l": -3,
    }  # fmt: skip
    assert load("") is None
    assert load('{"labnotes": {"a": [1, "x"]}}') == {"labnotes": {"a": [1, "x"]}}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("labnotes: [unclosed\n  x: : y\n", "is no YAML: line 2"),
        ("a: !!python/object/apply:os.system [true]", "is no YAML: line 1"),
        ("--- a\n--- b\n", "is no YAML"),
        ("[" * 200_000, "opens more than 200 brackets"),
        ("- " * 50_000, "is no YAML"),
        ("? " * 50_000, "is no YAML"),
        ("a: &a [*a]", "is deeper than"),
        ("1: a", "has a key that is no text"),
        ("? [a]\n: b", "is no YAML"),
        ("a: !!binary eA==", "holds a bytes"),
        ("x" * 300_000, "has more than 262144 characters"),
        ("a: \x00", "is no YAML"),
        ("a: !!int 'x'", "is no YAML"),
        ("a: 1" + "0" * 5000, "is no YAML"),
    ],
)
def test_what_cannot_be_read_is_said_and_nothing_is_run(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        load(text)


def test_aliases_that_grow_without_bound_are_stopped() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(ValueError, match="has more than 20000 values"):
        load("\n".join(lines))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment\n",
        "{}\n",
        "b: 1\n",
        "b: on\nlabnotes:\n  url: x\n# about c\nc: 2026-01-01  # a day\n",
        "labnotes: {url: x}\nb: yes\n",
        "labnotes:\nb: 1\n",
        "{b: {c: on}}",
        '{"labnotes": {}, "b": 1}',
        "---\nb: 1\nlabnotes:\n  - x\n",
        "labnotes: |\n  text\n  more\nb: >\n  folded\n",
        "  b: 1\n  c: 2\n",
        "b: &b {x: 1}\nc: *b\n",
    ],
)
def test_one_entry_is_replaced_and_the_others_keep_their_text(text: str) -> None:
    values = {"url": "http://é 'x' \"y\" #z: {", "on": "yes", "line": "a\nb\u2028c\x85\U000e0001", "n": [1, 1.5, True]}
    changed = with_entry(text, "labnotes", values)
    others = {key: value for key, value in (load(text) or {}).items() if key != "labnotes"}
    assert load(changed) == {**others, "labnotes": values}
    for line in ("b: on", "c: 2026-01-01  # a day", "b: {c: on}", "b: >\n  folded", "b: &b {x: 1}\nc: *b"):
        assert (line in changed) == (line in text)
    # Another reader finds the same in the new entry.
    assert yaml.safe_load(changed)["labnotes"] == values


@pytest.mark.parametrize(
    "text", ["[a]", "word", "x: &a {q: 1}\nlabnotes: *a\n", "labnotes: &a {q: 1}\nx: *a\n", "a: [", "1: b"]
)
def test_a_document_that_cannot_be_changed_safely_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        with_entry(text, "labnotes", {"url": "x"})


@settings(deadline=None, max_examples=50)
@given(VALUES, VALUES)
def test_any_values_come_back_as_they_were(first: dict[str, Any], second: dict[str, Any]) -> None:
    text = with_entry(with_entry("", "one", first), "two", second)
    assert load(text) == {"one": first, "two": second}
    assert load(with_entry(text, "one", second)) == {"one": second, "two": second}


@settings(deadline=None, max_examples=50)
@given(st.text(st.sampled_from("ab:{}[],&*!|>#'\"%@`- \n\t?~019.") | st.characters(), max_size=60))
def test_any_text_is_read_changed_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        load(text)
    with contextlib.suppress(ValueError):
        assert load(with_entry(text, "labnotes", {"a": 1}))["labnotes"] == {"a": 1}
