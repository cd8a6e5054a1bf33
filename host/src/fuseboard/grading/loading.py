"""Whether the plugin comes up at all; a backend that is missing here is no fault of the plugin."""

from __future__ import annotations

from collections.abc import Iterator

from fuseboard.grading.finding import Finding, error, warning
from fuseboard.grading.subject import Subject
from fuseboard.ledger import SLOW_IMPORT

DEAR_IMPORT = 5000.0
"""Milliseconds."""


def findings(subject: Subject) -> Iterator[Finding]:
    """State, stage and reason of a plugin that is not served; an import that takes long."""
    row = subject.row
    if not subject.came_up:
        place = f"stage {row.stage}" if row.stage else ""
        yield error(f"plugin-{row.state}", place, row.reason, "mend this first: nothing else of the plugin was graded")
    taken = row.import_ms
    if taken is not None and taken > SLOW_IMPORT:
        make = error if taken > DEAR_IMPORT else warning
        text = f"the import takes {taken / 1000:.1f} s; more than {SLOW_IMPORT / 1000:g} s is felt at each start"
        advice = "import what is heavy inside the function that needs it; python -X importtime shows what is heavy"
        yield make("import-slow", "stage import", text, advice)
