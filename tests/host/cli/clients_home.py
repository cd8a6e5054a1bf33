"""A home folder with the files of desktop clients, as people really have them."""

from __future__ import annotations

import io
import json
import os
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Any
from unittest.mock import patch

from fuseboard.cli.console import Console
from fuseboard.cli.root import root
from fuseboard.cli.session import Session
from fuseboard.errors import FuseboardError
from tests.host.cli.running import Cli, Ran

CLAUDE_DESKTOP = """\
{
  "globalShortcut": "Ctrl+Space",
  "mcpServers": {
    "filesystem": {
      "command": "npx",
      "args": ["-y", "@modelcontextprotocol/server-filesystem", "/home/me/fuseboard"]
    },
    "github": {
      "command": "docker",
      "args": ["run", "-i", "--rm", "-e", "GITHUB_TOKEN", "ghcr.io/github/github-mcp-server"],
      "env": {
        "GITHUB_TOKEN": "ghp_neighbour"
      }
    }
  }
}
"""
CLAUDE_CODE = """\
{
  "numStartups": 34,
  "oauthAccount": {"emailAddress": "me@example.org"},
  "projects": {
    "/home/me/project": {"allowedTools": [], "mcpServers": {}, "history": [{"display": "hëllo \\u00e9 // no comment"}]}
  },
  "mcpServers": {}
}
"""
CURSOR = '{"mcpServers":{"linear":{"url":"https://mcp.linear.app/sse"}}}'
VSCODE = """\
// My servers.
{
\t"inputs": [
\t\t{ "type": "promptString", "id": "key", "password": true }, // asked once
\t],
\t"servers": {
\t\t/* the browser,
\t\t   for tests */
\t\t"playwright": { "command": "npx", "args": ["@playwright/mcp@latest"] }, // keep
\t},
}
"""
FILES = {"claude-desktop": CLAUDE_DESKTOP, "claude-code": CLAUDE_CODE, "cursor": CURSOR, "vscode": VSCODE}
PLACES = {
    "claude-desktop": "home/.config/Claude/claude_desktop_config.json",
    "claude-code": "home/.claude.json",
    "cursor": "home/.cursor/mcp.json",
    "vscode": "home/.config/Code/User/mcp.json",
}
SECTIONS = {"claude-desktop": "mcpServers", "claude-code": "mcpServers", "cursor": "mcpServers", "vscode": "servers"}


def at_home(cli: Cli) -> Path:
    """Give the command line a home folder of its own; the working directory is beside it, as a project's."""
    home = cli.home / "home"
    home.mkdir(exist_ok=True)
    # Wherever this checkout lies, what is temporary lies elsewhere: else every command would be told to vanish.
    temporary = cli.home / "tmp"
    temporary.mkdir(exist_ok=True)
    moved = dict.fromkeys(("XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "APPDATA", "LOCALAPPDATA"), "")
    cli.variables.update({"HOME": str(home), "TMPDIR": str(temporary), **moved})
    return home


def client_file(cli: Cli, client: str, text: str | bytes | None = None) -> Path:
    """Where the client's file lies in that home; written if a text is given."""
    path = cli.home / PLACES[client]
    if text is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def entry_in(path: Path, client: str, name: str = "fuseboard") -> Any:
    """The entry in a strict JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))[SECTIONS[client]][name]


def backups(path: Path) -> list[Path]:
    """The backups beside a file."""
    return sorted(path.parent.glob(f"{path.name}.backup-*"))


def run_here(cli: Cli, *words: str) -> Ran:
    """Run a command that loads no plugin in this process: most of a real run is the start of Python."""
    out, err = io.StringIO(), io.StringIO()
    # These commands never touch the wire: nothing is served.
    session = Session(None, Console(out, err))  # type: ignore[arg-type]
    temporary = patch.object(tempfile, "tempdir", cli.environment.get("TMPDIR"))
    with patch.dict(os.environ, cli.environment, clear=True), temporary, chdir(cli.home):
        try:
            code = int(root.main(list(words), prog_name="fuseboard", standalone_mode=False, obj=session) or 0)
        except FuseboardError as error:
            session.console.error(str(error))
            code = 2
    return Ran(code, out.getvalue(), err.getvalue())
