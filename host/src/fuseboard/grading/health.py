"""Health: without a check nobody learns that the plugin's backend is gone, until calls fail."""

from __future__ import annotations

from collections.abc import Iterator

from fuseboard.grading.finding import Finding, warning
from fuseboard.grading.subject import Subject
from fuseboard.naming import HOUSE


def findings(subject: Subject) -> Iterator[Finding]:
    """A plugin without a health check."""
    if subject.came_up and not subject.health_checks and subject.found.name != HOUSE:
        advice = "implement register_health_checks: an async function that returns None or the reason"
        yield warning("health-missing", "", "it has no health check", advice)
