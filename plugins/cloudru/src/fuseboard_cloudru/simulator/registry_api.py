"""The methods of the registry service: each reads a request, asks the store, and gives the message of the answer."""

from __future__ import annotations

import uuid
from typing import Any

from fuseboard_cloudru.simulator.doors import Ask, no_method, no_route
from fuseboard_cloudru.simulator.fields import Fields
from fuseboard_cloudru.simulator.paging import chosen, page
from fuseboard_cloudru.simulator.records import Operation, Registry
from fuseboard_cloudru.simulator.refusal import Code, Refused, invalid
from fuseboard_cloudru.simulator.requests import quarantine_of, to_create, to_update
from fuseboard_cloudru.simulator.store import Store


def list_registries(store: Store, ask: Ask) -> dict[str, Any]:
    """`GET /v1/registries`."""
    check_project(store, ask.query.get("projectId", ""))
    found, token = page(chosen(store.registries(), ask.query), ask.query, store.switches.page_size_max)
    return {"registries": [registry.as_message() for registry in found], "nextPageToken": token}


def create_registry(store: Store, ask: Ask) -> dict[str, Any]:
    """`POST /v1/registries`."""
    fields = Fields.of_body(ask.body)
    check_project(store, fields.text("projectId"))
    return store.create(to_create(fields)).as_message()


def get_registry(store: Store, ask: Ask) -> dict[str, Any]:
    """`GET /v1/registries/{registryId}`."""
    return _registry(store, ask, ask.parts[2]).as_message()


def update_registry(store: Store, ask: Ask) -> dict[str, Any]:
    """`PATCH /v1/registries/{registryId}`. Where the quarantine mode has its own route, this one does not take it."""
    registry, fields = _registry(store, ask, ask.parts[2]), Fields.of_body(ask.body)
    check_project(store, fields.text("projectId") or store.project_id)
    if fields.has("quarantineMode") and store.switches.quarantine_route != "patch":
        raise no_method(store, ("GET", "DELETE"))
    return store.update(registry, to_update(fields, registry)).as_message()


def delete_registry(store: Store, ask: Ask) -> dict[str, Any]:
    """`DELETE /v1/registries/{registryId}`."""
    return store.delete(_registry(store, ask, ask.parts[2])).as_message()


def update_quarantine(store: Store, ask: Ask) -> dict[str, Any]:
    """`PATCH` or `PUT /v1/registries/{registryId}/quarantine`."""
    registry, fields = _registry(store, ask, ask.parts[2]), Fields.of_body(ask.body)
    return store.update(registry, quarantine_of(fields)).as_message()


def list_operations(store: Store, ask: Ask) -> dict[str, Any]:
    """`GET /v1/operations`."""
    check_project(store, ask.query.get("projectId", ""))
    wanted = {"resource_id": ask.query.get("resourceId"), "resource_name": ask.query.get("resourceName")}
    found = [
        operation
        for operation in store.operations()
        if all(not value or getattr(operation, name) == value for name, value in wanted.items())
    ]
    return _operations(store, ask, found)


def get_operation(store: Store, ask: Ask) -> dict[str, Any]:
    """`GET /v1/operations/{operationId}`. An id may hold a `/`, but only quoted."""
    if len(ask.parts) != len(("v1", "operations", "{operationId}")):
        raise no_route()
    return store.operation(ask.parts[2]).as_message()


def retention_runs(store: Store, ask: Ask) -> dict[str, Any]:
    """`GET /v1/registries/{registryId}/retention/operations`."""
    registry = _registry(store, ask, ask.parts[2])
    return _operations(store, ask, store.retention_runs(registry.id))


def _operations(store: Store, ask: Ask, found: list[Operation]) -> dict[str, Any]:
    shown, token = page(found, ask.query, store.switches.page_size_max)
    return {"operations": [operation.as_message() for operation in shown], "nextPageToken": token}


def _registry(store: Store, ask: Ask, registry_id: str) -> Registry:
    """The registry that a path names; the project may be left out there."""
    check_project(store, ask.query.get("projectId", "") or store.project_id)
    return store.registry(registry_id)


def check_project(store: Store, project_id: str) -> None:
    """Refuse a project that is not this one.

    Raises:
        Refused: it is no UUID, or another one.
    """
    try:
        wanted = uuid.UUID(project_id)
    except ValueError:
        raise invalid("projectId", "must be a UUID") from None
    if wanted != uuid.UUID(store.project_id):
        raise Refused(Code.PERMISSION_DENIED, "permission denied")
