"""Descriptions: all that a model knows of a tool, a prompt or a resource before it uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fuseboard.grading.finding import Finding, error, warning
from fuseboard.grading.subject import Subject

FEWEST_WORDS = 4
LONGEST = 2000
"""Characters; some clients cut what is longer."""
PLACEHOLDER = re.compile(r"\b(?:todo|fixme|tbd|lorem ipsum|description here)\b", re.IGNORECASE)


def findings(subject: Subject) -> Iterator[Finding]:
    """Descriptions that are missing, say nothing, are too long, or that two tools share."""
    seen: dict[str, str] = {}
    for place, item in _described(subject):
        text = item.strip()
        yield from _of(place, text)
        if place.startswith("tool ") and text:
            if text in seen:
                words = f"it has the same description as {seen[text]}"
                yield warning("description-same", place, words, "say what sets them apart")
            seen.setdefault(text, place)


def _described(subject: Subject) -> Iterator[tuple[str, str]]:
    for place, tool in subject.named_tools():
        yield place, tool.description
    for place, prompt in subject.named_prompts():
        yield place, prompt.description
    for resource in subject.resources:
        yield f"resource {resource.uri}", resource.description


def _of(place: str, text: str) -> Iterator[Finding]:
    advice = "write what it does, when to use it and what it answers: the docstring is what the model reads"
    if not text:
        make = error if place.startswith("tool ") else warning
        yield make("description-missing", place, "it has no description", advice)
        return
    own_name = {word for word in re.split(r"\W|_", place.lower()) if word}
    words = re.findall(r"\w+", text.lower())
    if PLACEHOLDER.search(text):
        yield warning("description-placeholder", place, f"the description is a placeholder: {text[:60]!r}", advice)
    elif len(words) < FEWEST_WORDS or set(words) <= own_name:
        yield warning("description-poor", place, f"the description says little: {text[:60]!r}", advice)
    if len(text) > LONGEST:
        words_of_it = f"the description has {len(text)} characters; clients may cut it after {LONGEST}"
        yield warning("description-long", place, words_of_it, "move details into a resource or the instructions")
