"""The wire forms of tools, prompts and resources per protocol revision, and the checks of their schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import jsonschema
import referencing
import referencing.exceptions
import referencing.jsonschema
from jsonschema.protocols import Validator
from mcp.shared.inbound import find_invalid_x_mcp_header
from mcp_types import methods
from mcp_types.version import LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION
from pydantic import ValidationError

from fuseboard.errors import InvalidResult, RegistrationError
from fuseboard.strict_json import encode

CHECKED_REVISIONS = (LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION)


def listed(method: str, key: str, wire: Mapping[str, Any], revision: str) -> dict[str, Any]:
    """One listed item as this revision knows it.

    Args:
        method: "tools/list" and the like.
        key: the member of the result that holds the items.
        wire: the full form.
        revision: a protocol revision.

    Raises:
        ValidationError: the item does not exist in this revision's schema.
    """
    result = {key: [dict(wire)], "resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
    item: dict[str, Any] = methods.serialize_server_result(method, revision, result)[key][0]
    return item


def check_listed(label: str, method: str, key: str, wire: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The forms for the newest revision of both eras: one bad item would spoil the whole list for a client.

    Raises:
        RegistrationError: an era refuses it.
    """
    try:
        encode(wire, label)
    except InvalidResult as error:
        raise RegistrationError(str(error).replace(" returned ", " has ")) from None
    forms = {}
    for revision in CHECKED_REVISIONS:
        try:
            forms[revision] = listed(method, key, wire, revision)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"][2:])
            raise RegistrationError(f"{label}: protocol revision {revision} refuses {place}: {first['msg']}") from None
    return forms


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


def check_header_annotations(label: str, schema: Mapping[str, Any]) -> None:
    """Refuse a wrong `x-mcp-header` (specification 2026-07-28, streamable HTTP).

    Raises:
        RegistrationError: with the reason.
    """
    if (reason := find_invalid_x_mcp_header(schema)) is not None:
        raise RegistrationError(f"{label}: wrong x-mcp-header: {reason}")
