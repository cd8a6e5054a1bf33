"""The simulated service as an ASGI application: its routes, in one table."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from fuseboard_cloudru.simulator import iam, legacy, registry_api
from fuseboard_cloudru.simulator.doors import Ask, Door, Handler, Methods, as_json, no_route, refused
from fuseboard_cloudru.simulator.faults import Faults
from fuseboard_cloudru.simulator.journal import Entry, Journal
from fuseboard_cloudru.simulator.openapi import document
from fuseboard_cloudru.simulator.spoiling import TRANSPORT, Spoiler
from fuseboard_cloudru.simulator.store import Store
from fuseboard_cloudru.simulator.switches import Switches


def _always(**handlers: Handler) -> Methods:
    return lambda switches: handlers


def _legacy(**handlers: Handler) -> Methods:
    return lambda switches: handlers if switches.legacy_routes else {}


def _document(store: Store, ask: Ask) -> Response:
    return as_json(document(store.switches))


def _quarantine(switches: Switches) -> Mapping[str, Handler]:
    method = {"patch": None, "own": "PATCH", "put_own": "PUT"}[switches.quarantine_route]
    return {} if method is None else {method: registry_api.update_quarantine}


OPEN: dict[str, Methods] = {
    "/api/v1/auth/token": _always(POST=iam.token),
    "/auth/system/openid/token": _always(POST=iam.form_token),
    "/openapi.json": _always(GET=_document),
}
"""The routes that need no token."""

GUARDED: dict[str, Methods] = {
    "/v1/registries": _always(GET=registry_api.list_registries, POST=registry_api.create_registry),
    "/v1/registries/{registry_id}": _always(
        GET=registry_api.get_registry, PATCH=registry_api.update_registry, DELETE=registry_api.delete_registry
    ),
    "/v1/registries/{registry_id}/quarantine": _quarantine,
    "/v1/registries/{registry_id}/retention/operations": _always(GET=registry_api.retention_runs),
    "/v1/operations": _always(GET=registry_api.list_operations),
    # An id may hold a quoted slash, which is a slash for whoever matches paths.
    "/v1/operations/{operation_id:path}": _always(GET=registry_api.get_operation),
    "/v1/projects/registry/{registry_id}/retention/operations": _legacy(GET=legacy.retention_runs),
    "/v1/projects/{project_id}/registries": _legacy(GET=legacy.list_registries, POST=legacy.create_registry),
    "/v1/projects/{project_id}/registries/{registry_id}": _legacy(
        GET=legacy.get_registry, DELETE=legacy.delete_registry
    ),
    "/v1/projects/{project_id}/registry/{registry_id}/quarantine": _legacy(
        PUT=legacy.update_quarantine, PATCH=legacy.update_quarantine
    ),
}
"""The routes that need a token."""


class _Service(Starlette):
    """Starlette that lets a fault reach the connection (ASGI has no message that ends one), and a client leave."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # uvicorn's `send` is a method of the exchange, which has the transport.
        scope[TRANSPORT] = getattr(getattr(send, "__self__", None), "transport", None)
        with suppress(ClientDisconnect):  # who left in the middle of a request waits for no answer
            await super().__call__(scope, receive, send)


def build_app(
    switches: Switches | None = None,
    store: Store | None = None,
    *,
    entries: list[Entry] | None = None,
    faults: Faults | None = None,
) -> Starlette:
    """The service.

    Args:
        switches: how it behaves; as the store says when left out.
        store: its state; an empty one when left out. It is also `app.state.store`.
        entries: where to write down what was asked.
        faults: what goes wrong; that of the switches when left out.
    """
    store = store or Store(switches)
    store.switches = switches or store.switches

    async def unknown(request: Request, error: Exception) -> Response:
        return refused(no_route(), store)

    routes = [Route(path, Door(store, methods, open_to_all=True)) for path, methods in OPEN.items()]
    routes += [Route(path, Door(store, methods)) for path, methods in GUARDED.items()]
    app = _Service(
        routes=routes,
        middleware=[
            Middleware(Journal, store=store, entries=[] if entries is None else entries),
            Middleware(Spoiler, store=store, faults=faults or Faults(store.switches.faults)),
        ],
        exception_handlers={404: unknown},
    )
    app.router.redirect_slashes = False
    app.state.store = store
    return app
