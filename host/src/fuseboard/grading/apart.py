"""Grades one plugin in a process of its own: its import is timed alone, and it may end that process as it likes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from tempfile import TemporaryFile
from time import monotonic
from typing import IO, Any
from uuid import uuid4

from fuseboard.discovery import Found
from fuseboard.grading import left_behind
from fuseboard.grading.finding import Finding, error
from fuseboard.strict_json import one_line

LONGEST = 300.0
"""Seconds for everything; each stage, each check and each trial call has a deadline of its own."""
MEASURED = ("import-slow", "stop-slow", "stop-abandoned")
"""What the clock alone finds: a machine that does something else for a moment makes such a finding as well."""
REPEATED = (MEASURED, ("import-slow",))
"""What is looked at a second and a third time. The first import after an installation compiles the modules."""
YARDSTICK = "import fuseboard.host"
FIGURES: dict[str, Any] = {"import_ms": None, "stop_ms": None, "tools": 0, "tokens": 0, "called": []}
"""What is measured, and what stands for it where nothing could be."""


@dataclass(frozen=True, slots=True)
class Grade:
    """What became of one plugin.

    Attributes:
        found: the plugin.
        findings: errors first.
        figures: how long its import and its stop took, what its tools cost, how many they are, which were called.
    """

    found: Found
    findings: Sequence[Finding]
    figures: dict[str, Any] = field(default_factory=FIGURES.copy)

    def without(self, codes: Sequence[str]) -> Grade:
        """The same grade without the findings that its reader does not want."""
        return replace(self, findings=[one for one in self.findings if one.code not in codes])

    def passes(self, strict: bool) -> bool:
        """Whether nothing of it is wrong; with `strict`, whether nothing could be better."""
        return not self.findings if strict else all(one.severity != "error" for one in self.findings)


def grade_apart(found: Found, words: Sequence[str]) -> Grade:
    """Grade a plugin in another process.

    What the clock found counts when it is found each time.

    Args:
        found: the plugin.
        words: more words of the command line, such as `--call`.
    """
    if found.verdict is not None and found.verdict[0] != "blocked":
        state, reason = found.verdict
        return Grade(found, [error(f"plugin-{state}", "metadata", reason, "mend this first: it is never imported")])
    grade = _graded_once(found, words)
    for codes in REPEATED:
        suspected = {one.code for one in grade.findings}.intersection(MEASURED)
        if not suspected.intersection(codes):
            return grade
        again = _graded_once(found, words)
        grade = again.without([code for code in MEASURED if code not in suspected])
    return grade if is_slow_here(grade) else grade.without(["import-slow"])


def is_slow_here(grade: Grade) -> bool:
    """Whether the import takes longer than that of the host: else the machine is slow, and not the plugin."""
    begun = monotonic()
    subprocess.run([sys.executable, *_path_of_this_process(), "-c", YARDSTICK], stdin=subprocess.DEVNULL, check=False)
    taken = grade.figures["import_ms"]
    return taken is None or taken / 1000 > monotonic() - begun


def _graded_once(found: Found, words: Sequence[str]) -> Grade:
    graded = ["validate", found.name, "--in-this-process", "--json", *words]
    mark = uuid4().hex
    command = [sys.executable, *_path_of_this_process(), "-m", "fuseboard", *graded]
    # Files and no pipes: a process that the plugin leaves behind would keep a pipe open.
    with TemporaryFile() as out, TemporaryFile() as err:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**os.environ, left_behind.VARIABLE: mark},
                timeout=LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            text = f"it held up its process for more than {LONGEST:g} s"
            return Grade(
                found, [error("process-hangs", "", text, "look for C code that keeps the GIL, or for signals")]
            )
        left = [*left_behind.findings(mark)]
        return _read(found, done.returncode, _all_of(out), _all_of(err), left)


def _all_of(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode(errors="replace")


def _read(found: Found, code: int, out: str, err: str, left: Sequence[Finding]) -> Grade:
    try:
        [form] = json.loads(out)["plugins"]
        findings = [*left, *(Finding.from_json(one) for one in form["findings"])]
        return Grade(found, findings, {name: form[name] for name in FIGURES})
    except (ValueError, KeyError, TypeError):
        said = one_line(err.strip()[-200:])
        text = f"it ended the process that graded it ({_ending(code)}){f': {said}' if said else ''}"
        return Grade(
            found, [error("process-ended", "", text, "look for os._exit, a signal or a crash in C code"), *left]
        )


def _path_of_this_process() -> list[str]:
    """`-m` would put the working directory first, and what lies there before what is installed."""
    try:
        return [] if os.getcwd() in sys.path else ["-P"]
    except OSError:
        return ["-P"]  # the working directory is gone


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
