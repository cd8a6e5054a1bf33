"""Tokens: what the list of tools costs a model, in each conversation, before the first word.

Estimated as in `fuseboard plugins`: the JSON of the listed form, four characters a token.
"""

from __future__ import annotations

from collections.abc import Iterator

from fuseboard.grading.finding import Finding, warning
from fuseboard.grading.subject import Subject
from fuseboard.supervisor import CHARACTERS_PER_TOKEN

MOST_OF_A_TOOL = 1500
MOST_IN_ALL = 15_000


def findings(subject: Subject) -> Iterator[Finding]:
    """A tool, or a plugin, that takes more than its share."""
    total = 0
    for place, tool in subject.named_tools():
        tokens = subject.tokens_of(place, tool)
        total += tokens
        if tokens > MOST_OF_A_TOOL:
            advice = "shorten its description and its schemas, or split it"
            yield warning(
                "tokens-tool", place, f"listing it costs about {tokens} tokens; {_of(MOST_OF_A_TOOL)}", advice
            )
    if total > MOST_IN_ALL:
        text = f"listing its {len(subject.tools)} tools costs about {total} tokens; {_of(MOST_IN_ALL)}"
        yield warning("tokens-plugin", "", text, "leave out tools that are hardly used, and shorten descriptions")


def _of(budget: int) -> str:
    return f"the budget is {budget} (estimated at {CHARACTERS_PER_TOKEN} characters a token)"
