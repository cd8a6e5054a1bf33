"""Static tokens: how they are made, kept, found and taken back."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from fuseboard.auth.principal import Unproven
from fuseboard.auth.static_tokens import StaticTokens
from fuseboard.errors import SettingsError
from fuseboard.settings.token_line import digest_of, new_token, parsed, parsed_file
from tests.host.cli.running import Cli

DIGEST = "0" * 64


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """A command line without plugins."""
    (tmp_path / "site").mkdir()
    return Cli(tmp_path)


def test_a_token_is_256_random_bits_with_a_prefix_that_scanners_can_find() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(token.startswith("fb_") and len(token) == 3 + 43 for token in tokens)


def test_a_line_comes_back_as_it_was_written() -> None:
    for rest in ("", "::reader", ":2027-01-31", ":2027-01-31:reader+tools:read", "::reader+tools:"):
        assert str(parsed(f"ada:{DIGEST}{rest}")) == f"ada:{DIGEST}{rest}"
    assert parsed(f"ada:{DIGEST}::reader+tools:read").roles == ("reader", "tools:read")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ada",
        "fb_a-token-by-mistake",
        f"ada:{DIGEST[1:]}",
        f"a b:{DIGEST}",
        f":{DIGEST}",
        f"ada:{DIGEST}:tomorrow",
        f"ada:{DIGEST}:2027-01-31:a b",
        f"ada:{DIGEST}::a++b",
        "ada:fb_a-token-by-mistake",
    ],
)
def test_a_line_of_another_form_is_refused_without_being_quoted(line: str) -> None:
    with pytest.raises(ValueError, match="must be") as refused:
        parsed(line)
    assert "by-mistake" not in str(refused.value)


def test_a_file_has_comments_and_names_a_wrong_line_by_its_number() -> None:
    assert [line.name for line in parsed_file(f"# mine\n\nada:{DIGEST}\n  # more\nbob:{'1' * 64}\n")] == ["ada", "bob"]
    with pytest.raises(ValueError, match="line 2 must be"):
        parsed_file(f"ada:{DIGEST}\nnonsense\n")
    with pytest.raises(ValueError, match="ada has a token already"):
        parsed_file(f"ada:{DIGEST}\nada:{'1' * 64}\n")
    with pytest.raises(ValueError, match="one token has two names"):
        parsed_file(f"ada:{DIGEST}\nbob:{DIGEST}\n")


def test_a_token_is_accepted_to_the_end_of_its_last_day() -> None:
    line = parsed(f"ada:{digest_of('secret').hex()}:2027-01-31:reader")
    end = datetime(2027, 2, 1, tzinfo=UTC).timestamp()
    now = [end - 1]
    tokens = StaticTokens([line], today=lambda: now[0])
    found = tokens.find("secret")
    assert found is not None
    assert (found.name, found.roles, found.expires_at) == ("ada", {"reader"}, int(end))
    assert tokens.find("other") is None
    now[0] = end
    with pytest.raises(Unproven, match="that of ada, and its last day was 2027-01-31"):
        tokens.find("secret")


def a_minute_later() -> float:
    """The time for whom all files are old."""
    return time.time() + 60


def test_a_change_of_the_file_is_noticed_and_a_mistake_in_it_locks_nobody_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, now = tmp_path / "tokens", [0.0]
    file.write_text(f"ada:{digest_of('one').hex()}\n")
    tokens = StaticTokens([], file, clock=lambda: now[0], today=a_minute_later)
    assert tokens.find("one") is not None

    file.write_text(f"ada:{digest_of('one').hex()}\nbob:{digest_of('two').hex()}\n")
    assert tokens.find("two") is None, "not even looked yet"
    now[0] += 2
    assert tokens.find("two") is not None

    file.write_text("half a line")
    now[0] += 2
    assert tokens.find("one") is not None
    assert "the tokens that were known before stay" in caplog.text
    assert "half" not in caplog.text

    file.write_text(f"bob:{digest_of('two').hex()}\n")
    now[0] += 2
    assert tokens.find("one") is None, "taken back"
    assert tokens.find("two") is not None
    assert [tokens.knows(digest_of(token)) for token in ("one", "two")] == [False, True]


def test_a_file_that_is_being_written_is_not_believed_until_it_has_settled_or_is_found_the_same_again(
    tmp_path: Path,
) -> None:
    file, now, age = tmp_path / "tokens", [0.0], [0.1]
    file.write_text(f"ada:{digest_of('one').hex()}\n")
    tokens = StaticTokens([], file, clock=lambda: now[0], today=lambda: file.stat().st_mtime + age[0])
    file.write_text("")  # as an editor does that writes in place
    now[0] += 1
    assert tokens.find("one") is not None
    file.write_text(f"ada:{digest_of('one').hex()}\nbob:{digest_of('two').hex()}\n")
    now[0] += 1
    assert tokens.find("one") is not None
    age[0] = 0.3
    now[0] += 1
    assert tokens.find("two") is not None
    age[0] = 0.1
    file.write_text("")
    now[0] += 1
    assert tokens.find("two") is not None
    now[0] += 1
    assert tokens.find("two") is None


def test_a_file_that_is_missing_or_wrong_at_the_start_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"No such file.*fuseboard token new"):
        StaticTokens([], tmp_path / "gone")
    (tmp_path / "tokens").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8"):
        StaticTokens([], tmp_path / "tokens")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_file_that_becomes_a_pipe_does_not_hold_up_the_host(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, now = tmp_path / "tokens", [0.0]
    file.write_text(f"ada:{digest_of('one').hex()}\n")
    tokens = StaticTokens([], file, clock=lambda: now[0], today=a_minute_later)
    file.unlink()
    os.mkfifo(file)
    now[0] += 2
    assert tokens.find("one") is not None
    assert "it is no regular file" in caplog.text


def test_the_command_prints_a_token_once_and_keeps_its_hash(cli: Cli) -> None:
    begun = datetime.now(UTC)
    made = cli("token", "new", "ada", "--role", "reader", "--role", "ops", "--days", "10", "--file", "tokens")
    assert made.code == 0
    token = made.out.strip()
    kept = (cli.home / "tokens").read_text()
    days = {(now + timedelta(days=10)).date() for now in (begun, datetime.now(UTC))}
    digest = sha256(token.encode()).hexdigest()
    assert parsed(kept) in [parsed(f"ada:{digest}:{until}:reader+ops") for until in days]
    assert token not in kept
    assert (cli.home / "tokens").stat().st_mode & 0o777 == 0o600
    assert "not shown again" in made.err
    assert token not in made.err


def test_the_command_adds_to_the_file_of_the_settings_and_leaves_the_rest_alone(cli: Cli) -> None:
    (cli.home / "mine").write_text(f"# by hand\nbob:{DIGEST}")
    os.chmod(cli.home / "mine", 0o640)
    cli.write("fuseboard.yaml", "auth: {tokens_file: mine}\n")
    assert cli("token", "new", "ada").code == 0
    lines = (cli.home / "mine").read_text().splitlines()
    assert lines[:2] == ["# by hand", f"bob:{DIGEST}"]
    assert parsed(lines[2]).name == "ada"
    assert (cli.home / "mine").stat().st_mode & 0o777 == 0o640

    before = (cli.home / "mine").read_text()
    again = cli("token", "new", "ada")
    assert (again.code, again.out) == (2, "")
    assert "ada has a token already" in again.err
    assert (cli.home / "mine").read_text() == before


def test_a_file_that_an_editor_on_windows_has_saved_is_read_and_added_to(cli: Cli) -> None:
    file = cli.home / "tokens"
    file.write_bytes(b"\xef\xbb\xbf" + f"bob:{DIGEST}\r\n".encode())
    assert cli("token", "new", "ada", "--file", "tokens").code == 0
    assert [line.name for line in parsed_file(file.read_text(encoding="utf-8"))] == ["bob", "ada"]
    file.write_bytes(b"\xef\xbb\xbf" + f"bob:{digest_of('one').hex()}\r\n".encode())
    assert StaticTokens([], file).find("one") is not None


def test_tokens_that_are_made_at_the_same_time_are_all_kept(cli: Cli) -> None:
    names = [f"robot{number}" for number in range(6)]
    with ThreadPoolExecutor(len(names)) as pool:
        made = list(pool.map(lambda name: cli("token", "new", name, "--file", "tokens"), names))
    assert [one.code for one in made] == [0] * len(names)
    assert sorted(line.name for line in parsed_file((cli.home / "tokens").read_text())) == names


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_file_keeps_its_owner_when_root_adds_to_it(cli: Cli) -> None:
    file = cli.home / "tokens"
    file.write_text(f"bob:{DIGEST}\n")
    os.chown(file, 1234, 4321)
    os.chmod(file, 0o640)
    assert cli("token", "new", "ada", "--file", "tokens").code == 0
    now = file.stat()
    assert (now.st_uid, now.st_gid, now.st_mode & 0o777) == (1234, 4321, 0o640)


def test_a_place_where_no_file_can_be_is_said_in_one_line(cli: Cli) -> None:
    (cli.home / "loop").symlink_to("loop")
    for place in ("loop", ".", "nowhere/tokens"):
        refused = cli("token", "new", "ada", "--file", place)
        assert (refused.code, refused.out) == (2, "")
        assert refused.err.endswith("; nothing was changed and no token was made\n")


def test_without_a_file_the_line_is_printed_for_the_settings(cli: Cli) -> None:
    token, line = cli("token", "new", "ada").out.split()
    assert parsed(line).digest == digest_of(token)
    said = json.loads(cli("token", "new", "ada", "--json").out)
    assert parsed(said["line"]).digest == digest_of(said["token"])
    assert (said["name"], said["file"]) == ("ada", None)


@pytest.mark.parametrize(
    "words", [("a b",), ("-x",), ("ada", "--role", "a b"), ("ada", "--role", "a+b"), ("ada", "--days", "0"), ()]
)
def test_a_wrong_name_role_or_number_of_days_is_wrong_usage(cli: Cli, words: tuple[str, ...]) -> None:
    result = cli("token", "new", *words)
    assert (result.code, result.out) == (2, "")


def test_a_token_instead_of_its_hash_is_refused_and_never_shown(cli: Cli) -> None:
    result = cli("config", "show", FUSEBOARD_AUTH__TOKENS="ada:fb_secret_by_mistake")
    assert result.code == 2
    assert "auth.tokens (environment FUSEBOARD_AUTH__TOKENS): must be NAME:SHA256" in result.err
    assert "by_mistake" not in result.err
    shown = cli("config", "show", "--json", FUSEBOARD_AUTH__TOKENS=f"ada:{DIGEST}", FUSEBOARD_AUTH__TOKENS_FILE="t")
    assert DIGEST not in shown.out
    assert shown.code == 0
