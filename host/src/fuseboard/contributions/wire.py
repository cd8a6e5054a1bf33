"""The wire forms of tools, prompts and resources per protocol revision, checked for both eras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.shared.inbound import find_invalid_x_mcp_header
from mcp_types import methods
from mcp_types.version import LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION
from pydantic import ValidationError

from fuseboard.errors import InvalidResult, RegistrationError
from fuseboard.strict_json import encode

LARGEST_ITEM = 64 * 1024
"""Bytes of one listed item: clients refuse a whole list that is too long (the SDK's one at 1 MiB)."""

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
        encode(wire, label, LARGEST_ITEM)
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


def check_result(method: str, result: Mapping[str, Any], label: str) -> None:
    """Check the shape of a result that something else than the contribution has made.

    Raises:
        InvalidResult: the protocol does not know such a result.
    """
    # The newest revision lets a complete result of a wrong shape pass, as one of a kind that it does not know yet.
    asks = result.get("resultType") == "input_required"
    try:
        methods.serialize_server_result(method, LATEST_MODERN_VERSION if asks else LATEST_HANDSHAKE_VERSION, result)
    except ValidationError:
        raise InvalidResult(f"{label} gave something that is no result of {method}") from None


def check_header_annotations(label: str, schema: Mapping[str, Any]) -> None:
    """Refuse a wrong `x-mcp-header` (specification 2026-07-28, streamable HTTP).

    Raises:
        RegistrationError: with the reason.
    """
    if (reason := find_invalid_x_mcp_header(schema)) is not None:
        raise RegistrationError(f"{label}: wrong x-mcp-header: {reason}")
