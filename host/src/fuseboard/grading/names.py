"""Names that a model reads and a client has to accept."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fuseboard.grading.finding import Finding, error, warning
from fuseboard.grading.subject import Subject

PLAIN = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 48
"""Letters of a public name: some clients write `mcp__fuseboard__` before it and refuse more than 64 in all."""


def findings(subject: Subject) -> Iterator[Finding]:
    """Names that are not served, too long, of another style, or that say the plugin's name twice."""
    for text in subject.row.not_served:
        yield error("name-not-served", "", text, "choose another name")
    for place, item in subject.named():
        public = f"{subject.prefix}{item.name}"
        if PLAIN.fullmatch(item.name) is None:
            text = f"the name {item.name!r} is not lower-case words joined by _"
            yield warning("name-style", place, text, "models guess such names right more often: rename it")
        if len(public) > LONGEST:
            text = f"the public name has {len(public)} letters; clients that add their own prefix allow {LONGEST}"
            yield warning("name-long", place, text, "choose a shorter name")
        if subject.prefix and item.name.startswith(subject.prefix):
            text = f"the public name says {subject.prefix.rstrip('_')!r} twice"
            yield warning("name-twice", place, text, f"leave {subject.prefix} out: the host adds it")
