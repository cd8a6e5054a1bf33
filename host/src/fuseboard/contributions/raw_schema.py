"""Raw JSON Schemas of tools: checked once, then used to validate. Nothing they refer to is ever fetched.

Imported only when a tool brings one: the validator costs 20 ms of every start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import jsonschema
import referencing
import referencing.exceptions
import referencing.jsonschema
from jsonschema.protocols import Validator

from fuseboard.errors import RegistrationError


@lru_cache(maxsize=1)
def _closed_registry() -> Any:
    return referencing.Registry()


def schema_validator(label: str, schema: Mapping[str, Any]) -> Validator:
    """A validator for a raw JSON Schema; it never fetches a reference from outside.

    Raises:
        RegistrationError: it is no valid JSON Schema.
    """
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(dict(schema))
    except jsonschema.SchemaError as error:
        place = "/".join(str(part) for part in error.absolute_path) or "the top"
        raise RegistrationError(f"{label}: not a valid JSON Schema at {place}: {error.message[:200]}") from None
    _check_references(label, schema)
    validator: Validator = kind(schema, registry=_closed_registry())
    return validator


def _check_references(label: str, schema: Mapping[str, Any]) -> None:
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
            raise RegistrationError(f"{label}: the reference {reference[:100]!r} is not inside its schema") from None


def _parts(schema: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(schema, Mapping):
        yield schema
    if isinstance(schema, Mapping | list):
        for part in schema.values() if isinstance(schema, Mapping) else schema:
            yield from _parts(part)
