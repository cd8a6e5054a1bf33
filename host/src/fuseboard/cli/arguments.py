"""`key=value` words as the arguments that a tool's input schema asks for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import click

WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a JSON list",
    "object": "a JSON object",
    "null": "null",
}


def arguments_of(words: Sequence[str], given: str | None, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call.

    Args:
        words: `key=value` each; they win over `given`.
        given: a JSON object, from `--args`.
        schema: the tool's input schema.

    Raises:
        click.UsageError: they cannot be what the schema asks for.
    """
    arguments = _object(given) if given is not None else {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise click.UsageError(f"write arguments as key=value, not {word[:60]!r}")
        arguments[key] = _converted(key, value, schema)
    _check_names(arguments, schema)
    return arguments


def _object(given: str) -> dict[str, Any]:
    try:
        value = json.loads(given)
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"--args is no JSON: {str(error)[:100]}") from None
    if not isinstance(value, dict):
        raise click.UsageError('--args must be a JSON object, such as {"name": "value"}')
    return value


def _check_names(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    known = list(schema.get("properties", {}))
    missing = [name for name in schema.get("required", []) if name not in arguments]
    if missing:
        raise click.UsageError(f"missing {', '.join(f'{name}=VALUE' for name in missing)}")
    if schema.get("additionalProperties") is not False:
        return
    for name in arguments:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            advice = f"did you mean {near[0]}?" if near else f"it takes: {', '.join(known) or 'none'}"
            raise click.UsageError(f"no argument {name[:60]!r}; {advice}")


def _converted(key: str, text: str, schema: Mapping[str, Any]) -> Any:
    """The value as the first kind that the schema allows and the text can be; a text where the schema allows texts."""
    kinds = set(_kinds(schema.get("properties", {}).get(key, {}), schema, depth=0))
    if not kinds or "string" in kinds:
        return text
    for kind in ("null", "boolean", "integer", "number", "object", "array"):
        if kind in kinds:
            try:
                return _as(kind, text)
            except (ValueError, KeyError, RecursionError):
                continue
    raise click.UsageError(f"{key} must be {' or '.join(KINDS[kind] for kind in KINDS if kind in kinds)}")


def _kinds(part: Any, schema: Mapping[str, Any], depth: int) -> Iterator[str]:
    """The JSON types that a part of the schema allows."""
    if not isinstance(part, Mapping) or depth > 8:
        return
    kind = part.get("type")
    yield from [kind] if isinstance(kind, str) else kind or []
    for value in [part["const"]] if "const" in part else part.get("enum", []):
        yield "string" if isinstance(value, str) else "boolean" if isinstance(value, bool) else "number"
    for choice in [*part.get("anyOf", []), *part.get("oneOf", []), *part.get("allOf", [])]:
        yield from _kinds(choice, schema, depth + 1)
    reference = part.get("$ref", "")
    if isinstance(reference, str) and reference.startswith("#/"):
        target: Any = schema
        for step in reference[2:].split("/"):
            target = target.get(step, {}) if isinstance(target, Mapping) else {}
        yield from _kinds(target, schema, depth + 1)


def _as(kind: str, text: str) -> Any:
    if kind == "boolean":
        return WORDS[text.lower()]
    if kind == "integer":
        return int(text)
    if kind == "number":
        return float(text)
    value = json.loads(text)
    fits = {"null": value is None, "object": isinstance(value, dict), "array": isinstance(value, list)}
    if not fits[kind]:
        raise ValueError(kind)
    return value
