"""What the distribution says of itself, before anything is imported."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fuseboard.grading.finding import Finding, warning
from fuseboard.grading.subject import Subject
from fuseboard.naming import HOUSE


def findings(subject: Subject) -> Iterator[Finding]:
    """The summary, which clients read while the plugin loads, and the requirement of the host."""
    found = subject.found
    if found.name == HOUSE:
        return
    if not found.summary:
        text = f"distribution {found.distribution} has no summary; it is shown while the plugin loads"
        yield warning("summary-missing", "metadata", text, "add description to [project] of pyproject.toml")
    if not any(re.match(r"fuseboard(?![\w.-])", line.strip(), re.IGNORECASE) for line in found.requires):
        text = f"distribution {found.distribution} does not say which fuseboard it needs"
        yield warning("host-not-required", "metadata", text, 'add a range to dependencies: "fuseboard>=0.1,<0.2"')
