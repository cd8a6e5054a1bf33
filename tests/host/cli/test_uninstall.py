"""`fuseboard uninstall` takes back what `fuseboard install` wrote, and nothing else."""

from __future__ import annotations

import os

import pytest

from tests.host.cli.clients_home import FILES, at_home, backups, client_file, run_here
from tests.host.cli.running import Cli


@pytest.mark.parametrize("client", sorted(FILES))
def test_what_install_wrote_is_taken_back_to_the_byte(cli: Cli, client: str) -> None:
    at_home(cli)
    path = client_file(cli, client, FILES[client])
    assert run_here(cli, "install", client).code == 0
    installed = path.read_bytes()
    tried = run_here(cli, "uninstall", client, "--dry-run")
    assert "would be written" in tried.out
    assert path.read_bytes() == installed
    ran = run_here(cli, "uninstall", client)
    assert ran.code == 0, ran.err
    assert path.read_bytes() == FILES[client].encode()
    assert f"wrote {path}, backup " in ran.out
    assert installed in [saved.read_bytes() for saved in backups(path)]
    assert run_here(cli, "uninstall", client).out == f"{path} has no entry fuseboard; nothing to do\n"


def test_a_client_without_a_file_has_nothing_to_take_back(cli: Cli) -> None:
    home = at_home(cli)
    ran = cli("uninstall", "cursor")
    assert (ran.code, ran.err) == (0, "")
    assert "has no entry fuseboard" in ran.out
    assert os.listdir(home) == []


def test_the_entry_of_another_name_and_file_goes_and_the_others_stay(cli: Cli) -> None:
    at_home(cli)
    for name in ("one", "two"):
        assert run_here(cli, "install", "vscode", "--file", "profile.json", "--name", name).code == 0
    assert run_here(cli, "uninstall", "vscode", "--file", "profile.json", "--name", "one").code == 0
    text = (cli.home / "profile.json").read_text(encoding="utf-8")
    assert '"two"' in text
    assert '"one"' not in text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"mcpServers": {"fuseboard": {"command": "npx"}}}', "does not start fuseboard; remove it by hand"),
        ('{"mcpServers": {"fuseboard": {"command": "/x/fuseboard"}}', "line 1, column 58: expecting ',' delimiter"),
    ],
)
def test_another_server_and_a_broken_file_are_left_untouched(cli: Cli, content: str, said: str) -> None:
    at_home(cli)
    path = client_file(cli, "cursor", content)
    ran = run_here(cli, "uninstall", "cursor")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert path.read_text(encoding="utf-8") == content
    assert backups(path) == []
