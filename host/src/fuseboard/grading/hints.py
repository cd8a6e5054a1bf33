"""Annotations: what a client asks the user about, and what an operator's policy can go by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fuseboard.grading.finding import Finding, error, warning
from fuseboard.grading.subject import Subject

CHANGES = frozenset(
    {
        "add",
        "append",
        "cancel",
        "create",
        "delete",
        "destroy",
        "disable",
        "drop",
        "enable",
        "insert",
        "kill",
        "move",
        "pause",
        "prune",
        "purge",
        "push",
        "put",
        "remove",
        "rename",
        "reset",
        "restart",
        "set",
        "start",
        "stop",
        "store",
        "terminate",
        "update",
        "upload",
        "write",
    }
)
"""First words of names of tools that change something."""


def findings(subject: Subject) -> Iterator[Finding]:
    """Annotations that are missing, contradict each other, or contradict the name."""
    for place, tool in subject.named_tools():
        yield from _of(place, tool.name, tool.annotations)


def _of(place: str, name: str, hints: Mapping[str, Any]) -> Iterator[Finding]:
    reads, destroys = hints.get("readOnlyHint"), hints.get("destructiveHint")
    if reads is None:
        text = "it does not say whether it only reads; clients then take it for destructive"
        yield warning("annotation-missing", place, text, "register it with read_only=True or read_only=False")
    elif not reads and destroys is None:
        text = "it changes something and does not say whether it destroys; clients then assume that it does"
        yield warning("annotation-missing", place, text, "register it with destructive=True or destructive=False")
    if reads and destroys:
        text = "it is marked as read-only and as destructive"
        yield error("annotation-contradiction", place, text, "it cannot be both: leave one out")
    if reads and name.partition("_")[0] in CHANGES:
        text = f"it is marked as read-only, and its name says {name.partition('_')[0]!r}"
        yield warning("annotation-doubtful", place, text, "read-only tools may be called without asking: make sure")
