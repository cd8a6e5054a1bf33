"""Names of registries, repositories, tags and digests."""

from __future__ import annotations

import string
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuseboard_oci.errors import InvalidInput
from fuseboard_oci.reference import (
    Image,
    is_fallback_tag,
    is_repository,
    is_tag,
    parse_image,
    parse_reference,
    parse_registry,
    split_host,
)

SHA256 = "sha256:" + "a1" * 32
SHA512 = "sha512:" + "b2" * 64

parts = st.from_regex(r"[a-z0-9]{1,8}([._-][a-z0-9]{1,8}){0,2}", fullmatch=True)
repositories = st.lists(parts, min_size=2, max_size=4).map("/".join)
hosts = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9](\.[a-z]{2,8}){1,2}(:[1-9][0-9]{0,3})?", fullmatch=True)
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True)


@pytest.mark.case(40)
@pytest.mark.parametrize("alias", ["docker.io", "index.docker.io", "registry.hub.docker.com", "hub.docker.com"])
def test_docker_hub_has_one_name_and_short_names_get_their_library(alias: str) -> None:
    assert parse_image("alpine", alias, "3.22") == Image("registry-1.docker.io", "library/alpine", "3.22")
    assert parse_image("grafana/grafana", alias).repository == "grafana/grafana"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alpine", Image("registry-1.docker.io", "library/alpine")),
        ("alpine:3.22", Image("registry-1.docker.io", "library/alpine", "3.22")),
        ("owner/image", Image("registry-1.docker.io", "owner/image")),
        ("ghcr.io/o/i", Image("ghcr.io", "o/i")),
        ("GHCR.io/o/i:v1", Image("ghcr.io", "o/i", "v1")),
        (f"ghcr.io/o/i:v1@{SHA256}", Image("ghcr.io", "o/i", "v1", SHA256)),
        (f"ghcr.io/o/i@{SHA512}", Image("ghcr.io", "o/i", None, SHA512)),
        ("localhost/x", Image("localhost", "x")),
        ("registry:5000/x/y:1", Image("registry:5000", "x/y", "1")),
        ("[::1]:5000/x", Image("[::1]:5000", "x")),
    ],
)
def test_a_full_reference_is_taken_apart_when_no_registry_is_given(text: str, expected: Image) -> None:
    assert parse_image(text) == expected
    assert parse_image(text, "") == expected


def test_with_a_registry_a_repository_may_still_carry_its_tag_or_digest() -> None:
    assert parse_image("alpine:3.22", "docker.io") == parse_image("alpine", "docker.io", "3.22")
    assert parse_image(f"o/i@{SHA256}", "ghcr.io") == parse_image("o/i", "ghcr.io", SHA256)
    with pytest.raises(InvalidInput, match=r"^INVALID_REFERENCE: .* give it once"):
        parse_image("alpine:3.22", "docker.io", "3.21")


@given(hosts, repositories, tags)
def test_what_is_printed_can_be_read_again(registry: str, repository: str, tag: str) -> None:
    image = parse_image(repository, registry, tag)
    assert parse_image(str(image)) == image


def _code(call: Callable[[str], object], text: str) -> str:
    try:
        call(text)
    except InvalidInput as error:
        return error.code if str(error).isprintable() else f"unprintable: {error}"
    return "fine"


@given(st.text(max_size=300))
def test_any_text_is_either_a_name_or_refused_with_a_code(text: str) -> None:
    assert _code(parse_image, text) in ("fine", "INVALID_REGISTRY", "INVALID_REPOSITORY", "INVALID_REFERENCE")
    assert _code(parse_registry, text) in ("fine", "INVALID_REGISTRY")
    assert _code(parse_reference, text) in ("fine", "INVALID_REFERENCE")


@pytest.mark.parametrize(
    "registry",
    [
        "user@ghcr.io",
        "user:pw@ghcr.io",
        "ghcr.io/path",
        "ghcr.io/",
        "http://ghcr.io",
        "https://https://ghcr.io",
        "ghcr.io#x",
        "ghcr.io?x",
        "gh cr.io",
        "ghcr.io\n",
        "ghcr.io:99999",
        "ghcr.io:0",
        "ghcr.io:",
        "ghcr.io:x",
        "ghcr.io.",
        "-x.io",
        "x" * 64 + ".io",
        "x" * 300,
        "bücher.example",
        "a_b.example",
        "[::1",
        "[zz]",
        "[fe80::1%eth0]",
        "127.0.0.1:5000:1",
    ],
)
def test_what_is_more_or_less_than_a_host_is_no_registry(registry: str) -> None:
    with pytest.raises(InvalidInput, match=r"^INVALID_REGISTRY: "):
        parse_registry(registry)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://GHCR.io", "ghcr.io"),
        ("ghcr.io:443", "ghcr.io"),
        ("docker.io:443", "registry-1.docker.io"),
        ("corp:05000", "corp:5000"),
        ("[0:0::1]:5000", "[::1]:5000"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_a_registry_has_one_spelling(text: str, expected: str) -> None:
    assert parse_registry(text) == expected


def test_a_registry_splits_into_host_and_port() -> None:
    assert split_host("ghcr.io") == ("ghcr.io", None)
    assert split_host("corp:5000") == ("corp", 5000)
    assert split_host("[::1]:5000") == ("::1", 5000)
    assert split_host("[::1]") == ("::1", None)


@pytest.mark.parametrize(
    "repository",
    [
        "",
        "../x",
        "Lib/App",
        "a//b",
        "%2e",
        "/a",
        "a/",
        "a" * 300,
        "a:b:c",
        "a b",
        "a__-b",
        "ф",
        "x\n",
        "ab" * 32 + "\x00",
    ],
)
def test_a_malformed_repository_is_refused(repository: str) -> None:
    with pytest.raises(InvalidInput, match=r"^INVALID_"):
        parse_image(repository, "ghcr.io")


def test_a_bare_hash_is_no_repository() -> None:
    assert not is_repository("a" * 64)
    assert is_repository("a" * 63)


@pytest.mark.parametrize(
    "reference",
    [
        "a\r\nb",
        "-x",
        ".x",
        "t" * 129,
        "a b",
        SHA256.upper(),
        SHA256[:-1],
        "md5:" + "a" * 32,
        f"x@{SHA256[:-2]}",
        "тег",
        "x\n",
    ],
)
def test_a_malformed_reference_is_refused(reference: str) -> None:
    with pytest.raises(InvalidInput, match=r"^INVALID_REFERENCE: "):
        parse_image("o/i", "ghcr.io", reference)


def test_a_digest_wins_over_the_tag_beside_it() -> None:
    image = parse_image("o/i", "ghcr.io", f"1.0@{SHA256}")
    assert (image.tag, image.digest, image.reference) == ("1.0", SHA256, SHA256)
    assert str(image) == f"ghcr.io/o/i@{SHA256}"


def test_a_reference_given_twice_must_be_the_same() -> None:
    assert parse_image("ghcr.io/o/i:1.0", reference="1.0").tag == "1.0"
    with pytest.raises(InvalidInput, match="give it once"):
        parse_image("ghcr.io/o/i:1.0", reference="2.0")


def test_without_a_reference_it_is_latest() -> None:
    assert parse_image("o/i", "ghcr.io").reference == "latest"


def test_bookkeeping_tags_of_signatures_are_recognised() -> None:
    assert is_fallback_tag("sha256-" + "a" * 64)
    assert is_fallback_tag("sha256-" + "a" * 64 + ".sig")
    assert not is_fallback_tag("sha256-abc")
    assert not is_fallback_tag("1.0")


@given(st.text(string.printable, max_size=140))
def test_every_tag_is_safe_in_a_path(text: str) -> None:
    if is_tag(text):
        assert not set(text) & set("/?#%:@ \\")
        assert not text.startswith(".")


@pytest.mark.parametrize(
    "text", ["a" * 6000, "a-" * 3000, "a/" * 3000, "." * 6000, "a:" * 3000, "[" * 6000, "a@" * 3000]
)
def test_hostile_text_costs_no_time(text: str) -> None:
    begin = time.process_time()
    for _ in range(20):
        with pytest.raises(InvalidInput):
            parse_image(text)
        with pytest.raises(InvalidInput):
            parse_image("o/i", text)
        with pytest.raises(InvalidInput):
            parse_image("o/i", "ghcr.io", text)
    assert time.process_time() - begin < 5, "seconds of work; what grows with the square takes many more"
