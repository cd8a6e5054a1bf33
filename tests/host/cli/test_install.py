"""`fuseboard install`: on copies of what people really have in the files of their clients."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from fuseboard.desktop_clients.json_text import parse
from tests.host.cli.clients_home import FILES, SECTIONS, at_home, backups, client_file, entry_in, run_here
from tests.host.cli.running import Cli
from tests.host.discovery.toys import install

SETTINGS = """
from pydantic import SecretStr
from pydantic_settings import BaseSettings
from fuseboard import hookimpl

class ToySettings(BaseSettings):
    url: str = ""
    account: dict[str, str] = {}
    seal: SecretStr = SecretStr("")

@hookimpl
def settings():
    return ToySettings
"""
CLIENTS = sorted(FILES)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("text", [None, "", "{}\n", "with others"])
def test_the_entry_is_added_and_everything_else_stays(cli: Cli, client: str, text: str | None) -> None:
    at_home(cli)
    text = FILES[client] if text == "with others" else text
    path = client_file(cli, client, text)
    ran = run_here(cli, "install", client)
    assert ran.code == 0, ran.err
    comments = client in ("cursor", "vscode")
    before = parse(text or "", comments=comments)
    after = parse(path.read_text(encoding="utf-8"), comments=comments)
    entry = after[SECTIONS[client]].pop("fuseboard")
    assert after == before | {SECTIONS[client]: before.get(SECTIONS[client], {})}
    assert os.path.isabs(entry["command"])
    assert os.access(entry["command"], os.X_OK)
    assert entry.get("type") == ("stdio" if client in ("claude-code", "vscode") else None)
    for line in (text or "").splitlines():
        assert line.rstrip(" }]") in path.read_text(encoding="utf-8")
    assert [saved.read_text(encoding="utf-8") for saved in backups(path)] == ([] if text is None else [text])
    assert f"+++ {path}" in ran.out
    assert "ghp_neighbour" not in ran.out + ran.err


def test_a_dry_run_shows_the_difference_and_writes_nothing(cli: Cli) -> None:
    at_home(cli)
    path = client_file(cli, "claude-desktop", FILES["claude-desktop"])
    ran = cli("install", "claude-desktop", "--dry-run")
    assert ran.code == 0
    assert '+    "fuseboard": {' in ran.out
    assert "would be written" in ran.out
    assert path.read_text(encoding="utf-8") == FILES["claude-desktop"]
    assert os.listdir(path.parent) == [path.name]
    assert cli("install", "cursor", "--dry-run").code == 0
    assert not client_file(cli, "cursor").parent.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{\n  "mcpServers": {\n    "a": {}\n    "b": {}\n  }\n}', "line 4, column 5: expecting ',' delimiter"),
        (b'{\n  // mine\n  "mcpServers": {}\n}', "line 2, column 3: a comment, which this client does not read"),
        (b'{\n  "mcpServers": {},\n}', "line 2, column 19: this comma is one too many"),
        (b'{"mcpServers": []}', "mcpServers must be an object in braces"),
        (b"[]", "must be an object in braces"),
        (b'{\n"a": "\xff"}', "line 2, column 7: is not UTF-8; save it as UTF-8"),
        ('{"mcpServers": {}}'.encode("utf-16"), "is in UTF-16, which no client reads; save it as UTF-8"),
        (b'{"mcpServers": {"fuseboard": {"command": "npx"}}}', "mcpServers.fuseboard is another server"),
    ],
)
def test_a_file_that_cannot_be_changed_safely_is_left_untouched(cli: Cli, content: bytes, said: str) -> None:
    at_home(cli)
    path = client_file(cli, "claude-desktop", content)
    ran = run_here(cli, "install", "claude-desktop")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"fuseboard: {path}: ")
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]


def test_a_read_only_file_is_left_untouched_and_a_folder_in_its_place_is_told(cli: Cli) -> None:
    at_home(cli)
    path = client_file(cli, "cursor", FILES["cursor"])
    path.chmod(0o444)
    ran = run_here(cli, "install", "cursor")
    assert (ran.code, ran.err) == (
        2,
        f"fuseboard: {path}: is read-only; make it writable, or change it with what manages it\n",
    )
    assert path.read_text(encoding="utf-8") == FILES["cursor"]
    client_file(cli, "vscode").mkdir(parents=True)
    ran = run_here(cli, "install", "vscode")
    assert ran.code == 2
    assert "cannot be read (Is a directory)" in ran.err


@pytest.mark.parametrize("command", ["install", "uninstall", "doctor"])
def test_what_is_no_file_is_neither_waited_for_nor_replaced(cli: Cli, command: str) -> None:
    at_home(cli)
    pipe, link = client_file(cli, "cursor"), client_file(cli, "vscode")
    pipe.parent.mkdir()
    os.mkfifo(pipe)
    link.parent.mkdir(parents=True)
    link.symlink_to(pipe)
    for client, path in ("cursor", pipe), ("vscode", link):
        ran = run_here(cli, command, client)
        assert ran.code in (1, 2)
        assert f"{path}: is a pipe or a device and no file" in ran.out + ran.err
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert {path.name for path in (*pipe.parent.iterdir(), *link.parent.iterdir())} == {"mcp.json"}


def test_a_link_stays_a_link_and_its_target_keeps_its_mode(cli: Cli) -> None:
    at_home(cli)
    path = client_file(cli, "claude-code")
    target = cli.home / "dotfiles" / "claude.json"
    target.parent.mkdir()
    target.write_text(FILES["claude-code"], encoding="utf-8")
    target.chmod(0o640)
    path.symlink_to(target)
    assert run_here(cli, "install", "claude-code").code == 0
    assert path.is_symlink()
    assert entry_in(target, "claude-code")["type"] == "stdio"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert [saved.read_text(encoding="utf-8") for saved in backups(target)] == [FILES["claude-code"]]
    circle = client_file(cli, "cursor")
    circle.parent.mkdir()
    circle.symlink_to(circle)
    assert run_here(cli, "install", "cursor").code == 2


def test_a_byte_order_mark_goes_where_the_client_cannot_read_it_and_stays_elsewhere(cli: Cli) -> None:
    at_home(cli)
    desktop = client_file(cli, "claude-desktop", b"\xef\xbb\xbf" + FILES["claude-desktop"].encode())
    vscode = client_file(cli, "vscode", b"\xef\xbb\xbf" + FILES["vscode"].encode())
    assert run_here(cli, "install", "claude-desktop").code == run_here(cli, "install", "vscode").code == 0
    assert desktop.read_bytes().startswith(b"{")
    assert vscode.read_bytes().startswith(b"\xef\xbb\xbf// My servers.")


def test_a_second_time_changes_nothing_and_a_third_with_other_plugins_changes_only_that(cli: Cli) -> None:
    install(cli.site, "toy")
    at_home(cli)
    path = client_file(cli, "vscode", FILES["vscode"])
    assert cli("install", "vscode", "--plugin", "toy").code == 0
    first = path.read_text(encoding="utf-8")
    again = cli("install", "vscode", "--plugin", "toy")
    assert "has this entry already; nothing to do" in again.out
    assert path.read_text(encoding="utf-8") == first
    assert len(backups(path)) == 1
    mine = first.replace('"args": []', '"args": [], // mine\n\t\t\t"envFile": "x"').replace('"toy"', '"other"')
    path.write_text(mine, encoding="utf-8")
    assert cli("install", "vscode", "--plugin", "toy").code == 0
    assert path.read_text(encoding="utf-8") == mine.replace('"other"', '"toy"')


def test_an_entry_that_stands_twice_becomes_one_and_what_its_owner_added_stays(cli: Cli) -> None:
    at_home(cli)
    old = (
        '{"command": "/gone/fuseboard", "disabled": false, "env": {"MY_SECRET": "hunter22", "FUSEBOARD_CONFIG": "/x"}}'
    )
    text = f'{{"mcpServers": {{"fuseboard": {{}}, "other": {{}}, "fuseboard": {old}}}}}'
    path = client_file(cli, "claude-desktop", text)
    ran = run_here(cli, "install", "claude-desktop")
    assert ran.code == 0, ran.err
    assert path.read_text(encoding="utf-8").count('"fuseboard"') == 1
    entry = entry_in(path, "claude-desktop")
    assert entry["command"] != "/gone/fuseboard"
    assert entry["disabled"] is False
    assert entry["env"] == {"MY_SECRET": "hunter22", "FUSEBOARD_LOAD_PLUGINS": ""}
    assert "hunter22" not in ran.out


def test_the_settings_file_in_use_the_plugins_and_their_variables_come_along(cli: Cli) -> None:
    install(cli.site, "toy", SETTINGS)
    install(cli.site, "idle", SETTINGS)
    at_home(cli)
    cli.write("other.yaml", "log: {level: debug}\nblock_plugins: [noisy]\n")
    words = ("install", "cursor", "--plugin", "toy", "--config", "other.yaml", "--name", "board", "-p", "no:idle")
    ran = cli(
        *words,
        FUSEBOARD_TOY_URL="http://x",
        FUSEBOARD_IDLE_URL="http://y",
        FUSEBOARD_ACCESS__READ_ONLY="true",
        FUSEBOARD_HTTP__PORT="9",
        SOMETHING_ELSE="z",
    )
    assert ran.code == 0, ran.err
    entry = entry_in(client_file(cli, "cursor"), "cursor", "board")
    assert entry["env"] == {
        "FUSEBOARD_CONFIG": str(cli.home / "other.yaml"),
        "FUSEBOARD_ACCESS__READ_ONLY": "true",
        "FUSEBOARD_TOY_URL": "http://x",
        "FUSEBOARD_LOAD_PLUGINS": "toy",
        "FUSEBOARD_BLOCK_PLUGINS": "noisy,idle",
    }
    assert ran.err == ""


def test_secrets_are_named_and_written_only_when_it_is_said(cli: Cli) -> None:
    install(cli.site, "toy", SETTINGS)
    at_home(cli)
    secrets = {"FUSEBOARD_TOY_SEAL": "s3cret", "FUSEBOARD_TOY_ACCOUNT": '{"password": "s3cret"}'}
    ran = cli("install", "claude-code", FUSEBOARD_TOY_URL="http://x", **secrets)
    path = client_file(cli, "claude-code")
    assert entry_in(path, "claude-code")["env"] == {"FUSEBOARD_LOAD_PLUGINS": "toy", "FUSEBOARD_TOY_URL": "http://x"}
    assert "not written, since they are secrets: FUSEBOARD_TOY_ACCOUNT, FUSEBOARD_TOY_SEAL; give them" in ran.err
    assert "s3cret" not in ran.out + ran.err
    path.unlink()
    ran = cli("install", "claude-code", "--with-secrets", **secrets)
    assert ran.err == ""
    assert entry_in(path, "claude-code")["env"] == {"FUSEBOARD_LOAD_PLUGINS": "toy", **secrets}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "s3cret" not in ran.out + ran.err
    path.chmod(0o644)
    again = cli("install", "claude-code", "--with-secrets", "--dry-run", **secrets)
    assert f"other users of this machine can read the secrets in {path}; if they should not: chmod 600" in again.err
    shared = cli("install", "claude-code", "--project", "--with-secrets", **secrets)
    assert (cli.home / ".mcp.json").is_file()
    assert "now holds secrets: keep it out of version control" in shared.err


def test_a_value_that_the_client_would_fill_in_itself_is_told(cli: Cli) -> None:
    install(cli.site, "toy", SETTINGS)
    at_home(cli)
    told = "FUSEBOARD_TOY_SEAL holds ${...}, which VS Code fills in; give it in a .env"
    secret = {"FUSEBOARD_TOY_SEAL": "s3${cr}et"}
    ran = cli("install", "vscode", "--with-secrets", "--dry-run", **secret)
    assert told in ran.err
    assert "s3${cr}et" not in ran.out + ran.err
    assert cli("install", "claude-desktop", "--with-secrets", "--dry-run", **secret).err == ""


def test_a_dotenv_comes_along_unless_the_client_finds_it_beside_the_settings_file(cli: Cli) -> None:
    install(cli.site, "toy", SETTINGS)
    at_home(cli)
    cli.write(".env", "FUSEBOARD_TOY_URL=http://dotenv\n")
    assert cli("install", "cursor").code == 0
    path = client_file(cli, "cursor")
    assert entry_in(path, "cursor")["env"] == {
        "FUSEBOARD_LOAD_PLUGINS": "toy",
        "FUSEBOARD_TOY_URL": "http://dotenv",
    }
    cli.write("fuseboard.yaml", "{}\n")
    cli.write(".env", "FUSEBOARD_TOY_URL=http://dotenv\nFUSEBOARD_TOY_SEAL=s3cret\n")
    path.unlink()
    ran = cli("install", "cursor")
    assert (ran.code, ran.err) == (0, "")
    assert entry_in(path, "cursor")["env"] == {
        "FUSEBOARD_CONFIG": str(cli.home / "fuseboard.yaml"),
        "FUSEBOARD_LOAD_PLUGINS": "toy",
    }


def test_a_plugin_that_cannot_be_asked_for_its_settings_is_told_and_the_rest_is_done(cli: Cli) -> None:
    install(cli.site, "broken", "import a_module_that_nobody_has")
    install(cli.site, "hanging", "import threading; threading.Event().wait()")
    at_home(cli)
    ran = cli("install", "cursor", FUSEBOARD_FUSES__HANGING__IMPORT_TIMEOUT="0.5")
    assert ran.code == 0, ran.err
    assert "broken: its settings are not known (ModuleNotFoundError" in ran.err
    assert "hanging: its settings are not known (its import does not end)" in ran.err
    assert client_file(cli, "cursor").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["emacs"], "'emacs' is not one of"),
        ([], "Missing argument 'CLIENT'"),
        (["cursor", "--name", " "], "' ' is no name for an entry"),
        (["cursor", "--name", "a\nb"], "'a\\nb' is no name for an entry"),
        (["cursor", "--plugin", "toyy"], "no plugin 'toyy' is installed; did you mean toy?"),
        (["claude-desktop", "--project"], "Claude Desktop has no file per project; leave --project out"),
    ],
)
def test_wrong_usage_is_one_line_and_nothing_is_written(cli: Cli, words: list[str], said: str) -> None:
    install(cli.site, "toy")
    home = at_home(cli)
    ran = cli("install", *words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
    assert list(home.iterdir()) == []


def test_the_command_is_the_program_that_was_typed_else_the_one_beside_python_else_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fuseboard.desktop_clients.entry import own_command

    for folder in ("typed", "bin"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "fuseboard").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "typed" / "fuseboard")])
    assert own_command() == [str(tmp_path / "typed" / "fuseboard")]
    monkeypatch.setattr(sys, "argv", ["/x/fuseboard/__main__.py"])
    assert own_command() == [str(tmp_path / "bin" / "fuseboard")]
    (tmp_path / "bin" / "fuseboard").unlink()
    assert own_command() == [str(tmp_path / "bin" / "python"), "-m", "fuseboard"]


def test_a_file_that_another_program_changes_meanwhile_is_left_as_that_program_wrote_it(tmp_path: Path) -> None:
    from datetime import datetime

    from fuseboard.desktop_clients.client_file import read, write
    from fuseboard.errors import FuseboardError

    path = tmp_path / "mcp.json"
    path.write_text("{}", encoding="utf-8")
    file = read(path)
    path.write_text('{"new": 1}', encoding="utf-8")
    with pytest.raises(FuseboardError, match="another program has just changed it; run the command again"):
        write(file, '{"ours": 1}', private=False, now=datetime(2026, 1, 2, 3, 4, 5))
    assert json.loads(path.read_text(encoding="utf-8")) == {"new": 1}
    assert sorted(os.listdir(tmp_path)) == ["mcp.json"]
