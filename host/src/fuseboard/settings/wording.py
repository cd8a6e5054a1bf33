"""What is said when settings are wrong: the setting, its source and what to do, never the value of a secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from fuseboard.settings.sources import Layers, SettingPath, one_line

MOST_LINES = 4
LONGEST_VALUE = 40

MUST_BE: Mapping[str, str] = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be a section (indented `name: value` lines)",
    "finite_number": "must be a finite number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list",
    "literal_error": "must be {expected}",
    "missing": "is missing",
    "model_type": "must be a section (indented `name: value` lines)",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_short": "must not be empty",
    "string_type": "must be a text",
}
"""Our words for pydantic's kinds of errors; what is not here keeps pydantic's own text."""


def requirement(problem: Mapping[str, Any]) -> str:
    """What a value must be, in our words. `problem` is one of pydantic's `errors()`."""
    if problem["type"] == "value_error":
        return str(problem["msg"]).removeprefix("Value error, ")
    text = MUST_BE.get(problem["type"])
    if text is None:
        return str(problem["msg"])[:1].lower() + str(problem["msg"])[1:]
    limits = problem.get("ctx", {}).items()
    return text.format(**{name: f"{value:g}" if isinstance(value, float) else value for name, value in limits})


def unknown(name: str, known: Sequence[str], else_: str = "") -> str:
    """A setting that does not exist, with the one that was probably meant."""
    near = get_close_matches(name, known, n=1)
    if near:
        return f"no such setting, did you mean {near[0]}?"
    return f"no such setting ({else_ or 'known are: ' + ', '.join(known)})"


def limited(lines: Sequence[str]) -> str:
    """At most four lines; what does not fit is counted."""
    lines = [one_line(line) for line in lines]
    if len(lines) <= MOST_LINES:
        return "\n".join(lines)
    return "\n".join([*lines[: MOST_LINES - 1], f"and {len(lines) - MOST_LINES + 1} more problems"])


def worded(error: ValidationError, layers: Layers, model: type[BaseModel]) -> str:
    """The lines for wrong settings of the host."""
    problems = error.errors(include_url=False)
    return limited(list(dict.fromkeys(_line(problem, layers, model) for problem in problems)))


def _line(problem: Any, layers: Layers, model: type[BaseModel]) -> str:
    path = tuple(str(part) for part in problem["loc"] if not isinstance(part, int))
    place = f"{'.'.join(path)} ({layers.source(path)})"
    if problem["type"] == "extra_forbidden":
        return f"{place}: {_unknown_in(path, model)}"
    return f"{place}: {requirement(problem)}{_instead_of(problem, path)}"


def _unknown_in(path: SettingPath, model: type[BaseModel]) -> str:
    known = list(_model_at(path[:-1], model).model_fields)
    advice = "a plugin's own settings go under `plugins:`, by its name" if len(path) == 1 else ""
    return unknown(path[-1], known, advice)


def _model_at(path: SettingPath, model: type[BaseModel]) -> type[BaseModel]:
    """The model of the section that `path` names."""
    kind: Any = model
    for part in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = kind.model_fields[part].annotation
        else:
            kind = get_args(kind)[-1]
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else model


def _instead_of(problem: Mapping[str, Any], path: SettingPath) -> str:
    value = problem.get("input")
    if path[0] in ("plugins", "request_state_keys", "auth") or isinstance(value, dict | list):
        return ""
    return f", not {str(value)[:LONGEST_VALUE]!r}" if value != "" else ", it is empty"
