"""Instructions: every client pays for them in every conversation."""

from __future__ import annotations

from collections.abc import Iterator

from fuseboard.grading.finding import Finding, warning
from fuseboard.grading.subject import Subject

LONGEST = 800
"""Characters: one short paragraph."""


def findings(subject: Subject) -> Iterator[Finding]:
    """Instructions that are no short paragraph."""
    if len(subject.instructions) > LONGEST:
        text = f"they have {len(subject.instructions)} characters; a short paragraph has at most {LONGEST}"
        yield warning("instructions-long", "instructions", text, "move what one tool needs into its description")
