"""The messages of the simulated service as JSON Schemas, in the form that its switches give them."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from fuseboard_cloudru.simulator.records import QuarantineMode, RegistryMode, RegistryStatus, RegistryType, Tariff
from fuseboard_cloudru.simulator.requests import LONGEST_VALUE, NAME
from fuseboard_cloudru.simulator.switches import Switches

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_INT32: Schema = {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1}
_NOT_NEGATIVE: Schema = _INT32 | {"minimum": 0}
_MOMENT: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"}
_UUID: Schema = {"type": "string", "format": "uuid"}
_POLICY_WORDS = ("action", "constraint", "unit", "on")
_UPSTREAM_WORDS = ("loginId", "passwordId")


def reference(name: str) -> Schema:
    """A reference to one of these schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def schemas(switches: Switches) -> dict[str, Schema]:
    """All schemas, by name."""
    answers = _answers(switches)
    if switches.nested_errors:
        answers["Error"] = _object({"error": reference("Status")}, ["error"])
    else:
        answers["Error"] = reference("Status")
    return (
        {"RegistryId": _UUID, "ProjectId": _UUID, "OperationId": _TEXT, "PageToken": _TEXT}
        | answers
        | _requests(switches)
    )


def _answers(switches: Switches) -> dict[str, Schema]:
    def enum(kind: type[IntEnum]) -> Schema:
        if switches.int_enums:
            return {"type": "integer", "enum": [int(member) for member in kind]}
        return {"type": "string", "enum": list(kind.__members__)}

    def message(always: dict[str, Schema], others: dict[str, Schema]) -> Schema:
        """An object; `others` are the fields that are left out when they have their default value."""
        return _object(always | others, [*always, *([] if switches.omit_defaults else others)])

    def unset(name: str) -> Schema:
        return reference(name) if switches.omit_defaults else {"anyOf": [reference(name), {"type": "null"}]}

    def many(name: str) -> Schema:
        return {"type": ["array", "null"] if switches.null_lists else "array", "items": reference(name)}

    words = {"id": _UUID, "name": _TEXT, "createdAt": _MOMENT, "updatedAt": _MOMENT}
    resource = {"id": _TEXT, "resourceId": _UUID, "resourceName": _TEXT, "description": _TEXT}
    return {
        "Registry": message(
            words | {"registryMode": enum(RegistryMode)},
            {
                "registryType": enum(RegistryType),
                "status": enum(RegistryStatus),
                "isPublic": _FLAG,
                "quarantineMode": enum(QuarantineMode),
                "retentionPolicyIsEnabled": _FLAG,
                "retentionPolicy": unset("RetentionPolicy"),
                "tariff": enum(Tariff),
                "upstream": unset("Upstream"),
            },
        ),
        "RetentionPolicy": message(
            {"value": _INT32 | {"minimum": 1, "maximum": LONGEST_VALUE}},
            {"onlyUntagged": _FLAG} | dict.fromkeys(_POLICY_WORDS, _TEXT),
        ),
        "Upstream": message(
            {"url": _TEXT},
            dict.fromkeys(_UPSTREAM_WORDS, _TEXT)
            | {"metadataTtl": _NOT_NEGATIVE, "artifactTtl": _NOT_NEGATIVE, "mirror": _FLAG, "softDelete": _FLAG},
        ),
        "Operation": message(
            resource | {"createdAt": _MOMENT, "updatedAt": _MOMENT}, {"done": _FLAG, "error": unset("Status")}
        ),
        "RegistryPage": message({}, {"registries": many("Registry"), "nextPageToken": _TEXT}),
        "OperationPage": message({}, {"operations": many("Operation"), "nextPageToken": _TEXT}),
        "Status": message({"code": _INT32, "message": _TEXT}, {"details": many("BadRequest")}),
        "BadRequest": message({"@type": _TEXT, "fieldViolations": many("FieldViolation")}, {}),
        "FieldViolation": message({"description": _TEXT}, {"field": _TEXT}),
    }


def _requests(switches: Switches) -> dict[str, Schema]:
    """What a parser of proto3 JSON takes: also null for a default, a number for an enum, and fields that it ignores."""
    policy = {"value": _INT32 | {"minimum": 1, "maximum": LONGEST_VALUE}, "onlyUntagged": _or_null(_FLAG)}
    upstream = {
        "url": {"type": "string", "pattern": "^https?://"},
        **{name: _or_null(_TEXT) for name in _UPSTREAM_WORDS},
        **{name: _or_null(_NOT_NEGATIVE) for name in ("metadataTtl", "artifactTtl")},
        **{name: _or_null(_FLAG) for name in ("mirror", "softDelete")},
    }
    quarantine = {"quarantineMode": _choice(QuarantineMode)}
    others = {
        "isPublic": _or_null(_FLAG),
        "retentionPolicyIsEnabled": _or_null(_FLAG),
        "retentionPolicy": _or_null(
            {
                "type": "object",
                "properties": policy | {name: _or_null(_TEXT) for name in _POLICY_WORDS},
                "required": ["value"],
            }
        ),
        "tariff": _choice(Tariff),
    }
    changes = others | quarantine if switches.quarantine_route == "patch" else others
    proxy = {"type": "object", "properties": upstream, "required": ["url"]}
    created = (
        {"name": {"type": "string", "pattern": f"^{NAME}$"}, "registryType": _choice(RegistryType)}
        | others
        | quarantine
    )
    return {
        "LegacyCreateRegistryRequest": _creating(created, proxy, ["name"]),
        "CreateRegistryRequest": _creating(
            {"projectId": reference("ProjectId")} | created, proxy, ["projectId", "name"]
        ),
        "UpdateRegistryRequest": {"type": "object", "properties": changes},
        "QuarantineRequest": {"type": "object", "properties": quarantine},
        "TokenRequest": {"type": "object", "properties": {"keyId": _TEXT, "secret": _TEXT}},
    }


def _creating(fields: dict[str, Schema], upstream: Schema, required: list[str]) -> Schema:
    """A registry is local and has no upstream, or remote and has one."""
    modes = list(RegistryMode.__members__)
    local = {"registryMode": {"enum": [*modes[:2], 0, 1, None]}, "upstream": {"type": "null"}}
    remote = {"registryMode": {"enum": [modes[2], 2]}, "upstream": upstream}
    either = [{"properties": local}, {"properties": remote, "required": list(remote)}]
    return {"type": "object", "properties": fields, "required": required, "anyOf": either}


def _object(properties: dict[str, Schema], required: list[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _choice(kind: type[IntEnum]) -> Schema:
    return {"enum": [*kind.__members__, *(int(member) for member in kind), None]}
