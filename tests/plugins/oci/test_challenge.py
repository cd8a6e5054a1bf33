"""`WWW-Authenticate`: the thirteen forms that registries send, and rubbish."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuseboard_oci.login.challenge import Challenge, parse_challenges

BEARER = Challenge("bearer", {"realm": "https://a/token", "service": "r", "scope": "repository:x:pull"})
BASIC = Challenge("basic", {"realm": "x"})
NEGOTIATE = Challenge("negotiate")


@pytest.mark.case(32)
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (['Bearer realm="https://a/token",service="r",scope="repository:x:pull"'], [BEARER]),
        (['bEARER Realm="https://a/token",SERVICE="r",scope="repository:x:pull"'], [BEARER]),
        (["Bearer realm=https://a/token,service=r,scope=repository:x:pull"], [BEARER]),
        (
            ['Bearer realm="a, b",scope="repository:a:pull,push"'],
            [Challenge("bearer", {"realm": "a, b", "scope": "repository:a:pull,push"})],
        ),
        ([r'Basic realm="say \"hi\" \\ now"'], [Challenge("basic", {"realm": r'say "hi" \ now'})]),
        (['Bearer realm = "https://a/token" , service= "r" ,scope ="repository:x:pull"'], [BEARER]),
        (['Basic realm="x", Bearer realm="https://a/token",service="r",scope="repository:x:pull"'], [BASIC, BEARER]),
        (['Bearer realm="https://a/token",service="r",scope="repository:x:pull", Basic realm="x"'], [BEARER, BASIC]),
        (['Basic realm="x"', "Negotiate"], [BASIC, NEGOTIATE]),
        (["Negotiate"], [NEGOTIATE]),
        (['Negotiate, Basic realm="x"'], [NEGOTIATE, BASIC]),
        ([', ,Basic realm="x",, ,'], [BASIC]),
        (['NTLM TlRMTVNTUAAB==, Basic realm="x"'], [Challenge("ntlm", token68="TlRMTVNTUAAB=="), BASIC]),
        (['Negotiate abc , Basic realm="x"'], [Challenge("negotiate", token68="abc"), BASIC]),
    ],
)
def test_every_form_is_read(headers: list[str], expected: list[Challenge]) -> None:
    assert parse_challenges(headers) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Bearer realm="unterminated, Basic realm=x', [Challenge("bearer")]),
        ("", []),
        ('"', []),
        ("=,=", []),
        ("realm=x", []),
        ("\x00\x01", []),
        ('Basic realm="x", "", Bearer', [BASIC, Challenge("bearer")]),
        ('Basic realm="x",realm="y"', [BASIC]),
        ('Basic realm=, charset="UTF-8"', [Challenge("basic", {"charset": "UTF-8"}, "realm=")]),
    ],
)
def test_rubbish_is_skipped(header: str, expected: list[Challenge]) -> None:
    assert parse_challenges([header]) == expected


@given(st.lists(st.text(max_size=200), max_size=4))
def test_nothing_crashes_it(headers: list[str]) -> None:
    for challenge in parse_challenges(headers):
        assert challenge.scheme == challenge.scheme.lower()


@given(st.lists(st.text('Bearer ,="\\\t', max_size=60), max_size=3))
def test_nothing_made_of_its_own_signs_crashes_it(headers: list[str]) -> None:
    parse_challenges(headers)


names = st.from_regex(r"[a-z][a-z0-9_-]{0,7}", fullmatch=True)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)


@given(st.lists(st.tuples(names, st.dictionaries(names, values, min_size=1, max_size=4)), max_size=4))
def test_what_is_written_by_the_book_is_read_back(challenges: list[tuple[str, dict[str, str]]]) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    header = ", ".join(
        f"{scheme} " + ", ".join(f"{name}={quoted(value)}" for name, value in parameters.items())
        for scheme, parameters in challenges
    )
    assert parse_challenges([header]) == [Challenge(scheme, parameters) for scheme, parameters in challenges]


@pytest.mark.parametrize(
    "text", ['"' * 16000, "a " * 8000, "a=" * 8000, "=" * 16000, '\\"' * 8000, 'a="\\' * 4000, " " * 16000]
)
def test_hostile_headers_cost_no_time(text: str) -> None:
    begin = time.process_time()
    parse_challenges(["Bearer " + text])
    assert time.process_time() - begin < 5, "seconds of work; what grows with the square takes many more"
