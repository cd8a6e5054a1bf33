"""What a client starts for an entry: the program, its environment and its folder, and what is wrong with them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from fuseboard.desktop_clients.clients import Client, Machine
from fuseboard.desktop_clients.entry import CONFIG, is_short_lived
from fuseboard.desktop_clients.references import References
from fuseboard.desktop_clients.trial import environment


@dataclass(slots=True)
class Launch:
    """A start, as a client would make it.

    Attributes:
        command: the program and its arguments.
        variables: its environment.
        folder: its working directory.
        troubles: a sentence for each thing that is wrong.
        asked: references that only the client or its user has a value for.
        can_start: whether there is a program to start.
    """

    command: list[str]
    variables: dict[str, str]
    folder: Path
    troubles: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    can_start: bool = True


def launch_of(content: Mapping[str, Any], client: Client, machine: Machine, inputs: Sequence[str] = ()) -> Launch:
    """What a client would start.

    Args:
        content: an entry whose command, args and env are of the right types.
        client: whose entry it is.
        machine: where it starts.
        inputs: the ids of what its file says the client asks for.
    """
    references = References(client, machine, inputs)
    command = references.fill(content["command"], "command")
    args = [references.fill(text, "args") for text in content.get("args", ())]
    given = {name: references.fill(text, f"env {name}") for name, text in content.get("env", {}).items()}
    extra = {name: references.fill(content[name], name) for name in client.reads if isinstance(content.get(name), str)}
    launch = Launch([command, *args], {}, Path(machine.here.anchor) if client.starts_at_root else machine.here)
    launch.troubles += references.troubles
    launch.troubles += _unread(content, client)
    launch.asked = references.asked
    if "cwd" in extra:
        _set_folder(launch, extra["cwd"])
    from_file = _env_file(launch, extra["envFile"]) if "envFile" in extra else {}
    launch.variables = environment(from_file | given)
    _find_program(launch, client)
    return launch


def _unread(content: Mapping[str, Any], client: Client) -> Iterator[str]:
    for name in ("cwd", "envFile"):
        if name in content and name not in client.reads:
            yield f"{client.title} documents no {name}, and may pass it over; use env, and absolute paths"
        elif name in content and not isinstance(content[name], str):
            yield f"its {name} must be a text"


def _set_folder(launch: Launch, text: str) -> None:
    folder = launch.folder / os.path.expanduser(text)
    if os.path.isdir(folder):
        launch.folder = folder
    else:
        launch.troubles.append(f"its cwd {text} is no folder; mend the path")
        launch.can_start = False


def _env_file(launch: Launch, text: str) -> dict[str, str]:
    path = launch.folder / os.path.expanduser(text)
    if not os.path.isfile(path):  # a pipe would be waited for
        launch.troubles.append(f"its envFile {text} is not there; mend the path")
        return {}
    try:
        with path.open(encoding="utf-8") as file:
            found = dotenv_values(stream=file, interpolate=False)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        launch.troubles.append(f"its envFile {text} cannot be read ({reason})")
        return {}
    return {name: value for name, value in found.items() if value is not None}


def _find_program(launch: Launch, client: Client) -> None:
    repair = f"run: {client.install}"
    command, *args = launch.command
    program, trouble = _program(command, launch.variables, launch.folder)
    if trouble:
        launch.troubles.append(f"{trouble}; {repair}")
        launch.can_start = False
        return
    if not os.path.isabs(command):
        text = f"its command {command} is found by PATH, which is another one in {client.title}"
        launch.troubles.append(f"{text}; {repair}")
    if is_short_lived(program):
        text = f"{program} is temporary and may vanish; install fuseboard for good, then {repair}"
        launch.troubles.append(text)
    if (config := launch.variables.get(CONFIG)) and not os.path.isfile(launch.folder / config):
        launch.troubles.append(f"its settings file {config} is not there ({CONFIG}); mend the path, or {repair}")
    launch.command = [program, *args]


def _program(command: str, variables: Mapping[str, str], folder: Path) -> tuple[str, str]:
    """The program that would be started, and why it cannot be."""
    if os.sep not in command and "/" not in command:
        found = shutil.which(command, path=variables.get("PATH"))
        return found or command, "" if found else f"its command {command} is not found on PATH"
    path = folder / command
    # Those of `os` take what no path can be, too long or with a zero in it, for something that is not there.
    if not os.path.exists(path):
        above = next((parent for parent in path.parents if os.path.exists(parent)), path)
        return str(path), f"its command {command} is not there (below {above}): was the environment moved or deleted?"
    if not path.is_file() or not os.access(path, os.X_OK):
        return str(path), f"its command {command} is not executable"
    interpreter = _interpreter(path)
    if interpreter and not os.path.exists(interpreter):
        return str(path), f"its command {command} needs {interpreter}, which is not there: was the environment moved?"
    return str(path), ""


def _interpreter(path: Path) -> str:
    """What the first line of a script names; a virtual environment that was moved names its old place."""
    try:
        with path.open("rb") as script:
            first = script.readline(512)
    except OSError:
        return ""
    words = first[2:].decode("utf-8", "replace").split() if first.startswith(b"#!") else []
    return words[0] if words else ""
