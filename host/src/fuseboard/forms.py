"""Holds the client's answers to questions against what was asked: a wrong answer is no fault of the plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from fuseboard.errors import ToolError


def answers(answer: object, method: str) -> TypeGuard[Mapping[str, Any]]:
    """Whether a client's answer has the shape that the method's result has."""
    if not isinstance(answer, Mapping):
        return False
    if method == "elicitation/create":
        return answer.get("action") in ("accept", "decline", "cancel")
    if method == "sampling/createMessage":
        return "role" in answer and "content" in answer
    return isinstance(answer.get("roots"), list)


def check_form(schema: Mapping[str, Any], content: dict[str, Any]) -> None:
    """Check a filled form against the schema that was asked for.

    Raises:
        ToolError: it does not fit; the text names the field and no value.
    """
    # Imported here: only a plugin that asks has to pay for it.
    from fuseboard.json_schema import JsonSchema

    if problems := JsonSchema("the form", schema).problems(content, 1):
        raise ToolError(f"the client's answer does not fit the form: {problems[0]}")
