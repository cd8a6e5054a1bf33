"""`fuseboard` as a real process, with toy plugins and nothing else of the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LONGEST_RUN = 600
"""Seconds after which a run counts as one that never ends: some grade four plugins, on a machine that is busy."""

COMMAND = [sys.executable, "-m", "fuseboard"]


@dataclass(frozen=True)
class Ran:
    """What a run left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output as JSON."""
        return json.loads(self.out)


@dataclass
class Cli:
    """Runs `fuseboard` in an empty working directory.

    Attributes:
        home: the working directory.
        site: where toy distributions are installed.
        variables: more environment variables.
    """

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def site(self) -> Path:
        return self.home / "site"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the process: nothing of the developer's own fuseboard, and only toys are loaded."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("FUSEBOARD_")}
        toys = ",".join(sorted(path.stem.removeprefix("toy_") for path in self.site.glob("toy_*.py")))
        return own | {"PYTHONPATH": str(self.site), "FUSEBOARD_LOAD_PLUGINS": toys} | self.variables

    def __call__(self, *words: str, stdin: bytes = b"", **variables: str) -> Ran:
        """Run to the end; lone surrogates of the output come back as they are."""
        done = subprocess.run(
            [*COMMAND, *words],
            cwd=self.home,
            env=self.environment | variables,
            input=stdin,
            capture_output=True,
            timeout=LONGEST_RUN,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def write(self, name: str, text: str) -> None:
        """Write a file into the working directory."""
        (self.home / name).write_text(text, encoding="utf-8")
