"""Where settings come from: the environment, `.env` files and the YAML file, each value with the name of its source.

Nothing here knows which settings exist; `settings.py` lays the layers over each other and validates the result.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuseboard.errors import SettingsError

ENV_PREFIX = "FUSEBOARD_"
DEFAULT_FILE = Path("fuseboard.yaml")
SettingPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable, or one line of a `.env` file.

    Attributes:
        text: its value.
        source: how an operator finds it, for example "environment FUSEBOARD_HTTP__PORT".
    """

    text: str
    source: str


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The YAML file as it was read.

    Attributes:
        path: where it is.
        content: its settings, nothing checked but that keys are unique texts.
        lines: the line (from 1) of each setting.
    """

    path: Path
    content: Mapping[str, Any]
    lines: Mapping[SettingPath, int] = field(default_factory=dict)

    def source(self, path: SettingPath) -> str:
        """The file and the line where a setting, or the nearest section around it, stands."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return f"{shown(self.path)}:{self.lines[path[:length]]}"
        return shown(self.path)


@dataclass(slots=True)
class Layers:
    """Settings laid over each other, the lowest precedence first, with the source of each value."""

    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[SettingPath, str] = field(default_factory=dict)

    def put(self, path: SettingPath, value: Any, source: str) -> None:
        """Lay one value over whatever is there."""
        place = self.values
        for depth, key in enumerate(path[:-1], start=1):
            if not isinstance(place.get(key), dict):
                place[key] = {}
                self.sources.pop(path[:depth], None)
            place = place[key]
        for old in [known for known in self.sources if known[: len(path)] == path]:
            del self.sources[old]
        place[path[-1]] = value
        self.sources[path] = source

    def put_all(self, values: Mapping[str, Any], source_of: Any) -> None:
        """Lay a tree of settings over what is there; `source_of(path)` names the source of a value."""
        for path, value in leaves(values):
            self.put(path, value, source_of(path))

    def source(self, path: SettingPath) -> str:
        """The source of a value, or of what is nearest to it; "default" if nothing set it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.sources:
                return self.sources[path[:length]]
        return next((source for known, source in self.sources.items() if known[: len(path)] == path), "default")


def leaves(values: Mapping[str, Any], above: SettingPath = ()) -> Iterator[tuple[SettingPath, Any]]:
    """Each value that is no section, with its path. An empty section has no leaves and so sets nothing.

    But an empty role is one that gives nothing: without it there might be no roles, and everybody had all rights.
    """
    for key, value in values.items():
        if isinstance(value, Mapping) and (value or above != ("access", "roles")):
            yield from leaves(value, (*above, str(key)))
        else:
            yield (*above, str(key)), value


def shown(path: Path) -> str:
    """A file's name as short as it can be said here."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def one_line(text: str) -> str:
    """A text from outside that cannot break a message into lines or rewrite a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def is_file(path: Path) -> bool:
    """Whether a file is there; no where nobody may look, as in the working directory of some desktop clients."""
    try:
        return path.is_file()
    except OSError:
        return False


def environment() -> dict[str, Variable]:
    """The variables of the process."""
    return {name: Variable(text, f"environment {name}") for name, text in os.environ.items()}


def dotenv_variables(directories: list[Path]) -> dict[str, Variable]:
    """The variables of the `.env` files in these directories; the first directory wins.

    Raises:
        SettingsError: a file is there and cannot be read.
    """
    variables: dict[str, Variable] = {}
    for directory in reversed(directories):
        file = directory / ".env"
        if not is_file(file):
            continue
        # Imported here: most processes have no such file, and start-up time is felt by every user.
        from dotenv import dotenv_values

        try:
            found = dotenv_values(file, encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise SettingsError(f"{shown(file)}: cannot be read ({_short(error)}); write it in UTF-8") from None
        variables |= {name: Variable(text, f"{shown(file)} {name}") for name, text in found.items() if text is not None}
    return variables


def setting_of(variable: str, known: Mapping[str, Any]) -> SettingPath | None:
    """The host's setting that a variable sets: `FUSEBOARD_HTTP__PORT` is `http.port`. None if it is none of ours."""
    if not variable.upper().startswith(ENV_PREFIX):
        return None
    path = tuple(variable[len(ENV_PREFIX) :].lower().split("__"))
    return path if path[0] in known and all(path) else None


def read_config(config: Path | None, variables: Mapping[str, Variable]) -> ConfigFile | None:
    """Read the YAML file: the one named by the command line, else by FUSEBOARD_CONFIG, else ./fuseboard.yaml.

    Returns:
        None when no file is named and there is none.

    Raises:
        SettingsError: it is named and missing, or no valid YAML.
    """
    if config is not None:
        return _read(config, f"--config {config}")
    named = variables.get(f"{ENV_PREFIX}CONFIG")
    if named is not None and named.text:
        return _read(Path(named.text), f"{named.source}={named.text}")
    return _read(DEFAULT_FILE, str(DEFAULT_FILE)) if is_file(DEFAULT_FILE) else None


def _read(path: Path, named_by: str) -> ConfigFile:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(f"{named_by}: no such file; create it or name another one") from None
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"{named_by}: cannot be read ({_short(error)}); it must be a UTF-8 text file") from None
    # Imported here for the same reason as dotenv above.
    from fuseboard.settings.yaml_text import parse

    content, lines = parse(text, shown(path))
    return ConfigFile(path, content, lines)


def _short(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "not valid UTF-8"
