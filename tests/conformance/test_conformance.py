"""The public conformance suite, run against the real HTTP host with the plugin of this folder."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conformance.hosting import HttpHost
from tests.conformance.node import node, package

pytestmark = pytest.mark.external

SUITE = "@modelcontextprotocol/conformance"
SUITE_SECONDS = 600

# The tasks extension (SEP-2663), which fuseboard does not offer. Everything else must pass, scored or not.
TASKS_EXTENSION = {
    "tasks-capability-negotiation",
    "tasks-dispatch-and-envelope",
    "tasks-lifecycle",
    "tasks-mrtr-composition",
    "tasks-mrtr-input",
    "tasks-request-headers",
    "tasks-request-state-removal",
    "tasks-required-task-error",
    "tasks-wire-fields",
}
NOT_OFFERED: dict[str, set[str]] = {"2025-11-25": set(), "2026-07-28": TASKS_EXTENSION}


@dataclass(frozen=True, slots=True)
class Requirements:
    """The server scenarios of one protocol revision: `scored` ones decide, `reported` ones are run as well."""

    scored: set[str]
    reported: set[str]

    @classmethod
    def of(cls, revision: str) -> Requirements:
        file = package(SUITE) / "requirements" / f"{revision}.yaml"
        listed = yaml.safe_load(file.read_text())
        reported = {entry["scenario"] for entry in listed["not_scored"] if entry["leg"] == "server"}
        return cls(set(listed["server"]), reported)


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
def test_every_server_scenario_of_a_revision_passes_but_for_the_tasks_extension(
    revision: str, host: HttpHost, tmp_path: Path
) -> None:
    """A failed check is a failed scenario; so is a warning where the scenario is scored."""
    required = Requirements.of(revision)
    checks = run_suite(host.url("/mcp"), revision, tmp_path / "results")

    assert checks.keys() == required.scored | required.reported
    problems = {name: found for name in checks if (found := problems_of(checks[name], name in required.scored))}
    unexpected = {name: found for name, found in problems.items() if name not in NOT_OFFERED[revision]}
    assert not unexpected, as_lines(unexpected, host.log)
    assert all(any(check["status"] == "SUCCESS" for check in checks[name]) for name in required.scored)
    assert problems.keys() == NOT_OFFERED[revision], "these pass now, so they are no exception any more"


def run_suite(url: str, revision: str, results: Path) -> dict[str, list[dict[str, Any]]]:
    """Run the suite and return the checks of each scenario."""
    program = package(SUITE) / "dist" / "index.js"
    command = [node(), str(program), "server", "--url", url, "--requirements", revision, "-o", str(results)]
    subprocess.run(command, capture_output=True, timeout=SUITE_SECONDS, check=False, cwd=results.parent)
    found = {}
    for file in results.glob("*/checks.json"):
        name = re.fullmatch(r"server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z", file.parent.name)
        assert name, f"the suite has changed how it names its results: {file.parent.name}"
        found[name[1]] = json.loads(file.read_text())
    return found


def problems_of(checks: list[dict[str, Any]], scored: bool) -> list[str]:
    bad = {"FAILURE", "WARNING"} if scored else {"FAILURE"}
    return [f"{check['id']}: {check.get('errorMessage')}" for check in checks if check["status"] in bad]


def as_lines(problems: dict[str, list[str]], log: Path) -> str:
    lines = [f"{scenario}: {problem}" for scenario, found in sorted(problems.items()) for problem in found]
    return "\n".join(["", *lines, "the host's log ends with:", log.read_text(errors="replace")[-3000:]])
