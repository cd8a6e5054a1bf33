"""Silence: standard output belongs to the protocol."""

from __future__ import annotations

from collections.abc import Iterator

from fuseboard.grading.finding import Finding, warning
from fuseboard.grading.subject import Subject


def findings(subject: Subject) -> Iterator[Finding]:
    """What the plugin printed while it was imported, started, asked, called and stopped."""
    row = subject.row
    if row.noisy:
        first = row.noise[0] if row.noise else ""
        text = f"it printed {row.noisy} lines to standard output, such as {first[:80]!r}"
        yield warning("output-printed", "", text, "use logging: another host would send it to the client as protocol")
