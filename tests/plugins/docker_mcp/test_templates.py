"""Templates of catalogue entries: every filter, and texts that nobody meant to write."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuseboard_docker_mcp.errors import WrongConfiguration
from fuseboard_docker_mcp.ways import templates

CONFIG: dict[str, Any] = {
    "notes": {
        "url": "http://notes.local",
        "retries": 3,
        "ratio": 2.0,
        "half": 0.5,
        "on": True,
        "off": False,
        "nothing": None,
        "empty": "",
        "none": [],
        "paths": ["/a", "/b"],
        "numbers": [1, 2],
        "deep": {"er": {"est": "x"}},
        "drive": "C:\\test\\folder",
    },
    "io.github.lab": {"key": "dotted"},
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("constant", ["constant"]),
        ("", [""]),
        ("{{notes.url}}", ["http://notes.local"]),
        ("{{ notes . url }}", ["http://notes.local"]),
        ("--url={{notes.url}}", ["--url=http://notes.local"]),
        ("{{notes.url}}:{{notes.retries}}", ["http://notes.local:3"]),
        ("{{notes.deep.er.est}}", ["x"]),
        ("{{notes.deep}}", ['{"er":{"est":"x"}}']),
        ("{{notes.deep.er.est.more}}", [""]),
        ("{{io.github.lab.key}}", ["dotted"]),
        ("{{unknown}}", [""]),
        ("{{notes.unknown}}", [""]),
        ("--root={{notes.unknown}}", ["--root="]),
        ("{{notes.retries}}", ["3"]),
        ("{{notes.ratio}}", ["2"]),
        ("{{notes.half}}", ["0.5"]),
        ("{{notes.on}}{{notes.off}}", ["truefalse"]),
        ("{{notes.nothing}}", [""]),
        ("{{notes.paths}}", ["/a", "/b"]),
        ("x{{notes.paths}}", ["x[/a /b]"]),
        ("{{notes.numbers}}", ["1", "2"]),
        ("{{notes.none}}", []),
        ("{{notes.paths|unknown-filter}}", ["/a", "/b"]),
        ("{{notes.paths|volume|into}}", ["/a:/a", "/b:/b"]),
        ("{{notes.paths|volume-target|into}}", ["/a", "/b"]),
        ("{{notes.drive|volume}}", ["C:\\test\\folder:/C/test/folder"]),
        ("{{notes.drive|volume-target}}", ["/C/test/folder"]),
        ("{{notes.empty|volume}}", [""]),
        ("{{notes.url|into}}", ["http://notes.local"]),
        ("{{notes.empty|into}}", []),
        ("{{notes.paths|first}}{{notes.paths|last}}", ["/a/b"]),
        ("{{notes.none|first}}", [""]),
        ("{{notes.url|first|into}}", ["http://notes.local"]),
        ("{{notes.empty|or:default}}", ["default"]),
        ("{{notes.unknown|or:default}}", ["default"]),
        ("{{notes.none|or:[a, b]}}", ["a", "b"]),
        ("{{notes.none|or:[]}}", []),
        ("{{notes.off|or:yes}}", ["false"]),
        ("{{notes.url|or:default}}", ["http://notes.local"]),
        ("{{notes.deep.er.est|mount_as:/x:ro}}", ["x:/x:ro"]),
        ("{{notes.paths|mount_as: /x }}", ["/a:/x"]),
        ("{{notes.empty|mount_as:/x}}", [""]),
        ("{{notes.url", ["{{notes.url"]),
        ("notes.url}}", ["notes.url}}"]),
        ("{{}}", [""]),
        ("{{|}}", [""]),
    ],
)
def test_a_template_gives(template: str, expected: list[str]) -> None:
    assert templates.items([template], CONFIG) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$KEY", "k1"),
        ("${KEY}s", "k1s"),
        ("a $KEY b ${OTHER}", "a k1 b "),
        ("$KEYS", ""),
        ("100$", "100$"),
        ("$$", "$$"),
        ("${}", ""),
        ("${KEY", "${KEY"),
    ],
)
def test_variables_expand(text: str, expected: str) -> None:
    assert templates.expand(text, {"KEY": "k1"}) == expected


def test_what_a_variable_holds_is_not_expanded_again() -> None:
    assert templates.expand("$A", {"A": "$B", "B": "secret"}) == "$B"


def test_what_a_configuration_holds_is_no_template() -> None:
    assert templates.text("{{a}}", {"a": "{{b}}", "b": "other"}) == "{{b}}"


@pytest.mark.parametrize("value", ["a\0b", "\ud800", "x" * 100_001, "\u00e9" * 60_000])
def test_a_value_that_no_process_can_be_given_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(WrongConfiguration, match="no process can be given") as refused:
        templates.text("{{key}}", {"key": value})
    assert value[:100] not in refused.value.text


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(WrongConfiguration, match="cannot be written"):
        templates.text("a{{key}}", {"key": value})


def test_many_terms_of_a_long_value_end_early_and_do_not_fill_the_memory() -> None:
    began = time.process_time()
    with pytest.raises(WrongConfiguration, match="more than"):
        templates.text("{{key}}" * 100_000, {"key": "x" * 50_000})
    assert time.process_time() - began < 5


@pytest.mark.parametrize("piece", ["{{", "}}", "{", "{{a", "{{a|", "{{a.", "|or:[", "${", "$", "{{a|or:[b]}}", "."])
def test_a_megabyte_of_anything_is_read_in_time_that_grows_with_it(piece: str) -> None:
    text = piece * (2**20 // len(piece))
    began = time.process_time()
    for question in (text, "{{" + text + "}}"):
        with contextlib.suppress(WrongConfiguration):
            templates.items([question], {"a": {"a": "v"}})
        templates.expand(question, {})
    assert time.process_time() - began < 10


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "a.b", ""]), inner),
    max_leaves=8,
)
PIECES = st.sampled_from(
    (
        *("{{", "}}", "{", "}", "|", ".", "a", "b", "a.b", "$", "${", "a:b", "C:\\", "volume", "volume-target"),
        *("into", "first", "last", "or:", "or:[a,b]", "mount_as:", "mount_as:/x"),
    )
)


@given(
    template=st.text(max_size=40) | st.lists(PIECES, max_size=12).map("".join),
    config=st.dictionaries(st.sampled_from(["a", "b", "a.b"]), VALUES, max_size=3),
)
def test_any_template_over_any_configuration_gives_texts_or_a_named_error(
    template: str, config: dict[str, Any]
) -> None:
    try:
        found = [*templates.items([template], config), templates.text(template, config)]
    except WrongConfiguration:
        return
    for text in found:
        text.encode()
        templates.expand(text, {"a": "1"})


@given(text=st.text(max_size=60).filter(lambda text: "{{" not in text and "\0" not in text))
def test_a_text_without_braces_stays_as_it_is(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert templates.text(text, {"a": 1}) == text
