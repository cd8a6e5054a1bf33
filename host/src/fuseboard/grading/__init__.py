"""Grading a plugin: what `fuseboard validate` finds. One file per kind of finding; `grade` asks them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fuseboard.grading import (
    descriptions,
    health,
    hints,
    instructions,
    loading,
    metadata,
    names,
    noise,
    parameters,
    results,
    schemas,
    settings,
    source,
    tokens,
)
from fuseboard.grading.finding import Finding
from fuseboard.grading.subject import Subject

KINDS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    metadata.findings,
    loading.findings,
    names.findings,
    descriptions.findings,
    parameters.findings,
    results.findings,
    hints.findings,
    schemas.findings,
    source.findings,
    noise.findings,
    health.findings,
    instructions.findings,
    tokens.findings,
    settings.findings,
)


def grade(subject: Subject) -> list[Finding]:
    """Every finding about a plugin that was observed, errors first."""
    found = [*subject.observed, *(finding for findings in KINDS for finding in findings(subject))]
    return sorted(found, key=lambda finding: finding.severity)
