"""The rules of the requests that create and change a registry."""

from __future__ import annotations

import re
from typing import Any

from fuseboard_cloudru.simulator.fields import Fields
from fuseboard_cloudru.simulator.records import QuarantineMode, Registry, RegistryMode, RegistryType, Tariff
from fuseboard_cloudru.simulator.refusal import Code, Refused, invalid

NAME = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
"""A label of a host name (RFC 1123, section 2.1): a registry's name is one."""

LONGEST_VALUE = 365


def to_create(fields: Fields) -> dict[str, Any]:
    """The attributes of a registry that is to be created.

    Raises:
        Refused: a field is wrong.
    """
    name = fields.text("name")
    if not re.fullmatch(NAME, name):
        raise invalid("name", "must consist of 1 to 63 small letters, digits and inner hyphens")
    mode = fields.choice("registryMode", RegistryMode) or RegistryMode.REGISTRY_MODE_LOCAL
    fixed: dict[str, Any] = {
        "name": name,
        "registry_type": fields.choice("registryType", RegistryType),
        "registry_mode": mode,
    }
    values = fixed | _changeable(fields, "CreateRegistryRequest")
    _check_upstream(values.get("upstream"), mode)
    if mode is RegistryMode.REGISTRY_MODE_REMOTE and "upstream" not in values:
        raise invalid("", "Value error, Upstream data is required by a remote registry")
    return values


def to_update(fields: Fields, registry: Registry) -> dict[str, Any]:
    """The attributes of a registry that are to be changed: those whose fields are there.

    Raises:
        Refused: a field is wrong.
    """
    values = _changeable(fields, "UpdateRegistryRequest")
    _check_upstream(values.get("upstream"), registry.registry_mode)
    return values


def quarantine_of(fields: Fields) -> dict[str, Any]:
    """The quarantine mode, where it has a route of its own.

    Raises:
        Refused: it is wrong.
    """
    return {"quarantine_mode": fields.choice("quarantineMode", QuarantineMode)}


def _changeable(fields: Fields, request: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if fields.has("isPublic"):
        values["is_public"] = fields.flag("isPublic")
    if fields.has("quarantineMode"):
        values |= quarantine_of(fields)
    if fields.has("retentionPolicyIsEnabled"):
        values["retention_policy_is_enabled"] = fields.flag("retentionPolicyIsEnabled")
    if fields.has("tariff"):
        values["tariff"] = fields.choice("tariff", Tariff)
    if (policy := fields.message("retentionPolicy")) is not None:
        values["retention_policy"] = _retention_policy(policy, request)
    if (upstream := fields.message("upstream")) is not None:
        values["upstream"] = _upstream(upstream)
    return values


def _retention_policy(fields: Fields, request: str) -> dict[str, Any]:
    value = fields.number("value")
    if not 1 <= value <= LONGEST_VALUE:
        # The service's own words, which begin with the name of the request.
        raise Refused(
            Code.INVALID_ARGUMENT,
            f"invalid {request}.RetentionPolicy: embedded message failed validation | caused by: "
            f"invalid RetentionPolicy.Value: value must be inside range [1, {LONGEST_VALUE}]",
        )
    words = {name: fields.text(name) for name in ("action", "constraint", "unit", "on")}
    return {"onlyUntagged": fields.flag("onlyUntagged"), "value": value} | words


def _upstream(fields: Fields) -> dict[str, Any]:
    words = {name: fields.text(name) for name in ("url", "loginId", "passwordId")}
    numbers = {name: fields.number(name) for name in ("metadataTtl", "artifactTtl")}
    return words | numbers | {name: fields.flag(name) for name in ("mirror", "softDelete")}


def _check_upstream(upstream: dict[str, Any] | None, mode: RegistryMode) -> None:
    if upstream is None:
        return
    # The form of these refusals, with an empty field, is the service's own.
    if mode is not RegistryMode.REGISTRY_MODE_REMOTE:
        raise invalid("", "Value error, Upstream data cannot be given to a local registry")
    if not upstream["url"].startswith(("http://", "https://")):
        raise invalid("", "Value error, Upstream data needs the URL of the other registry")
    if min(upstream["metadataTtl"], upstream["artifactTtl"]) < 0:
        raise invalid("", "Value error, Upstream data has a negative time to live")
