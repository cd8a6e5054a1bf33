"""What the stand-in keeps between two commands: one JSON file under a lock, the journal of calls, a file per container.

The files that the real toolkit of dialects A and B keeps are below `State.mcp_home`, and are real.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

JsonObject = dict[str, Any]

SOCKET = "unix:///var/run/docker.sock"
NO_SUCH_HOST = "dial tcp: lookup {host} on 127.0.0.53:53: no such host"


class Failed(Exception):
    """A command that ends: words for standard error, the exit code, words for standard output."""

    def __init__(self, words: str, code: int = 1, said: str = "") -> None:
        super().__init__(words)
        self.words = words
        self.code = code
        self.said = said


class State:
    """The folder of one stand-in.

    Args:
        folder: with `state.json`, `calls.jsonl` and `containers/` in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data: JsonObject = json.loads((folder / "state.json").read_text(encoding="utf-8"))

    @property
    def dialect(self) -> str:
        return str(self.data["dialect"])

    @property
    def servers(self) -> JsonObject:
        return dict(self.data["servers"])

    @property
    def mcp_home(self) -> Path:
        """`<home>/.docker/mcp` of the process: `HOME` is the only switch."""
        return Path(os.environ.get("HOME") or self.data["home"]) / ".docker" / "mcp"

    @contextlib.contextmanager
    def changing(self) -> Iterator[JsonObject]:
        """The data, alone; what was changed is written when the block ends well."""
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.data = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
            yield self.data
            put(self.folder / "state.json", json.dumps(self.data))

    def note_call(self, argv: list[str]) -> None:
        """Write down what was run, with the names of its variables: never their values."""
        line = json.dumps({"argv": ["docker", *argv], "variables": sorted(os.environ), "at": time.time()}) + "\n"
        with (self.folder / "calls.jsonl").open("a", encoding="utf-8") as journal:
            journal.write(line)

    def fault(self, name: str, argv: list[str]) -> JsonObject | None:
        """The fault of this name that is switched on for this command line, if any."""
        line = " ".join(argv)
        return next(
            (one for one in self.data["faults"] if one["name"] == name and line.startswith(one["command"])), None
        )

    def containers(self) -> list[JsonObject]:
        """The containers that live, oldest first."""
        found = []
        for path in (self.folder / "containers").glob("*.json"):
            with contextlib.suppress(OSError, ValueError):
                found.append(json.loads(path.read_text(encoding="utf-8")))
        return sorted(found, key=lambda one: float(one["at"]))

    def check_engine(self, argv: list[str], prefix: str = "") -> None:
        """Refuse when no engine answers: a switch, or an engine that listens at one DOCKER_HOST only."""
        host = os.environ.get("DOCKER_HOST") or SOCKET
        wanted = self.data["docker_host"] or host
        if not self.data["engine"] or self.fault("no-engine", argv) or host != wanted:
            words = f"Cannot connect to the Docker daemon at {host}. Is the docker daemon running?"
            raise Failed(prefix + words)

    def yaml(self, path: Path) -> Any:
        """What a YAML file holds; None where it is missing or empty."""
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return self.parsed_yaml(text)

    def parsed_yaml(self, text: str) -> Any:
        """What YAML text holds.

        Raises:
            Failed: in the words of the parser of the real toolkit.
        """
        if not text.strip():
            return None
        with contextlib.suppress(ValueError):
            return json.loads(text)
        sys.path.append(self.data["site_packages"])
        import yaml

        try:
            return yaml.safe_load(text)
        except yaml.MarkedYAMLError as error:
            problem = (error.problem or "").split(", but")[0].replace("expected the node", "expected node")
            mark = error.context_mark or error.problem_mark
            line = mark.line + 1 if mark else 0
            raise Failed(f"yaml: line {line}: did not find {problem}") from None


def put(path: Path, text: str) -> None:
    """Write a whole file at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def say(words: str) -> None:
    """To standard output, byte for byte."""
    sys.stdout.write(words)
    sys.stdout.flush()


def warn(words: str) -> None:
    """To standard error, byte for byte; nobody has to listen."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(words)
        sys.stderr.flush()


def pretty(value: Any) -> str:
    """JSON with two spaces."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def compact(value: Any) -> str:
    """JSON without a space."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def refuse(words: str, code: int = 1) -> NoReturn:
    """End the command with these words on standard error."""
    raise Failed(words, code)
