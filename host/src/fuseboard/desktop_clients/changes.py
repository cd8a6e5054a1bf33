"""What `install` and `uninstall` would change, worked out before anything is written, and how it is shown."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuseboard.desktop_clients.client_file import ClientFile, read, real_path
from fuseboard.desktop_clients.clients import Client
from fuseboard.desktop_clients.entry import CHOSEN_ANEW, Start, runs_fuseboard
from fuseboard.desktop_clients.json_text import BrokenText, drop, parse, put
from fuseboard.errors import FuseboardError

STRING = re.compile(r'"(?:[^"\\]|\\.)*"(\s*:)?')
LONGEST_LINE = 160


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one file.

    Attributes:
        file: as it is.
        text: as it shall be.
        shown: values that may be shown: those of our own entry that are no secrets.
        variables: names of the variables that the entry will have.
    """

    file: ClientFile
    text: str
    shown: frozenset[str]
    variables: frozenset[str] = frozenset()

    @property
    def is_needed(self) -> bool:
        """Whether anything changes."""
        return self.file.raw != self.text.encode("utf-8", "surrogatepass")

    def difference(self) -> Iterator[str]:
        """A unified difference. Values of other servers are covered: they hold passwords, and the screen is shared."""
        before = str(self.file.path) if self.file.raw is not None else "/dev/null"
        pieces = (self.file.text.splitlines(), self.text.splitlines())
        lines = difflib.unified_diff(*pieces, before, str(self.file.path), lineterm="")
        for number, line in enumerate(lines):
            yield line if number < 2 else self._covered(line)

    def _covered(self, line: str) -> str:
        def covered(match: re.Match[str]) -> str:
            return match[0] if match[1] or match[0] in self.shown else '"..."'

        line = STRING.sub(covered, line)
        return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} ..."


def installed(client: Client, path: Path, name: str, start: Start) -> Change:
    """The file with our entry, everything else as it is.

    Args:
        client: whose file it is.
        path: of the file, there or not.
        name: of the entry.
        start: what the entry shall say.

    Raises:
        FuseboardError: the file is broken or read-only, or the entry of this name is another server's.
    """
    file, before = _opened(client, path)
    old = _entry(client, path, before, name)
    if old is not None and not runs_fuseboard(old):
        raise FuseboardError(
            f"{path}: {client.section}.{name} is another server; name ours differently: --name, or remove that one"
        )
    new = start.entry(typed=client.typed)
    if isinstance(old, dict):
        kept = {key: value for key, value in _variables(old).items() if key not in CHOSEN_ANEW}
        variables = kept | dict(start.variables)
        new = new | ({"env": variables} if variables or "env" in old else {})
    try:
        text = _with(client, file.text, name, old, new)
    except BrokenText as error:
        raise FuseboardError(f"{path}: {error}; nothing was changed") from None
    _prove(client, path, before, text, name, {**old, **new} if isinstance(old, dict) else new)
    # Claude Desktop takes a file with the mark for broken and throws all servers away, so the mark goes.
    text = f"\ufeff{text}" if file.marked and client.comments else text
    shown = _may_be_shown(old, new, start.variables.keys() - set(start.secrets))
    return Change(file, text, shown, frozenset(_variables(new)))


def uninstalled(client: Client, path: Path, name: str) -> Change | None:
    """The file without our entry; None if there is none.

    Raises:
        FuseboardError: the file is broken or read-only, or the entry of this name is another server's.
    """
    file, before = _opened(client, path)
    old = _entry(client, path, before, name)
    if old is None:
        return None
    if not runs_fuseboard(old):
        raise FuseboardError(
            f"{path}: {client.section}.{name} does not start fuseboard; remove it by hand if you mean it"
        )
    text = drop(file.text, (client.section, name), comments=client.comments)
    _prove(client, path, before, text, name, None)
    return Change(file, f"\ufeff{text}" if file.marked else text, _may_be_shown(old, {}, ()))


def _opened(client: Client, path: Path) -> tuple[ClientFile, dict[str, Any]]:
    """The file and its value; an empty one is an empty object."""
    file = read(path)
    real_path(path)
    try:
        value = parse(file.text, comments=client.comments)
    except BrokenText as error:
        raise FuseboardError(f"{path}: {error}; mend it and run the command again, nothing was changed") from None
    if not isinstance(value, dict):
        raise FuseboardError(f"{path}: must be an object in braces; nothing was changed")
    return file, value


def _entry(client: Client, path: Path, value: dict[str, Any], name: str) -> Any:
    servers = value.get(client.section, {})
    if not isinstance(servers, dict):
        raise FuseboardError(f"{path}: {client.section} must be an object in braces; nothing was changed")
    return servers.get(name)


def _variables(entry: dict[str, Any]) -> dict[str, Any]:
    found = entry.get("env")
    return found if isinstance(found, dict) else {}


def _with(client: Client, text: str, name: str, old: Any, new: dict[str, Any]) -> str:
    """The text with the new entry; of an old one, only what differs is written anew."""
    place, comments = (client.section, name), client.comments
    if not isinstance(old, dict):
        return put(text, place, new, comments=comments)
    text = drop(text, place, comments=comments, keep_last=True)
    for key, value in new.items():
        if key == "env" and isinstance(old.get("env"), dict):
            text = _with_variables(text, (*place, "env"), old["env"], value, comments=comments)
        elif old.get(key) != value:
            text = put(text, (*place, key), value, comments=comments)
    return text


def _with_variables(text: str, place: tuple[str, ...], old: Any, new: Any, *, comments: bool) -> str:
    for key in old:
        if key not in new:
            text = drop(text, (*place, key), comments=comments)
    for key, value in new.items():
        if old.get(key) != value:
            text = put(text, (*place, key), value, comments=comments)
    return text


def _prove(client: Client, path: Path, before: dict[str, Any], text: str, name: str, entry: Any) -> None:
    """See that the new text says what the old one said, and of our entry what it shall say."""
    servers = dict(before.get(client.section, {}))
    servers.pop(name, None)
    expected = before | {client.section: servers | ({name: entry} if entry is not None else {})}
    if parse(text, comments=client.comments) != expected:
        raise FuseboardError(f"{path}: cannot be changed without loss; add the entry by hand, and please report this")


def _may_be_shown(old: Any, new: dict[str, Any], variables: Collection[str]) -> frozenset[str]:
    """The values of our own entry, old and new, that are no secrets; of its environment the named variables."""
    texts: set[object] = {"stdio"}
    for entry in (old if isinstance(old, dict) else {}, new):
        args = entry.get("args")
        texts |= {entry.get("command"), *(args if isinstance(args, list) else ())}
        texts |= {value for key, value in _variables(entry).items() if key in variables or key in CHOSEN_ANEW}
    return frozenset(json.dumps(text, ensure_ascii=False) for text in texts if isinstance(text, str))
