"""Wrong settings are told all at once, in at most four lines, with their source and without secrets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fuseboard.errors import SettingsError
from fuseboard.settings import load_settings

Write = Callable[[str, str], Path]


def complaint(config: Path | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(config=config)
    return str(caught.value)


def test_every_wrong_value_is_named_with_its_source(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("fuseboard.yaml", "http:\n  port: abc\nfuses:\n  oci:\n    cool_down: 11\n")
    write(".env", "FUSEBOARD_ACCESS__READ_ONLY=perhaps\n")
    monkeypatch.setenv("FUSEBOARD_LOG__LEVEL", "loud")
    assert complaint().splitlines() == [
        "http.port (fuseboard.yaml:2): must be a whole number, not 'abc'",
        "access.read_only (.env FUSEBOARD_ACCESS__READ_ONLY): must be true or false, not 'perhaps'",
        "log.level (environment FUSEBOARD_LOG__LEVEL): must be 'debug', 'info', 'warning' or 'error', not 'loud'",
        "fuses.oci.cool_down (fuseboard.yaml:5): must be at most 10, not '11'",
    ]


def test_more_than_four_problems_are_counted(write: Write) -> None:
    write("fuseboard.yaml", "".join(f"wrong{number}: 1\n" for number in range(7)))
    lines = complaint().splitlines()
    assert len(lines) == 4
    assert lines[-1] == "and 4 more problems"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("htp: {port: 1}\n", "htp (fuseboard.yaml:1): no such setting, did you mean http?"),
        ("fuses:\n  oci:\n    max_cals: 1\n", "fuses.oci.max_cals (fuseboard.yaml:3): no such setting, did you mean"),
        ("oci: {user: me}\n", "no such setting (a plugin's own settings go under `plugins:`"),
        ("http: 8000\n", "http (fuseboard.yaml:1): must be a section"),
        ("plugins: {oci: [1]}\n", "plugins.oci (fuseboard.yaml:1): must be a section"),
        ("fuses: {oci: {max_calls: 0}}\n", "must be more than 0, not '0'"),
        ("fuses: {oci: {call_timeout: .inf}}\n", "must be a finite number"),
        ("fuses: {oci: {prefix: 'a b'}}\n", "must match"),
        ("access: {allow: {a: 1}}\n", "must be a list"),
    ],
)
def test_wrong_keys_and_shapes_say_what_to_do(write: Write, text: str, words: str) -> None:
    write("fuseboard.yaml", text)
    assert words in complaint()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http: {port: 1\n", "fuseboard.yaml:2: not valid YAML"),
        ("access:\n  allow: [*]\n", "quote a value that starts with *"),
        ("http: {port: 1}\nlog: {}\nhttp: {port: 2}\n", "fuseboard.yaml:3: http is there twice (first in line 1)"),
        ("plugins:\n  oci: {a: 1, a: 2}\n", "fuseboard.yaml:2: plugins.oci.a is there twice"),
        ("- http\n", "must hold settings as `name: value`, not a list"),
        ("just text\n", "not a single value"),
        ("yes: 1\n", "put it in quotes"),
        ("plugins: &a {oci: *a}\n", "refers to itself"),
        ("http: {port: !python/name:os.system 1}\n", "not valid YAML"),
        ("plugins: {oci: {when: 2026-99-99}}\n", "quote unusual values"),
    ],
)
def test_a_broken_file_is_told_in_one_line_with_its_place(write: Write, text: str, words: str) -> None:
    write("fuseboard.yaml", text)
    assert words in complaint()
    assert len(complaint().splitlines()) == 1


def test_a_named_file_that_is_missing_is_told_with_who_named_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert complaint(Path("none.yaml")).startswith("--config none.yaml: no such file")
    monkeypatch.setenv("FUSEBOARD_CONFIG", "gone.yaml")
    assert complaint().startswith("environment FUSEBOARD_CONFIG=gone.yaml: no such file")


def test_files_that_are_no_text_are_told(write: Write, tmp_path: Path) -> None:
    assert "cannot be read" in complaint(tmp_path)
    (tmp_path / "fuseboard.yaml").write_bytes(b"http: \xff\n")
    assert "UTF-8" in complaint()
    (tmp_path / "fuseboard.yaml").unlink()
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    assert ".env" in complaint()


def test_a_secret_is_never_quoted(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("fuseboard.yaml", "request_state_keys: [hunter22, 7]\nplugins: hunter22\n")
    words = complaint()
    assert "request_state_keys (fuseboard.yaml:1): must have at least 32 bytes" in words
    assert "hunter22" not in words
    monkeypatch.setenv("FUSEBOARD_REQUEST_STATE_KEYS", "hunter22")
    assert "hunter22" not in complaint()
