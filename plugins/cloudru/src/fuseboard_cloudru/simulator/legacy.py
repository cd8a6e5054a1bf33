"""The routes of 2025, which have the project in their path. The service answers 404 to them today."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fuseboard_cloudru.simulator import registry_api
from fuseboard_cloudru.simulator.doors import Ask
from fuseboard_cloudru.simulator.fields import Fields
from fuseboard_cloudru.simulator.registry_api import check_project
from fuseboard_cloudru.simulator.requests import quarantine_of, to_create
from fuseboard_cloudru.simulator.store import Store


def list_registries(store: Store, ask: Ask) -> dict[str, Any]:
    """`GET /v1/projects/{projectId}/registries`."""
    return registry_api.list_registries(store, replace(ask, query={**ask.query, "projectId": ask.parts[2]}))


def create_registry(store: Store, ask: Ask) -> dict[str, Any]:
    """`POST /v1/projects/{projectId}/registries`."""
    check_project(store, ask.parts[2])
    return store.create(to_create(Fields.of_body(ask.body))).as_message()


def get_registry(store: Store, ask: Ask) -> dict[str, Any]:
    """`GET /v1/projects/{projectId}/registries/{registryId}`."""
    check_project(store, ask.parts[2])
    return store.registry(ask.parts[4]).as_message()


def delete_registry(store: Store, ask: Ask) -> dict[str, Any]:
    """`DELETE /v1/projects/{projectId}/registries/{registryId}`."""
    check_project(store, ask.parts[2])
    return store.delete(store.registry(ask.parts[4])).as_message()


def update_quarantine(store: Store, ask: Ask) -> dict[str, Any]:
    """`PUT` or `PATCH /v1/projects/{projectId}/registry/{registryId}/quarantine`, which answers with the registry."""
    check_project(store, ask.parts[2])
    registry, values = store.registry(ask.parts[4]), quarantine_of(Fields.of_body(ask.body))
    return store.update_at_once(registry, values).as_message()


def retention_runs(store: Store, ask: Ask) -> dict[str, Any]:
    """`GET /v1/projects/registry/{registryId}/retention/operations`, with the project in the query."""
    check_project(store, ask.query.get("projectId", ""))
    return registry_api.retention_runs(store, replace(ask, parts=("v1", "registries", ask.parts[3])))
