"""Nobody listens for the world without authentication, unless the operator says so in as many words."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fuseboard.settings import AuthSettings
from fuseboard.settings.auth import unsafe_binding
from tests.host.auth.vault import TOKENS, bearer, token_lines, vault
from tests.host.transports.http_process import HttpProcess
from tests.host.transports.toys import COMMAND, PATIENCE, Toybox

SECRET = "0123456789abcdef0123456789abcdef"
ISSUER = {"issuer": "https://id.example", "resource": "https://board.example/mcp"}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_authentication(host: str) -> None:
    assert unsafe_binding(host, AuthSettings(), allowed=False) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "board.example", "localhost.evil.example"])
def test_every_other_address_needs_it_or_the_operators_word(host: str) -> None:
    assert unsafe_binding(host, AuthSettings(), allowed=False)
    assert unsafe_binding(host, AuthSettings(), allowed=True) is None
    assert unsafe_binding(host, AuthSettings(tokens=token_lines()), allowed=False) is None
    assert unsafe_binding(host, AuthSettings(**ISSUER), allowed=False) is None


def test_a_development_secret_never_leaves_loopback() -> None:
    auth = AuthSettings(**ISSUER, development_secret=SECRET)
    assert unsafe_binding("127.0.0.1", auth, allowed=False) is None
    assert "development_secret" in str(unsafe_binding("0.0.0.0", auth, allowed=True))


def test_the_refusal_has_two_lines_that_say_what_to_do_and_nothing_is_started(toys: Toybox) -> None:
    refused = subprocess.run(
        [*COMMAND, "http", "--host", "0.0.0.0", "--port", "0"],
        env=toys.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert refused.returncode == 2
    lines = refused.stderr.splitlines()
    assert len(lines) == 2
    assert "fuseboard token new" in lines[0]
    assert "--insecure-no-auth" in lines[1]
    assert "FUSEBOARD_HTTP__ALLOW_UNAUTHENTICATED=true" in lines[1]
    assert toys.journal() == []


@pytest.mark.parametrize("way", ["option", "setting"])
def test_the_operator_can_say_so(toys: Toybox, way: str) -> None:
    options = ["--insecure-no-auth"] if way == "option" else []
    if way == "setting":
        toys.settings["FUSEBOARD_HTTP__ALLOW_UNAUTHENTICATED"] = "true"
    with HttpProcess(toys, "--host", "0.0.0.0", *options) as process:
        assert process.raw(b"GET /livez HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n\r\n" % process.port).startswith(
            b"HTTP/1.1 200"
        )


def test_with_authentication_every_address_may_be_listened_on(tmp_path: Path) -> None:
    box = vault(tmp_path, {"tokens": token_lines()})
    with HttpProcess(box, "--host", "0.0.0.0") as process:
        url = f"http://127.0.0.1:{process.port}/readyz"
        assert process.client.get(url).json().keys() == {"ready"}
        assert "plugins" in process.client.get(url, headers=bearer(TOKENS["admin"])).json()


@pytest.fixture
def toys(tmp_path: Path) -> Toybox:
    """One toy, called `toy`."""
    box = Toybox(tmp_path)
    box.add("toy")
    return box
