"""Results: a model plans with what a tool will give back."""

from __future__ import annotations

from collections.abc import Iterator

from fuseboard.grading.docstring import describes_result
from fuseboard.grading.finding import Finding, warning
from fuseboard.grading.subject import Subject


def findings(subject: Subject) -> Iterator[Finding]:
    """Tools with neither an output schema nor a word about what they return."""
    for place, tool in subject.named_tools():
        if tool.output_schema is None and not describes_result(tool.description):
            advice = (
                "return a pydantic model or a dataclass (its schema is listed), or say under Returns: what the text is"
            )
            yield warning("result-undescribed", place, "nothing says what it returns", advice)
