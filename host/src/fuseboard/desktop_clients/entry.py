"""Our entry in a client's file: how fuseboard is started, with the environment that it needs and nothing more."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from fuseboard.settings import LoadedSettings
from fuseboard.settings.sources import ENV_PREFIX, dotenv_variables, setting_of

PROGRAM = "fuseboard"
# What `fuseboard stdio` reads; the HTTP surface and its keys are nothing to a desktop client.
CARRIED = dict.fromkeys(("load_plugins", "block_plugins", "access", "fuses", "plugins", "log"))
# uvx fuseboard@latest, uvx --from fuseboard==0.1 fuseboard, python -mfuseboard
OURS = re.compile(rf"(?:-m)?{PROGRAM}(?:\[[\w,. -]*\])?(?:\s*[@=<>~!].*)?")
WINDOWS_ENDING = re.compile(r"\.(?:exe|cmd|bat)$", re.IGNORECASE)
# Where `pipx run` keeps an environment for two weeks, on Linux, macOS, Windows, and in its older versions.
RUN_BY_PIPX = frozenset({(".cache", "pipx"), ("caches", "pipx"), ("pipx", "cache"), ("pipx", ".cache")})
CONFIG = f"{ENV_PREFIX}CONFIG"
LOAD = f"{ENV_PREFIX}LOAD_PLUGINS"
BLOCK = f"{ENV_PREFIX}BLOCK_PLUGINS"
# An entry says anew on each run which file and which plugins: what an earlier run said of them goes.
CHOSEN_ANEW = (CONFIG, LOAD, BLOCK)


@dataclass(frozen=True, slots=True)
class Start:
    """How a client shall start fuseboard.

    Attributes:
        command: absolute.
        args: its arguments.
        variables: the environment that it needs.
        secrets: names of the variables that hold secrets, taken or not.
        unknown: a sentence for each plugin whose settings could not be asked for.
    """

    command: str
    args: Sequence[str]
    variables: Mapping[str, str]
    secrets: Sequence[str] = ()
    unknown: Sequence[str] = ()

    def entry(self, *, typed: bool) -> dict[str, Any]:
        """As a client writes it."""
        kind = {"type": "stdio"} if typed else {}
        variables = {"env": dict(self.variables)} if self.variables else {}
        return {**kind, "command": self.command, "args": list(self.args), **variables}


@dataclass(slots=True)
class _Taken:
    variables: dict[str, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def start_of(loaded: LoadedSettings, *, plugins: Sequence[str], blocked: Sequence[str], with_secrets: bool) -> Start:
    """How a client starts what runs here: the same program, file, plugins and settings.

    Args:
        loaded: the settings, with `plugins` and `blocked` applied.
        plugins: to load, of the command line; empty: as the settings say.
        blocked: of the command line.
        with_secrets: take secrets as well.
    """
    taken = _Taken()
    if loaded.file is not None:
        taken.variables[CONFIG] = os.path.abspath(loaded.file.path)
    _take(loaded, taken, with_secrets=with_secrets)
    if plugins:
        taken.variables[LOAD] = ",".join(plugins)
    if blocked:
        taken.variables[BLOCK] = ",".join(loaded.settings.block_plugins)
    command, *args = own_command()
    return Start(command, args, taken.variables, taken.secrets, taken.unknown)


def own_command() -> list[str]:
    """The program that runs now, absolute: `fuseboard` of this environment, else its Python with `-m fuseboard`."""
    ending = ".exe" if sys.platform == "win32" else ""
    beside = Path(os.path.abspath(sys.executable)).with_name(PROGRAM + ending)
    # What was typed comes first: the link that pipx or uv made stays when they build the environment behind it anew.
    called = Path(os.path.abspath(sys.argv[0]))
    for path in (called, beside):
        if path.name.removesuffix(".exe") == PROGRAM and path.is_file() and os.access(path, os.X_OK):
            return [str(path)]
    return [os.path.abspath(sys.executable), "-m", PROGRAM]


def is_short_lived(command: str) -> bool:
    """Whether a program lies where it will be swept away: in a temporary folder, or in a cache of uvx or `pipx run`."""
    parts = Path(command).parts
    swept = any(part.startswith(("archive-v", "environments-v", "builds-v")) for part in parts)
    swept = swept or any(pair in RUN_BY_PIPX for pair in pairwise(part.lower() for part in parts))
    return swept or Path(command).is_relative_to(tempfile.gettempdir())


def runs_fuseboard(entry: object) -> bool:
    """Whether an entry of a client's file starts fuseboard, in whatever way."""
    if not isinstance(entry, dict) or not isinstance(entry.get("command"), str):
        return False
    program = WINDOWS_ENDING.sub("", re.split(r"[\\/]", entry["command"])[-1])
    args = entry.get("args")
    # uvx fuseboard, pipx run fuseboard, python -m fuseboard; a folder of that name is another server's business.
    texts = [arg for arg in args if isinstance(arg, str)] if isinstance(args, list) else []
    return program == PROGRAM or any(OURS.fullmatch(text) for text in texts)


def _take(loaded: LoadedSettings, taken: _Taken, *, with_secrets: bool) -> None:
    """Take what is set here, beyond the file, for the host and for the plugins that would be loaded."""
    from fuseboard.settings.plugin_variables import is_secret_value, variables_of

    given = {**loaded.dotenv, **loaded.environment}
    # A `.env` beside the file is found by whoever starts with the file; one in the working directory is not.
    found = dotenv_variables([loaded.file.path.parent]) if loaded.file is not None else {}
    texts = {name: variable.text for name, variable in given.items()}
    texts = {name: text for name, text in texts.items() if name not in found or found[name].text != text}
    secret = {name: False for name in texts if (path := setting_of(name, CARRIED)) and path[0] != "plugins"}
    for plugin, cls in _settings_classes(loaded, taken):
        secret |= variables_of(plugin, cls, texts)
    for name in sorted(secret):
        if secret[name] or is_secret_value(name, texts[name]):
            taken.secrets.append(name)
        if with_secrets or name not in taken.secrets:
            taken.variables[name] = texts[name]


def _settings_classes(loaded: LoadedSettings, taken: _Taken) -> list[tuple[str, Any]]:
    """The settings classes of the plugins that would be loaded; each is asked on a thread of its own."""
    from fuseboard.discovery import discover

    candidates = [found for found in discover(loaded.settings) if found.verdict is None]
    if not candidates:
        return []
    from fuseboard.plugin_hooks import PluginHooks
    from fuseboard.reasons import reason_of

    answers: dict[str, Any] = {}

    def ask(name: str, load: Any) -> None:
        try:
            answers[name] = PluginHooks(name, load()).settings_class()
        except BaseException as error:
            answers[name] = error

    for found in candidates:
        thread = threading.Thread(target=ask, args=(found.name, found.entry_point.load), daemon=True)
        thread.start()
        thread.join(loaded.settings.fuse(found.name).import_timeout)
    classes = []
    for found in candidates:
        answer = answers.get(found.name, TimeoutError())
        if isinstance(answer, BaseException):
            reason = "its import does not end" if isinstance(answer, TimeoutError) else reason_of(answer)
            taken.unknown.append(f"{found.name}: its settings are not known ({reason}), so none of them was taken")
        else:
            classes.append((found.name, answer))
    return classes
