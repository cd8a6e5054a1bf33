"""The OpenAPI document of the simulated service: what it has and how it answers with the switches that it has now."""

from __future__ import annotations

from typing import Any

from fuseboard_cloudru.simulator import iam
from fuseboard_cloudru.simulator.paging import FILTER, ORDER_BY
from fuseboard_cloudru.simulator.schemas import Schema, reference, schemas
from fuseboard_cloudru.simulator.switches import Switches

Operation = dict[str, Any]

_ERRORS = {
    400: "An argument is wrong.",
    401: "There is no token, or it is not good any more.",
    403: "It is another project.",
    404: "It does not exist.",
    409: "The name is taken.",
}


def _parameter(name: str, schema: Schema, place: str = "query", *, required: bool = False) -> Schema:
    return {"name": name, "in": place, "required": required, "schema": schema}


_PROJECT = _parameter("projectId", {"anyOf": [reference("ProjectId"), {"const": ""}]})
_NEEDED_PROJECT = _parameter("projectId", reference("ProjectId"), required=True)
_OLD_PROJECT = _parameter("projectId", reference("ProjectId"), "path", required=True)
_REGISTRY = _parameter("registryId", reference("RegistryId"), "path", required=True)
_PAGE = [
    _parameter("pageSize", {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}),
    _parameter("pageToken", reference("PageToken")),
]
_LIST = [
    *_PAGE,
    _parameter("filter", {"type": "string", "pattern": f"^{FILTER}$"}),
    _parameter("orderBy", {"type": "string", "pattern": f"^{ORDER_BY}$"}),
]
_FOLLOWED = {
    "GetOperation": {"operationId": "$response.body#/id"},
    "GetRegistry": {"registryId": "$response.body#/resourceId"},
    "UpdateRegistry": {"registryId": "$response.body#/resourceId"},
    "DeleteRegistry": {"registryId": "$response.body#/resourceId"},
}
"""Where an operation leads."""


def document(switches: Switches) -> dict[str, Any]:
    """The document, in OpenAPI 3.1."""
    paths = _iam() | _registries(switches) | _operations()
    if switches.quarantine_route != "patch":
        method = "patch" if switches.quarantine_route == "own" else "put"
        paths["/v1/registries/{registryId}/quarantine"] = {
            method: _operation(
                "UpdateQuarantine",
                _updated(switches),
                400,
                403,
                404,
                ask=[_REGISTRY, _PROJECT],
                body="QuarantineRequest",
            )
        }
    if switches.legacy_routes:
        paths |= _legacy()
    return {
        "openapi": "3.1.0",
        "info": {"title": "A simulated Cloud.ru Artifact Registry with its IAM", "version": "1"},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas(switches),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _iam() -> dict[str, Any]:
    words = _texts("access_token", "id_token", "token_type")
    tokens = words | _texts("refresh_token") | _numbers("expires_in", "refresh_expires_in", "not_before")
    tokens["scopes"] = {"type": "array", "items": {"type": "string"}}
    form: dict[str, Schema] = {name: {"type": "string", "minLength": 1} for name in ("client_id", "client_secret")}
    form["grant_type"] = {"const": iam.GRANT}
    form_tokens = words | _texts("scope", "issued_token_type") | _numbers("expires_in", "not-before-policy")
    error = _texts("error", "error_description")
    refused = {"description": "Refused.", "content": _json(_all_of(error))}
    return {
        "/api/v1/auth/token": {
            "post": _operation("GetToken", _all_of(tokens), 400, body="TokenRequest") | {"security": []}
        },
        "/auth/system/openid/token": {
            "post": {
                "operationId": "GetTokenByForm",
                "security": [],
                "requestBody": {
                    "required": True,
                    "content": {"application/x-www-form-urlencoded": {"schema": _all_of(form)}},
                },
                "responses": {
                    "200": {"description": "A token.", "content": _json(_all_of(form_tokens))},
                    "400": refused,
                    "401": refused,
                },
            }
        },
    }


def _registries(switches: Switches) -> dict[str, Any]:
    one = [_REGISTRY, _PROJECT]
    update = _operation("UpdateRegistry", _updated(switches), 400, 403, 404, ask=one, body="UpdateRegistryRequest")
    if switches.quarantine_route != "patch":
        said = "The quarantine mode has another route."
        update["responses"][str(switches.method_status)] = {"description": said, "content": _json(reference("Error"))}
    return {
        "/v1/registries": {
            "get": _operation("ListRegistries", reference("RegistryPage"), 400, 403, ask=[_NEEDED_PROJECT, *_LIST]),
            "post": _operation("CreateRegistry", reference("Operation"), 400, 403, 409, body="CreateRegistryRequest"),
        },
        "/v1/registries/{registryId}": {
            "get": _operation("GetRegistry", reference("Registry"), 400, 403, 404, ask=one),
            "patch": update,
            "delete": _operation("DeleteRegistry", reference("Operation"), 400, 403, 404, ask=one),
        },
        "/v1/registries/{registryId}/retention/operations": {
            "get": _operation("ListRetentionRuns", reference("OperationPage"), 400, 403, 404, ask=[*one, *_PAGE])
        },
    }


def _operations() -> dict[str, Any]:
    names = [_parameter(name, {"type": "string"}) for name in ("resourceId", "resourceName")]
    one = _parameter("operationId", reference("OperationId"), "path", required=True)
    return {
        "/v1/operations": {
            "get": _operation(
                "ListOperations", reference("OperationPage"), 400, 403, ask=[_NEEDED_PROJECT, *names, *_PAGE]
            )
        },
        "/v1/operations/{operationId}": {"get": _operation("GetOperation", reference("Operation"), 404, ask=[one])},
    }


def _legacy() -> dict[str, Any]:
    one = [_OLD_PROJECT, _REGISTRY]
    return {
        "/v1/projects/{projectId}/registries": {
            "get": _operation("LegacyListRegistries", reference("RegistryPage"), 400, 403, ask=[_OLD_PROJECT, *_LIST]),
            "post": _operation(
                "LegacyCreateRegistry",
                reference("Operation"),
                400,
                403,
                409,
                ask=[_OLD_PROJECT],
                body="LegacyCreateRegistryRequest",
            ),
        },
        "/v1/projects/{projectId}/registries/{registryId}": {
            "get": _operation("LegacyGetRegistry", reference("Registry"), 400, 403, 404, ask=one),
            "delete": _operation("LegacyDeleteRegistry", reference("Operation"), 400, 403, 404, ask=one),
        },
        "/v1/projects/{projectId}/registry/{registryId}/quarantine": {
            method: _operation(
                f"Legacy{method.title()}Quarantine",
                reference("Registry"),
                400,
                403,
                404,
                ask=one,
                body="QuarantineRequest",
            )
            for method in ("put", "patch")
        },
        "/v1/projects/registry/{registryId}/retention/operations": {
            "get": _operation(
                "LegacyListRetentionRuns",
                reference("OperationPage"),
                400,
                403,
                404,
                ask=[_REGISTRY, _NEEDED_PROJECT, *_PAGE],
            )
        },
    }


def _updated(switches: Switches) -> Schema:
    return reference(switches.update_answers.title())


def _operation(name: str, answer: Schema, *errors: int, ask: list[Schema] | None = None, body: str = "") -> Operation:
    """One method of a path; every one may answer 401."""
    answered: dict[str, Any] = {"description": "Done, or begun.", "content": _json(answer)}
    if answer == reference("Operation") and name != "GetOperation":
        answered["links"] = {
            target: {"operationId": target, "parameters": found} for target, found in _FOLLOWED.items()
        }
    responses = {"200": answered}
    for status in sorted({401, *errors}):
        responses[str(status)] = {"description": _ERRORS[status], "content": _json(reference("Error"))}
    operation: Operation = {"operationId": name, "responses": responses}
    if ask:
        operation["parameters"] = ask
    if body:
        # No body is an empty message.
        needed = "Create" in body
        operation["requestBody"] = {"required": needed, "content": _json(reference(body))}
    return operation


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _all_of(properties: dict[str, Schema]) -> Schema:
    """An object that has all of these fields."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def _texts(*names: str) -> dict[str, Schema]:
    return {name: {"type": "string"} for name in names}


def _numbers(*names: str) -> dict[str, Schema]:
    return {name: {"type": "integer"} for name in names}
