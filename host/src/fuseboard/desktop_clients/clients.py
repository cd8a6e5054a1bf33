"""Where each client keeps its list of servers, and what an entry looks like there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fuseboard.errors import FuseboardError


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides where files lie.

    Attributes:
        system: "linux", "darwin" or "win32", as in `sys.platform`.
        home: the user's folder.
        here: the working directory: where a project's own file lies.
        variables: the environment.
    """

    system: str
    home: Path
    here: Path
    variables: Mapping[str, str]

    def settings_folder(self) -> Path:
        """Where programs keep a user's settings."""
        if self.system == "win32":
            return Path(self.variables.get("APPDATA") or self.home / "AppData" / "Roaming")
        if self.system == "darwin":
            return self.home / "Library" / "Application Support"
        moved = Path(self.variables.get("XDG_CONFIG_HOME", ""))
        # The XDG specification has a relative one ignored, and no shell has filled in a "~" that is still there.
        return moved if moved.is_absolute() else self.home / ".config"


@dataclass(frozen=True, slots=True)
class Client:
    """One client.

    Attributes:
        name: on the command line.
        title: as people call it.
        section: the member of its file that holds the servers.
        user_file: where the user's file lies.
        project_file: where a project's file lies, below the project's folder; None: it has none.
        typed: whether an entry says `"type": "stdio"`.
        comments: whether its file may have comments and trailing commas.
        starts_at_root: whether it starts servers in the root folder, not in a project's.
        reload: what the user does for a change to be seen.
        references: which references in an entry it puts values in for: "" none, "shell" `${NAME}` and
            `${NAME:-default}`, "editor" `${env:NAME}` and its own names, such as `${userHome}`.
        asks: whether it asks its user for values, `${input:ID}`.
        reads: the members of an entry that it reads beside those that all clients do.
    """

    name: str
    title: str
    section: str
    user_file: Callable[[Machine], Path]
    project_file: str | None
    typed: bool
    comments: bool
    starts_at_root: bool
    reload: str
    references: Literal["", "shell", "editor"] = ""
    asks: bool = False
    reads: tuple[str, ...] = ()

    @property
    def install(self) -> str:
        """The command that adds fuseboard to it."""
        return f"fuseboard install {self.name}"

    def file(self, machine: Machine, *, project: bool = False) -> Path:
        """Where its file lies, there or not.

        Raises:
            FuseboardError: a project's file is wanted, and it has none.
        """
        if not project:
            return self.user_file(machine)
        if self.project_file is None:
            raise FuseboardError(f"{self.title} has no file per project; leave --project out")
        return machine.here / self.project_file


def _claude_desktop(machine: Machine) -> Path:
    plain = machine.settings_folder() / "Claude"
    if machine.system == "win32":
        local = Path(machine.variables.get("LOCALAPPDATA") or machine.home / "AppData" / "Local")
        # Windows keeps the files of an app from the Store apart; the app sees this folder as its roaming one.
        for package in sorted((local / "Packages").glob("Claude_*")):
            if (store := package / "LocalCache" / "Roaming" / "Claude").is_dir():
                plain = store
    return plain / "claude_desktop_config.json"


def _claude_code(machine: Machine) -> Path:
    return Path(machine.variables.get("CLAUDE_CONFIG_DIR") or machine.home) / ".claude.json"


def _cursor(machine: Machine) -> Path:
    return machine.home / ".cursor" / "mcp.json"


def _vscode(machine: Machine) -> Path:
    return machine.settings_folder() / "Code" / "User" / "mcp.json"


CLIENTS: Mapping[str, Client] = {
    client.name: client
    for client in (
        Client(
            "claude-desktop", "Claude Desktop", "mcpServers", _claude_desktop, None,
            typed=False, comments=False, starts_at_root=True, reload="quit Claude Desktop and start it again",
        ),
        Client(
            "claude-code", "Claude Code", "mcpServers", _claude_code, ".mcp.json",
            typed=True, comments=False, starts_at_root=False, reload="start a new session of Claude Code",
            references="shell",
        ),
        Client(
            "cursor", "Cursor", "mcpServers", _cursor, ".cursor/mcp.json",
            typed=False, comments=True, starts_at_root=False, reload="reload the window of Cursor",
            references="editor", reads=("envFile",),
        ),
        Client(
            "vscode", "VS Code", "servers", _vscode, ".vscode/mcp.json",
            typed=True, comments=True, starts_at_root=False, reload="reload the window of VS Code",
            references="editor", asks=True, reads=("cwd", "envFile"),
        ),
    )
}  # fmt: skip
"""By their names on the command line."""
