"""Whatever stands in `Location`, `Link`, a realm or a limit: a URL that may be asked, or an error of ours."""

from __future__ import annotations

import anyio
import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fuseboard_oci.config import OciSettings
from fuseboard_oci.errors import OciError
from fuseboard_oci.failures import RateLimit, rate_limited
from fuseboard_oci.links import next_link, next_page
from fuseboard_oci.transport.policy import HostPolicy, redirect_target
from fuseboard_oci.transport.wire import Answer

ORIGIN = httpx2.URL("https://ghcr.io/v2/x/tags/list?n=5")
_PIECES = [
    "https:",
    "http:",
    "file:",
    "HTTPS:",
    "//",
    "/",
    "\\",
    "ghcr.io",
    "127.0.0.1",
    "[::1]",
    "[",
    "]",
    "xn--",
    "%00",
]
_PIECES += [
    "..",
    "/v2/",
    "%2e%2e",
    "%2F",
    "?",
    "#",
    "@",
    ":",
    ":443",
    ":80",
    ":99999",
    "u:p@",
    "x",
    "ä",
    "。",
    "٠",
    " ",
]
_PIECES += ["\t", "\x7f", "a" * 70, "a." * 130, "ghcr.io.", ".", "-", "_", "0x7f.1", "fe80::1%25eth0", "[fe80::1%25x]"]

texts = st.lists(st.sampled_from(_PIECES) | st.text(max_size=5), max_size=8).map("".join)


def _header(name: str, text: str) -> httpx2.Headers:
    return httpx2.Headers([(name.encode(), text.encode("utf-8", "replace"))])


def _policy(address: str = "8.8.8.8") -> HostPolicy:
    async def resolve(host: str, port: int) -> list[str]:
        assert host.isascii()
        return [address]

    return HostPolicy(OciSettings(), resolve)


@given(texts)
@example("https://[no host]/")
@example("//ghcr.io\\@127.0.0.1/")
def test_any_location_is_a_url_that_may_be_asked_or_an_error(text: str) -> None:
    async def follow() -> None:
        answer = httpx2.Response(307, headers=_header("location", text))
        try:
            target = redirect_target(ORIGIN, answer)
            assert target is not None
            await _policy().check_redirect("ghcr.io", ORIGIN, target)
        except OciError:
            return
        assert target.scheme == "https"
        assert not target.userinfo
        assert not target.fragment
        assert target.port is None
        assert target.raw_host.isascii()
        httpx2.Request("GET", target)

    anyio.run(follow)


@given(texts, st.sampled_from(["<{}>; rel=next", '<{}>;rel="next"', '<x>; rel=prev, <{}>; REL="a next b"', "{}"]))
def test_any_link_is_a_page_of_the_api_or_an_error(text: str, form: str) -> None:
    answer = Answer(200, _header("link", form.format(text)), b"", ORIGIN)
    target = next_link(answer)
    if target is None:
        return
    try:
        url = next_page(ORIGIN, target, set())
    except OciError:
        return
    assert (url.scheme, url.host, url.port) == ("https", "ghcr.io", None)
    assert url.path.startswith("/v2/")
    assert ".." not in url.path.split("/")
    assert not url.userinfo


@given(texts, st.booleans())
@example("https://ghcr.io\\@127.0.0.1/token", True)
def test_any_realm_is_the_registry_itself_a_public_host_or_an_error(text: str, login: bool) -> None:
    async def check() -> None:
        try:
            url = await _policy().check_realm("ghcr.io", text, with_credentials=login)
        except OciError as error:
            unprintable = not str(error).isprintable()
            if unprintable:
                pytest.fail(f"{error!r} cannot be shown")
            return
        assert url.scheme == "https"
        assert not url.userinfo
        assert not login or (url.host, url.port) == ("ghcr.io", None)
        httpx2.Request("GET", url.copy_merge_params({"service": text, "scope": text}))

    anyio.run(check)


@given(st.text(alphabet=st.characters(codec="latin-1"), max_size=30) | st.from_regex(r"[0-9]{1,12}(;w=[0-9]{1,12})?"))
@example("9" * 400)
@example("٣")
def test_any_limit_is_read_or_left(text: str) -> None:
    headers = httpx2.Headers(
        [(name, text.encode()) for name in (b"ratelimit-limit", b"ratelimit-remaining", b"retry-after")]
    )
    left = RateLimit.of(headers)
    assert left is None or left.limit is None or 0 <= left.limit < 10**9
    assert str(rate_limited(headers, "ghcr.io")).isprintable()
