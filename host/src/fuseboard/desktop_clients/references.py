"""The references in an entry that a client puts values in for, such as `${NAME}`, `${env:NAME}` or `${input:ID}`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from fuseboard.desktop_clients.clients import Client, Machine

REFERENCE = re.compile(r"\$\{([^${}]*)\}")
SHELL = re.compile(r"(\w+)(?::-(.*))?", re.DOTALL)


@dataclass(slots=True)
class References:
    """Fills in the texts of one entry as a client does, and keeps what it could not fill in.

    Attributes:
        client: whose rules hold. Sources: the pages on MCP servers of Claude Code, Cursor and VS Code; Claude Desktop
            hands everything over as it stands.
        machine: the environment, where its user is at home, and the project's folder.
        inputs: the ids of what its file says the client asks its user for.
        troubles: a sentence for each reference that leads nowhere.
        asked: the references whose value only the client or its user knows.
    """

    client: Client
    machine: Machine
    inputs: Sequence[str] = ()
    troubles: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def fill(self, text: str, place: str) -> str:
        """The text with its references replaced; those without a value stay.

        Args:
            text: of the entry.
            place: where it stands in it, for the troubles.
        """
        return REFERENCE.sub(lambda match: self._value(match, place), text)

    def _value(self, match: re.Match[str], place: str) -> str:
        name = match[1]
        if self.client.references == "shell" and (found := SHELL.fullmatch(name)):
            return self._variable(match[0], found[1], found[2])
        if self.client.references == "editor":
            if name.startswith("env:"):
                return self._variable(match[0], name.removeprefix("env:"))
            if name in (names := self._names()):
                return names[name]
            if self.client.asks and ":" in name:
                return self._ask(match[0], name)
        # What is in the braces may be a part of a password.
        self._trouble(f"{self.client.title} puts nothing in for the ${{...}} of its {place}; write the value")
        return match[0]

    def _variable(self, reference: str, name: str, default: str | None = None) -> str:
        value = self.machine.variables.get(name, default)
        if value is None:
            self._trouble(f"{reference} is not set here; set {name} where {self.client.title} is started")
            return reference
        return value

    def _names(self) -> dict[str, str]:
        here = self.machine.here
        return {
            "userHome": str(self.machine.home),
            "workspaceFolder": str(here),
            "workspaceFolderBasename": here.name,
            "pathSeparator": os.sep,
            "/": os.sep,
        }

    def _ask(self, reference: str, name: str) -> str:
        kind, _, identifier = name.partition(":")
        if kind == "input" and identifier not in self.inputs:
            self._trouble(f"{reference} is asked for, and inputs of the file has nothing with this id; add it there")
        elif reference not in self.asked:
            self.asked.append(reference)
        return reference

    def _trouble(self, text: str) -> None:
        if text not in self.troubles:
            self.troubles.append(text)
