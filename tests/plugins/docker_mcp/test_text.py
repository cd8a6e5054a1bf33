"""Text on its way to a model: one printable line, bounded, without secrets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fuseboard_docker_mcp.text import LONGEST, clean, redacted


def test_controls_directions_and_lone_halves_are_dropped_and_white_space_becomes_a_space() -> None:
    assert clean("a\x1b[31mb\u202ec\u200bd\ud800e\x00f") == "a[31mbcdef"
    assert clean("one\ntwo\tthree\u2028four ") == "one two three four"
    assert clean("Файлы и 文件 😀") == "Файлы и 文件 😀"


def test_a_long_text_ends_in_an_ellipsis() -> None:
    assert clean("x" * 301) == "x" * 299 + "…"
    assert clean("abcdef", 4) == "abc…"
    assert clean("abcd", 4) == "abcd"


@given(st.text(st.characters(exclude_categories=[])), st.integers(1, 400))
def test_whatever_comes_in_one_short_printable_line_comes_out(text: str, limit: int) -> None:
    line = clean(text, limit)
    assert len(line) <= limit
    assert line.isprintable()
    assert clean(line, limit) in (line, line.strip())


def test_every_secret_is_replaced_the_longest_first_and_short_ones_stay() -> None:
    said = "login with hunter2-and-more failed, hunter2 too; port 123"
    assert redacted(said, ["hunter2", "hunter2-and-more", "123", ""]) == "login with *** failed, *** too; port 123"
    assert redacted("nothing", []) == "nothing"
    assert LONGEST == 300
