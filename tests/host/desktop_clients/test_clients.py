"""Where the files of the clients lie on each system."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuseboard.desktop_clients.clients import CLIENTS, Machine
from fuseboard.errors import FuseboardError


@pytest.mark.parametrize(
    ("client", "system", "place"),
    [
        ("claude-desktop", "linux", ".config/Claude/claude_desktop_config.json"),
        ("claude-desktop", "darwin", "Library/Application Support/Claude/claude_desktop_config.json"),
        ("claude-desktop", "win32", "AppData/Roaming/Claude/claude_desktop_config.json"),
        ("claude-code", "linux", ".claude.json"),
        ("claude-code", "win32", ".claude.json"),
        ("cursor", "darwin", ".cursor/mcp.json"),
        ("cursor", "win32", ".cursor/mcp.json"),
        ("vscode", "linux", ".config/Code/User/mcp.json"),
        ("vscode", "darwin", "Library/Application Support/Code/User/mcp.json"),
        ("vscode", "win32", "AppData/Roaming/Code/User/mcp.json"),
    ],
)
def test_a_users_file_lies_where_the_client_looks(client: str, system: str, place: str, tmp_path: Path) -> None:
    machine = Machine(system, tmp_path, tmp_path / "project", {})
    assert CLIENTS[client].file(machine) == tmp_path / place


def test_the_environment_moves_the_folders(tmp_path: Path) -> None:
    variables = {"XDG_CONFIG_HOME": "/x", "CLAUDE_CONFIG_DIR": "/c", "APPDATA": "/a"}
    linux = Machine("linux", tmp_path, tmp_path, variables)
    assert CLIENTS["vscode"].file(linux) == Path("/x/Code/User/mcp.json")
    assert CLIENTS["claude-code"].file(linux) == Path("/c/.claude.json")
    assert CLIENTS["vscode"].file(Machine("win32", tmp_path, tmp_path, variables)) == Path("/a/Code/User/mcp.json")


@pytest.mark.parametrize("moved", ["", "settings", "~/.config"])
def test_a_folder_for_settings_that_is_not_absolute_is_ignored(moved: str, tmp_path: Path) -> None:
    machine = Machine("linux", tmp_path, tmp_path, {"XDG_CONFIG_HOME": moved})
    assert CLIENTS["vscode"].file(machine) == tmp_path / ".config/Code/User/mcp.json"


def test_claude_desktop_from_the_windows_store_reads_the_folder_of_its_package(tmp_path: Path) -> None:
    package = tmp_path / "AppData/Local/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude"
    package.mkdir(parents=True)
    machine = Machine("win32", tmp_path, tmp_path, {})
    assert CLIENTS["claude-desktop"].file(machine) == package / "claude_desktop_config.json"


def test_a_projects_file_lies_in_its_folder_and_claude_desktop_has_none(tmp_path: Path) -> None:
    machine = Machine("linux", tmp_path, tmp_path / "project", {})
    places = {name: CLIENTS[name].file(machine, project=True) for name in ("claude-code", "cursor", "vscode")}
    assert places == {
        "claude-code": tmp_path / "project/.mcp.json",
        "cursor": tmp_path / "project/.cursor/mcp.json",
        "vscode": tmp_path / "project/.vscode/mcp.json",
    }
    with pytest.raises(FuseboardError, match="Claude Desktop has no file per project"):
        CLIENTS["claude-desktop"].file(machine, project=True)
