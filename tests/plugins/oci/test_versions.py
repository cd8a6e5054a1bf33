"""Versions in tags: what is one, which is newer, and which are not compared."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuseboard_oci.versions import Version, newest, newest_first, parse_version, parse_versions, track_of


def large_set() -> list[str]:
    """1200 tags of every sort: 17 odd ones, then three of each of 0.0.0 to 0.3.93, and 0.3.94."""
    odd = (
        "latest edge stable nightly 1 1.2 2026.01.15 20260115 sha-0a1b2c3 v2.0.0-rc.1 v2.0.0-rc.2 v2.0.0-alpha "
        "1.0.0_build.5 10.0.0 9.9.9 2.0.0 v2.0.1"
    )
    plain = [f"0.{number // 100}.{number % 100}" for number in range(395)]
    tags = [*odd.split(), *(f"{version}{ending}" for version in plain for ending in ("", "-alpine", "-rc.1"))]
    return tags[:1200]


LARGE = large_set()
SIGNATURE = "sha256-" + "ab" * 32 + ".sig"


def version(tag: str) -> Version:
    """The version that `tag` is."""
    found = parse_version(tag)
    assert found is not None, tag
    return found


def ask(tags: list[str], current: str | None = None, **arguments: Any) -> str | None:
    """The newest of `tags`."""
    return newest(tags, current=version(current) if current else None, **arguments)


@pytest.mark.parametrize(
    ("tags", "arguments", "expected"),
    [
        pytest.param(LARGE, {}, "10.0.0", id="semver first, integers not text"),
        pytest.param(LARGE, {"current": "2.0.0"}, "10.0.0", id="10 is more than 9"),
        pytest.param(LARGE, {"current": "0.1.2-alpine"}, "0.3.93-alpine", id="the flavour is kept"),
        pytest.param(LARGE, {"current": "20250101"}, "20260115", id="dates follow dates"),
        pytest.param(LARGE, {"current": "2025.01.01"}, "2026.01.15", id="calver follows calver"),
        pytest.param(
            ["3.22", "3.22.2", "3.9", "edge", "latest", "20260127"], {}, "3.22.2", id="a date is apart from semver"
        ),
        pytest.param(
            ["3.12", "3.13-slim", "3.13.1-slim", "3.13.1-slim-bookworm", "3.14.0rc1-slim"],
            {"current": "3.12-slim"},
            "3.13.1-slim",
            id="exactly this flavour, and no prerelease",
        ),
        pytest.param(
            ["3.12", "3.13-slim", "3.13.1-slim", "3.14.0rc1-slim"],
            {"current": "3.12-slim", "prereleases": True},
            "3.14.0rc1-slim",
            id="a prerelease without a separator",
        ),
        pytest.param(["1.9", "1.10", "1.2"], {}, "1.10", id="integers"),
        pytest.param(
            ["v1.9.0", "1.10.0", "v1.10.0"], {"current": "v1.2.0"}, "v1.10.0", id="a tie goes to the style of current"
        ),
        pytest.param(
            ["1.0.0-rc.1", "1.0.0-rc.2", "1.0.0-beta.9"], {"prereleases": True}, "1.0.0-rc.2", id="rc over beta"
        ),
        pytest.param(["1.0.0-rc.1"], {}, None, id="prereleases only on request"),
        pytest.param(["latest", "abc1234", "sha-0a1b2c3", "main"], {}, None, id="hashes and words"),
        pytest.param(
            ["1.0.0-rc.1", "1.0.0-rc.2", "0.9.0"],
            {"current": "1.0.0-rc.1"},
            "1.0.0-rc.2",
            id="the next prerelease of the same release",
        ),
        pytest.param(
            ["1.4.0", "2.0.0", "1.5.1"], {"current": "1.4.0", "same_major": True}, "1.5.1", id="the same first number"
        ),
        pytest.param(["16", "16.4", "17", "17.0", "15.9"], {"current": "16.4"}, "17.0", id="the precision is kept"),
        pytest.param([SIGNATURE, "1.0"], {}, "1.0", id="signature tags"),
        pytest.param(["1.0.0_build.5", "1.0.0_build.12"], {}, "1.0.0_build.12", id="build numbers"),
    ],
)
def test_the_newest_version(tags: list[str], arguments: dict[str, Any], expected: str | None) -> None:
    assert ask(tags, **arguments) == expected
    assert ask(tags[::-1], **arguments) == expected


@pytest.mark.parametrize(
    ("tags", "arguments", "expected"),
    [
        pytest.param(["1.0.0-rc.2", "1.1.0-rc.1"], {"current": "1.0.0-rc.1"}, "1.0.0-rc.2", id="not of the next one"),
        pytest.param(["1.0.0-rc.2", "1.0.0"], {"current": "1.0.0-rc.1"}, "1.0.0", id="a release ends its prereleases"),
        pytest.param(["1.9.0", "1.8.0"], {"current": "2.0.0"}, None, id="never older than current"),
        pytest.param(["2.0.0"], {"current": "v2.0.0"}, "2.0.0", id="as new as current"),
        pytest.param(["1.0-alpine", "1.1-slim"], {"flavour": "SLIM"}, "1.1-slim", id="a flavour in any case"),
        pytest.param(
            ["1.2", "1.3-slim"], {"current": "1.2", "flavour": "slim"}, "1.3-slim", id="another flavour than current's"
        ),
        pytest.param(["20260115", "1.0-rc1", "2026.1"], {}, "2026.1", id="the first kind that has a member"),
        pytest.param(["v20260115", "v1.4.0"], {}, "v1.4.0", id="a date is one with a prefix too"),
        pytest.param(["20260115", "20250101120000"], {}, "20260115", id="a day against an older second"),
        pytest.param(["1.2.0", "v1.2.0"], {}, "1.2.0", id="without current plain before v"),
        pytest.param(["18", "17.0"], {"current": "16.4"}, "17.0", id="one that is less precise may be any of many"),
        pytest.param(["1.3", "v1.3"], {"current": "V1.2"}, "v1.3", id="a style in any case"),
        pytest.param([], {}, None, id="nothing"),
    ],
)
def test_the_newest_version_where_the_rules_meet(
    tags: list[str], arguments: dict[str, Any], expected: str | None
) -> None:
    assert ask(tags, **arguments) == expected
    assert ask(tags[::-1], **arguments) == expected


@pytest.mark.parametrize(
    "tag",
    [
        *("latest", "main", "edge", "alpine", "v", "1.", ".1", "1..2", "", "1.0\n", "１.０"),
        *(SIGNATURE, SIGNATURE.removesuffix(".sig"), "sha512-" + "ab" * 64),
        *("abc1234", "1234567", "12345678", "1b1234567", "0a1b2c3", "sha-0a1b2c3", "git-abc1234", "commit-1234567"),
        *(
            "1.2.3.4.5",
            "1.0.0-1",
            "1.0.0-1-alpine",
            "1.0alpine",
            "1.0.0+build.5",
            "123456789012",
            "1234567-alpine",
            "1" * 200,
        ),
    ],
)
def test_what_is_no_version(tag: str) -> None:
    assert parse_version(tag) is None


@pytest.mark.parametrize(
    ("tag", "kind", "numbers"),
    [
        ("1", "semver", (1,)),
        ("v1.2", "semver", (1, 2)),
        ("version-1.2.3", "semver", (1, 2, 3)),
        ("Release-1.2.3.4", "semver", (1, 2, 3, 4)),
        ("r7", "semver", (7,)),
        ("123456", "semver", (123456,)),
        ("v1234567", "semver", (1234567,)),
        ("2025", "semver", (2025,)),
        ("1989.1", "semver", (1989, 1)),
        ("2026.01.15", "calver", (2026, 1, 15)),
        ("1990.1", "calver", (1990, 1)),
        ("2100.1", "calver", (2100, 1)),
        ("2101.1", "semver", (2101, 1)),
        ("20260115", "date", (20260115,)),
        ("202601151030", "date", (202601151030,)),
        ("20260115103059", "date", (20260115103059,)),
        ("19991231-alpine", "date", (19991231,)),
    ],
)
def test_kinds_of_versions(tag: str, kind: str, numbers: tuple[int, ...]) -> None:
    found = version(tag)
    assert (found.kind, found.numbers) == (kind, numbers)


@pytest.mark.parametrize(
    ("tag", "prerelease", "flavour", "build"),
    [
        ("1.0", (4, 0), "", ()),
        ("1.0-alpine", (4, 0), "alpine", ()),
        ("1.0-Alpine3.22", (4, 0), "alpine3.22", ()),
        ("1.0-bookworm", (4, 0), "bookworm", ()),
        ("1.0-management", (4, 0), "management", ()),
        ("1.0-slim-bookworm", (4, 0), "slim-bookworm", ()),
        ("1.0-a", (1, -1), "", ()),
        ("1.0.b2", (2, 2), "", ()),
        ("1.0rc1", (3, 1), "", ()),
        ("1.0_RC.12", (3, 12), "", ()),
        ("17-ea-10-slim", (1, 10), "slim", ()),
        ("1.0-SNAPSHOT", (0, -1), "", ()),
        ("1.0-nightly.20260101-alpine", (0, 20260101), "alpine", ()),
        ("1.0-rc1alpine", (4, 0), "rc1alpine", ()),
        ("1.0-rc.1_build.7-slim", (3, 1), "slim", (7,)),
        ("1.0_build.5", (4, 0), "", (5,)),
        ("1.0_b1.2b3", (4, 0), "", (1, 2, 3)),
    ],
)
def test_prereleases_flavours_and_builds(
    tag: str, prerelease: tuple[int, int], flavour: str, build: tuple[int, ...]
) -> None:
    found = version(tag)
    assert (found.prerelease, found.flavour, found.build) == (prerelease, flavour, build)


def test_the_order_of_versions() -> None:
    rising = (
        "0.9 1.0-dev 1.0-canary.2 1.0-alpha 1.0-m.1 1.0a2 1.0-beta 1.0-preview1 1.0-rc1 1.0.0-c2 1 1.0 1.0_build.2 "
        "1.0_build.10 1.0.0 1.0.1-rc.1 1.0.1 1.2 1.10"
    )
    versions = [version(tag) for tag in rising.split()]
    assert sorted(versions[7:] + versions[:7], key=lambda one: one.order) == versions


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("1.0.0", "1.0.1", True),
        ("1.0.0-rc.1", "1.0.0", True),
        ("1.0_build.5", "1.0_build.12", True),
        ("17", "17.0", False),
        ("2.0.0", "v2.0.0", False),
        ("1.0.1", "1.0.0", False),
    ],
)
def test_what_is_an_update(old: str, new: str, expected: bool) -> None:
    assert version(new).is_newer_than(version(old)) is expected


def test_a_list_shows_plain_versions_then_flavoured_ones_then_words_then_hashes() -> None:
    held = (
        "latest 3.22.2 3.22 3.9 3.22.2-slim 3.22.2-alpine 3.21-alpine 3.23-rc1 v3.22 20260127 2026.01.15 "
        "2026.02-alpine edge main 1.2.3.4.5 0a1b2c3 sha-0a1b2c3 1234567"
    )
    assert " ".join(newest_first(held.split())) == (
        "3.23-rc1 3.22.2 3.22 v3.22 3.9 2026.01.15 20260127 "
        "3.22.2-alpine 3.22.2-slim 3.21-alpine 2026.02-alpine "
        "1.2.3.4.5 edge latest main 0a1b2c3 1234567 sha-0a1b2c3"
    )


def test_the_first_twenty_of_the_large_set_are_plain_versions() -> None:
    first = newest_first(LARGE)[:20]
    assert first[:4] == ["10.0.0", "9.9.9", "v2.0.1", "2.0.0"]
    assert not any(version(tag).flavour for tag in first)


numbers = st.lists(st.integers(0, 10**6), min_size=2, max_size=4)
endings = st.sampled_from(
    ["", "-alpine", "-slim", "rc1", "-rc.2", "-beta", ".dev3", "_build.5", "_build.12", "-rc.1_build.7-slim"]
)
prefixes = st.sampled_from(["", "v", "V", "version-", "release-", "r"])
made = st.builds(
    lambda prefix, parts, ending: prefix + ".".join(map(str, parts)) + ending,
    prefixes,
    st.lists(st.integers(0, 3), min_size=1, max_size=4),
    endings,
)
dates = st.sampled_from(["20260115", "20250101", "2026.01.15", "2025.12", "202601151030"])
words = st.sampled_from(["latest", "edge", "0a1b2c3", "sha-0a1b2c3", "1.2.3.4.5"])
tags = st.one_of(made, dates, words)
versions = st.one_of(made, dates).map(version)
any_text = st.one_of(st.text(max_size=200), st.text(string.digits + "abcrv.-_", max_size=140))


@given(any_text)
def test_any_text_is_a_version_or_none_and_never_an_error(text: str) -> None:
    found = parse_version(text)
    assert found is None or (found.tag == text and found.numbers and found.order <= found.order)
    assert newest_first([text]) == [text]


@pytest.mark.parametrize(
    "unit", ["1", "1.", "a", "-", ".", "_", "rc-", "-a1", "1.0-rc", "_1", "v1", "9-b.", "1.0.0-rc.1_a-", "0a"]
)
def test_no_text_longer_than_a_tag_is_read_and_none_as_long_makes_the_pattern_explode(unit: str) -> None:
    """Each of these would take a pattern that tries again and again longer than the tests may take."""
    for text in (unit * 128, "1.0.0-" + unit * 128, "1.0.0_" + unit * 128):
        for cut in (text[:128], text[:127] + "!"):
            found = parse_version(cut)
            assert found is None or len(found.numbers) <= 4
        assert parse_version(text[:128] + "0") is None
    assert version("1.0-" + "a" * 124).flavour == "a" * 124


@given(prefixes, numbers, endings)
def test_the_numbers_of_a_version_are_those_of_its_text(prefix: str, parts: list[int], ending: str) -> None:
    assert version(prefix + ".".join(map(str, parts)) + ending).numbers == tuple(parts)


@given(versions, versions, versions)
def test_versions_of_one_kind_are_in_a_total_order(first: Version, second: Version, third: Version) -> None:
    if first.order <= second.order and second.order <= first.order:
        assert first.order == second.order
    if first.order <= second.order and second.order <= third.order:
        assert first.order <= third.order
    assert first.order <= second.order or second.order <= first.order
    assert not (first.is_newer_than(second) and second.is_newer_than(first))
    if first.is_newer_than(second):
        assert first.order > second.order or first.kind != second.kind or len(first.numbers) < len(second.numbers)


@given(st.lists(tags, unique=True), st.randoms(use_true_random=False))
def test_the_order_of_a_list_does_not_depend_on_the_order_in_which_it_came(given_tags: list[str], random: Any) -> None:
    shuffled = list(given_tags)
    random.shuffle(shuffled)
    assert newest_first(shuffled) == newest_first(given_tags)
    assert sorted(newest_first(shuffled)) == sorted(given_tags)


@given(
    st.lists(tags, unique=True),
    st.one_of(st.none(), versions),
    st.sampled_from([None, "alpine", "slim"]),
    st.booleans(),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_the_newest_is_in_the_track_of_current_and_never_older(
    given_tags: list[str],
    current: Version | None,
    flavour: str | None,
    same_major: bool,
    prereleases: bool,
    random: Any,
) -> None:
    arguments: dict[str, Any] = {
        "current": current,
        "flavour": flavour,
        "same_major": same_major,
        "prereleases": prereleases,
    }
    found = newest(given_tags, **arguments)
    shuffled = list(given_tags)
    random.shuffle(shuffled)
    assert newest(shuffled, **arguments) == found
    if found is None:
        return
    chosen = version(found)
    assert chosen.flavour == (flavour or (current.flavour if current else ""))
    if current is not None:
        assert chosen.kind == current.kind
        assert chosen.order >= current.order
        assert len(chosen.numbers) >= len(current.numbers)
        assert not current.is_newer_than(chosen) or len(chosen.numbers) > len(current.numbers)
    track = track_of(parse_versions(given_tags), **arguments)
    assert track is not None
    assert all(other.order <= chosen.order for other in parse_versions(given_tags) if track.holds(other))


@given(st.lists(tags, unique=True))
def test_the_first_release_of_a_list_is_its_newest_version(given_tags: list[str]) -> None:
    releases = [
        one.tag for one in parse_versions(newest_first(given_tags)) if not one.is_prerelease and not one.flavour
    ]
    assert (releases[0] if releases else None) == newest(given_tags)
