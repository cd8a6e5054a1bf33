"""Values for a server's configuration against the JSON Schemas that its catalogue entry or the settings give.

Pure functions. Texts name keys and rules, never a value: people put passwords into configuration all the same.
"""

from __future__ import annotations

import copy
import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fuseboard_docker_mcp.errors import WrongConfiguration
from fuseboard_docker_mcp.text import clean

if TYPE_CHECKING:
    from jsonschema import ValidationError

    from fuseboard_docker_mcp.models import Server

MOST_BYTES = 64 * 1024
_DEEPEST = 32
_MOST_NAMED = 8
_MOST_ERRORS = 200
# What an incomplete configuration may still break: more keys may come with the next call.
_COMPLETENESS = ("required", "dependentRequired", "minProperties")

Schema = Mapping[str, Any]


def merged(server: Server, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The old values with the new ones laid over them: objects key by key, null takes a key away.

    Raises:
        WrongConfiguration: the outcome is no JSON, nested too deeply or too large.
    """
    _check_size(server, new)
    result = _laid_over(old, new)
    _check_size(server, result)
    return result


def check(server: Server, values: Mapping[str, Any]) -> None:
    """Refuse values that the server's schemas forbid. Keys may be missing: a configuration is filled step by step.

    Raises:
        WrongConfiguration: names each key and the rule that it breaks.
    """
    _check_size(server, values)
    _raise_if_any(server, [*_unknown_keys(server, values), *_problems(server, values, complete=False)])


def complete(server: Server, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that a server starts with: defaults filled in, and everything that is required there.

    A key that no schema lists stays: an older release of the server may have left it, and it harms nobody.

    Raises:
        WrongConfiguration: names each key that is missing or wrong.
    """
    _check_size(server, values)
    filled = dict(values)
    for schema in server.config_schemas:
        filled = _with_defaults(schema, filled)
    _raise_if_any(server, _problems(server, filled, complete=True))
    return filled


def _check_size(server: Server, values: Mapping[str, Any]) -> None:
    if _depth(values) > _DEEPEST:
        raise WrongConfiguration(f"the configuration of {server.name} is nested deeper than {_DEEPEST} levels")
    try:
        size = len(json.dumps(values, ensure_ascii=False, allow_nan=False).encode())
    except (TypeError, ValueError):
        raise WrongConfiguration(f"the configuration of {server.name} holds something that JSON cannot carry") from None
    if size > MOST_BYTES:
        raise WrongConfiguration(f"the configuration of {server.name} is larger than {MOST_BYTES} bytes")


def _depth(value: object) -> int:
    """How deep containers are nested; counting stops where it is too deep anyway."""
    level, depth = [value], 0
    while level and depth <= _DEEPEST:
        level = [inner for outer in level for inner in _inside(outer)]
        depth += 1
    return depth


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def _laid_over(old: Any, new: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(old) if isinstance(old, Mapping) else {}
    for key, value in new.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            result[key] = _laid_over(result.get(key), value)
        else:
            result[key] = value
    return result


def _with_defaults(schema: Schema, values: Mapping[str, Any]) -> dict[str, Any]:
    filled = dict(values)
    for key, rule in _properties(schema).items():
        if not isinstance(rule, Mapping):
            continue
        if key not in filled and rule.get("default") is not None:
            filled[key] = copy.deepcopy(rule["default"])
        # An object that is not there stays away: filled in halves it could break its own `required`.
        if isinstance(inner := filled.get(key), Mapping):
            filled[key] = _with_defaults(rule, inner)
    return filled


def _properties(schema: Schema) -> Mapping[str, Any]:
    found = schema.get("properties")
    return found if isinstance(found, Mapping) else {}


def _unknown_keys(server: Server, values: Mapping[str, Any]) -> Iterator[str]:
    """Keys that no schema lists. Toolkits take them and drop them silently, so a slip would never be noticed."""
    schemas = server.config_schemas
    known = [key for schema in schemas for key in _properties(schema)]
    if not known or any(schema.get("additionalProperties") or schema.get("patternProperties") for schema in schemas):
        return
    for key in values:
        if key not in known:
            yield f"{_named(key)} is not known ({_advice(server, key, known)}; null takes it away)"


def _advice(server: Server, key: str, known: list[str]) -> str:
    bare = key.removeprefix(f"{server.name}.")
    if key == server.name or bare in known:
        return "keys are given without the server's name in front"
    similar = difflib.get_close_matches(key[:100], known, n=1)
    return f"did you mean {_named(similar[0])}?" if similar else f"known: {', '.join(map(_named, known[:12]))}"


def _problems(server: Server, values: Mapping[str, Any], *, complete: bool) -> Iterator[str]:
    for schema in server.config_schemas:
        others = {key for other in server.config_schemas if other is not schema for key in _properties(other)}
        # Each schema judges what it lists, and what none lists: another one's keys are none of its business.
        judged = {key: value for key, value in values.items() if key in _properties(schema) or key not in others}
        yield from _broken_rules(server, schema, judged, complete=complete)


def _broken_rules(server: Server, schema: Schema, values: Mapping[str, Any], *, complete: bool) -> Iterator[str]:
    # Imported at the moment of use: the validator costs a tenth of a second of every start.
    from fuseboard import JsonSchema

    plain = {key: rule for key, rule in schema.items() if key != "name"}
    try:
        errors = JsonSchema(server.name, plain).errors(dict(values), _MOST_ERRORS)
        broken = [_worded(error) for error in errors if complete or not _may_still_come(error)]
    # A foreign schema can break the validator in many ways: no schema at all, a reference that leads nowhere or in a
    # circle, a pattern that takes for ever. It must not keep the server from starting, which the toolkit would not
    # do either.
    except Exception:
        if not complete:
            yield f"its schema itself is broken ({server.source}), so no value can be checked"
        return
    yield from broken


def _may_still_come(error: ValidationError) -> bool:
    """Whether further keys alone can mend it: for a choice it is enough that one of the branches can be mended."""
    if error.validator in ("anyOf", "oneOf") and error.context:
        branches: dict[Any, list[ValidationError]] = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        return any(all(map(_may_still_come, branch)) for branch in branches.values())
    return error.validator in _COMPLETENESS


def _worded(error: ValidationError) -> str:
    """The key and the rule. The text of jsonschema itself would quote the value."""
    place = ".".join(map(_named, error.absolute_path))
    where = place or "it"
    wanted: Any = error.validator_value
    instance: Any = error.instance
    schema: Any = error.schema
    match error.validator:
        case "required":
            missing = [key for key in wanted if key not in instance]
            return f"{', '.join(f'{place}.{_named(key)}' if place else _named(key) for key in missing)} is missing"
        case "type":
            return f"{where} must be of type {' or '.join([wanted] if isinstance(wanted, str) else wanted)}"
        case "enum":
            return f"{where} must be one of {_shown(wanted)}"
        case "additionalProperties" if wanted is False:
            extra = sorted(set(instance) - set(_properties(schema)))
            return f"{where} has keys that are not known: {', '.join(map(_named, extra[:_MOST_NAMED]))}"
        case _:
            return f"{where} breaks the rule {_named(error.validator)}: {_shown(wanted)}"


def _named(key: object) -> str:
    return clean(str(key), 60)


def _shown(rule: object) -> str:
    return clean(json.dumps(rule, ensure_ascii=False, default=str), 120)


def _raise_if_any(server: Server, problems: Iterable[str]) -> None:
    if found := list(dict.fromkeys(problems)):
        more = f"; and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        raise WrongConfiguration(f"configuration of {server.name}: {'; '.join(found[:_MOST_NAMED])}{more}")
