"""JSON Schemas of strangers: checked once, then used to check values. Nothing is fetched, and no check takes for ever.

A schema, and a value that is held against it, may come from a server that a plugin stands for. So patterns run with a
time limit and without holding up other threads, and the whole of a check has a limit as well.

Imported only when a tool brings such a schema: the validator costs 20 ms of every start.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from itertools import islice
from time import thread_time
from typing import Any

import jsonschema
import referencing
import referencing.exceptions
import referencing.jsonschema
import regex
from jsonschema.protocols import Validator

from fuseboard.errors import RegistrationError

SECONDS = 2.0
"""CPU time of one check: a machine that does something else for a moment refuses no value."""
MOST_COMPARED = 2_000
"""Items of a list that are compared with each other (`uniqueItems`); of a longer one it is not known."""
LONGEST_REMEMBERED = 16 * 1024
"""Characters of a schema that is not made ready again when it comes again."""

# Places of a schema that hold values and no schemas.
_VALUES = frozenset({"const", "enum", "default", "examples"})
_ends: ContextVar[float] = ContextVar("ends")

Keyword = Callable[[Any, Any, Any, Any], Iterable[Any] | None]


class TooCostly(Exception):
    """The check did not end in time."""


class JsonSchema:
    """A valid JSON Schema of somebody else's.

    Args:
        label: whose it is, for messages.
        schema: the schema; draft 2020-12 where it names none.
        closed: whether a reference to something outside is refused; else only its owner can tell what fits.

    Raises:
        RegistrationError: it is no valid JSON Schema, or refers to something outside itself.
    """

    __slots__ = ("_closed", "_validator")

    def __init__(self, label: str, schema: Mapping[str, Any], *, closed: bool = True) -> None:
        try:
            text = json.dumps(schema)
            self._validator = (_remembered if len(text) <= LONGEST_REMEMBERED else _made)(text, closed)
        except _Unusable as error:
            raise RegistrationError(f"{label}: {error}") from None
        except (TypeError, ValueError, RecursionError):
            raise RegistrationError(f"{label}: not a valid JSON Schema: it is no JSON, or nested too deeply") from None
        self._closed = closed

    def problems(self, value: Any, most: int = 5) -> list[str]:
        """What of a value does not fit, one sentence each with its place and never with a part of the value.

        Args:
            value: as JSON values.
            most: sentences.

        Returns:
            An empty list for a value that fits.
        """
        try:
            return [f"{error.json_path}: {_without_value(error)}" for error in self.errors(value, most)]
        except RecursionError:
            return ["nested too deeply"]
        except referencing.exceptions.Unresolvable:
            return ["its schema refers to something that is not inside it"] if self._closed else []
        except TooCostly:
            return [f"it cannot be checked within {SECONDS:g} s"]

    def errors(self, value: Any, most: int = 5) -> list[jsonschema.ValidationError]:
        """The errors of `jsonschema` behind `problems`, for words of one's own: their messages quote the value.

        Raises:
            TooCostly: the check did not end in time; other errors come from schemas that go in circles.
        """
        token = _ends.set(thread_time() + SECONDS)
        try:
            return list(islice(self._validator.iter_errors(value), most))
        finally:
            _ends.reset(token)


def _without_value(error: jsonschema.ValidationError) -> str:
    """The rule that is broken. The library's own text quotes the value, which may be long or secret."""
    if error.validator in ("required", "additionalProperties"):
        return error.message[:200]
    return f"must satisfy {error.validator}: {json.dumps(error.validator_value, default=str)[:120]}"


class _Unusable(Exception):
    """What is wrong with a schema."""


def _made(text: str, closed: bool) -> Validator:
    schema = json.loads(text)
    base = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        # Without formats: its patterns are of another dialect than the library's, ECMAScript's.
        no_formats: Any = {"format_checker": jsonschema.FormatChecker(())}
        base.check_schema(schema, **no_formats)
    except jsonschema.SchemaError as error:
        place = "/".join(str(part) for part in error.absolute_path) or "the top"
        raise _Unusable(f"not a valid JSON Schema at {place}: {error.message[:200]}") from None
    plain = _of_one_dialect(schema)
    if closed:
        _check_references(plain)
    _check_patterns(plain)
    patterned = any("patternProperties" in part for part in _parts(plain))
    validator: Validator = _bounded(base, patterned)(plain, registry=_closed_registry())
    return validator


# The same schema comes again: when a server starts anew or its list changes, and for those that look at it twice.
_remembered = lru_cache(maxsize=512)(_made)


@lru_cache(maxsize=1)
def _closed_registry() -> Any:
    return referencing.Registry()


@lru_cache(maxsize=16)
def _bounded(base: Any, patterned: bool) -> Any:
    """The validator of a dialect, with a look at the clock before each rule."""
    own: dict[str, Keyword] = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties(base.VALIDATORS.get("additionalProperties")),
        "uniqueItems": _unique_items(base.VALIDATORS.get("uniqueItems")),
    }
    if patterned:
        # The library's own rule would search with these patterns and without a limit.
        own["unevaluatedProperties"] = _nothing
    rules = {name: _timed(own.get(name, rule)) for name, rule in base.VALIDATORS.items()}
    return jsonschema.validators.extend(base, rules)  # type: ignore[no-untyped-call] # the stubs give none


def _timed(rule: Keyword) -> Keyword:
    def timed(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
        if thread_time() > _ends.get():
            raise TooCostly
        yield from rule(validator, wanted, value, schema) or ()

    return timed


def _found(pattern: str, text: str) -> bool:
    left = _ends.get() - thread_time()
    if left <= 0:
        raise TooCostly
    try:
        # `concurrent`: other threads run meanwhile, whatever the pattern does.
        return regex.search(pattern, text, timeout=left, concurrent=True) is not None
    except TimeoutError:
        raise TooCostly from None


def _nothing(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
    return iter(())


def _pattern(validator: Any, pattern: Any, value: Any, schema: Any) -> Iterator[Any]:
    if validator.is_type(value, "string") and not _found(pattern, value):
        yield jsonschema.ValidationError("does not match the pattern")


def _pattern_properties(validator: Any, patterns: Any, value: Any, schema: Any) -> Iterator[Any]:
    if not validator.is_type(value, "object"):
        return
    for pattern, wanted in patterns.items():
        for name, part in value.items():
            if _found(pattern, name):
                yield from validator.descend(part, wanted, path=name, schema_path=pattern)


def _additional_properties(original: Any) -> Keyword:
    def additional(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
        patterns = schema.get("patternProperties")
        if patterns and validator.is_type(value, "object"):
            known = schema.get("properties", {})
            others = (name for name in value if name not in known)
            value = {name: value[name] for name in others if not any(_found(pattern, name) for pattern in patterns)}
            schema = {}
        yield from original(validator, wanted, value, schema) or ()

    return additional


def _unique_items(original: Any) -> Keyword:
    def unique(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
        if not validator.is_type(value, "array") or len(value) <= MOST_COMPARED:
            yield from original(validator, wanted, value, schema) or ()

    return unique


def _of_one_dialect(schema: Any, top: bool = True) -> Any:
    """A copy whose parts name no dialect of their own: the library would take its own validator for such a part."""
    if isinstance(schema, Mapping):
        return {
            name: part if name in _VALUES else _of_one_dialect(part, top=False)
            for name, part in schema.items()
            if top or name != "$schema" or not isinstance(part, str)
        }
    if isinstance(schema, list):
        return [_of_one_dialect(part, top=False) for part in schema]
    return schema


def _check_references(schema: Mapping[str, Any]) -> None:
    """Refuse references that lead nowhere: nothing is ever fetched. Schemas inside a schema have bases of their own."""
    parts = list(_parts(schema))
    if any("$id" in part for part in parts[1:]):
        return
    resource = referencing.Resource.from_contents(dict(schema), referencing.jsonschema.DRAFT202012)
    resolver = _closed_registry().with_resource("", resource).resolver_with_root(resource)
    for reference in {part["$ref"] for part in parts if isinstance(part.get("$ref"), str)}:
        try:
            resolver.lookup(reference)
        except referencing.exceptions.Unresolvable:
            raise _Unusable(f"the reference {reference[:100]!r} is not inside its schema") from None


def _check_patterns(schema: Mapping[str, Any]) -> None:
    """Refuse what is no pattern: clients would stumble over it as well."""
    for part in _parts(schema):
        several = part.get("patternProperties")
        for pattern in (part.get("pattern"), *(several if isinstance(several, Mapping) else ())):
            if isinstance(pattern, str):
                try:
                    regex.compile(pattern)
                except regex.error as error:
                    raise _Unusable(f"not a valid JSON Schema: the pattern {pattern[:60]!r}: {error}") from None


def _parts(schema: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(schema, Mapping):
        yield schema
        for name, part in schema.items():
            if name not in _VALUES:
                yield from _parts(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _parts(part)
