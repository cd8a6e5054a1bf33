"""Parameters: each has a type and a description, and the docstring speaks only of those that are there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fuseboard.grading.docstring import parameters_in
from fuseboard.grading.finding import Finding, warning
from fuseboard.grading.subject import Subject, properties_of

if TYPE_CHECKING:
    from fuseboard.contributions.tool import Tool

SAYS_A_TYPE = frozenset({"type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "not"})


def findings(subject: Subject) -> Iterator[Finding]:
    """What is missing, parameter by parameter."""
    for place, tool in subject.named_tools():
        yield from _of_tool(place, tool)
    for place, prompt in subject.named_prompts():
        told = parameters_in(prompt.description)
        for argument in prompt.arguments:
            if not argument.get("description") and not told.get(str(argument["name"])):
                yield _undescribed(f"{place}, argument {argument['name']}")


def _of_tool(place: str, tool: Tool) -> Iterator[Finding]:
    properties, told = properties_of(tool), parameters_in(tool.description)
    for name, schema in properties.items():
        where = f"{place}, parameter {name}"
        if not str(schema.get("description", "")).strip() and not told.get(name):
            yield _undescribed(where)
        if not SAYS_A_TYPE & schema.keys():
            yield warning("parameter-untyped", where, "its schema allows anything", "give it a type that says more")
    for name in sorted(told.keys() - properties.keys()):
        text = f"the docstring describes {name!r}, which is no parameter"
        yield warning("parameter-unknown", place, text, "correct the docstring: a model would send it")


def _undescribed(place: str) -> Finding:
    advice = "write Annotated[str, Field(description=...)], or describe it under Args: in the docstring"
    return warning("parameter-undescribed", place, "nothing says what it means", advice)
