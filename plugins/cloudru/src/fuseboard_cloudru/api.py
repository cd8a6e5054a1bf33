"""The Artifact Registry of one project: one method for each thing that its API can do."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Self, TypeVar

import anyio
from pydantic import ValidationError

from fuseboard_cloudru.client import Answer, Ask, Client
from fuseboard_cloudru.config import CloudruSettings
from fuseboard_cloudru.errors import BadAnswer, NotConfigured, NotFound, RejectedByService, Unreachable
from fuseboard_cloudru.iam import Clock
from fuseboard_cloudru.models import (
    CreateRegistry,
    Message,
    Operation,
    OperationPage,
    QuarantineMode,
    Registry,
    RegistryPage,
    UpdateRegistry,
    worded,
)
from fuseboard_cloudru.questions import checked_id, page_query
from fuseboard_cloudru.routes import Route, routes_of
from fuseboard_cloudru.settling import Settling

M = TypeVar("M", bound=Message)
# A route that the service does not know answers one of these; so does, with 404, a registry that it does not know.
_UNKNOWN_ROUTE = (404, 405, 501)


class ArtifactRegistry:
    """The API, with the keys of the settings. An async context manager.

    All methods raise `CloudruError`s. Ids are checked before anything is sent (`InvalidInput`).

    Args:
        settings: with a key, its secret and a project.
        clock: monotonic seconds, for the life of a token; tests bring their own.

    Raises:
        NotConfigured: one of these is missing.
    """

    def __init__(self, settings: CloudruSettings, clock: Clock = time.monotonic) -> None:
        if missing := settings.missing():
            raise NotConfigured(missing)
        self.settings = settings
        self._project = str(settings.project_id)
        self._client = Client(settings, clock)
        self._settling = Settling(self, settings.limits)
        self._worked: dict[str, Route] = {}

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._client.__aexit__(*exc_info)

    async def list_registries(
        self,
        page_size: int | None = None,
        page_token: str | None = None,
        filter: str | None = None,
        order_by: str | None = None,
    ) -> RegistryPage:
        """One page of the project's registries.

        Args:
            page_size: 1 to 100; the service chooses when it is not given.
            page_token: `next_page_token` of the page before.
            filter: an expression in snake_case names, such as `is_public=true`.
            order_by: such as `created_at desc`.
        """
        query = page_query(page_size, page_token, filter=filter, orderBy=order_by)
        return read(RegistryPage, await self._call("list_registries", query=query))

    async def all_registries(
        self, limit: int | None = None, filter: str | None = None, order_by: str | None = None
    ) -> RegistryPage:
        """All registries of the project in one page; with `next_page_token` when there are more than are read.

        Args:
            limit: how many are enough; within the limits of the settings when it is not given.
            filter: see `list_registries`.
            order_by: see `list_registries`.
        """
        pages = await self._pages(limit, filter, order_by)
        registries = [registry for page in pages for registry in page.registries]
        return RegistryPage(registries=registries, next_page_token=pages[-1].next_page_token)

    async def get_registry(self, registry_id: str) -> Registry:
        """One registry."""
        return read(Registry, await self._call("get_registry", registry_id=registry_id))

    async def find_registry(self, name: str) -> Registry | None:
        """The registry with exactly this name, None when the project has none.

        Raises:
            BadAnswer: it is not among so many registries as are read.
        """
        # Not by a filter: its language is not published, and one that is ignored would find another registry.
        pages = await self._pages(until=name)
        found = [registry for registry in pages[-1].registries if registry.name == name]
        if not found and pages[-1].next_page_token:
            read = sum(len(page.registries) for page in pages)
            raise BadAnswer(f"{name} is not among the first {read} registries, and no more are read; use its id")
        return found[0] if found else None

    async def create_registry(self, wanted: CreateRegistry) -> Operation:
        """Make a registry.

        When the answer is lost, the registry is looked up by its name before the request is sent once more. One that is
        found makes an operation without an id: done when the registry is ACTIVE, else to be followed by `resource_id`.

        Raises:
            OutcomeUnknown: the answer was lost, and so was what was tried to find out.
        """

        async def send() -> Operation:
            return read(Operation, await self._call("create_registry", body=wanted.body()))

        return await self._settling.create(wanted, send)

    async def update_registry(self, registry_id: str, changes: UpdateRegistry) -> Operation | Registry:
        """Change a registry. The service answers with an operation or with the registry.

        Raises:
            OutcomeUnknown: the answer was lost, and the registry is not (yet) as it should be.
        """
        return await self._update("update_registry", registry_id, changes)

    async def set_quarantine(self, registry_id: str, mode: QuarantineMode) -> Operation | Registry:
        """Change the quarantine mode of a registry, by the first route that the service knows.

        Raises:
            RejectedByService: also when it knows none of them.
            OutcomeUnknown: the answer was lost, and the registry has not (yet) this mode.
        """
        return await self._update("set_quarantine", registry_id, UpdateRegistry.of(quarantine_mode=mode))

    async def delete_registry(self, registry_id: str) -> Operation:
        """Delete a registry with all that is in it.

        When the answer is lost and the registry is gone, the operation is done and has no id.

        Raises:
            OutcomeUnknown: the answer was lost, and the registry is (still) there.
        """

        async def send() -> Operation:
            return read(Operation, await self._call("delete_registry", registry_id=registry_id))

        return await self._settling.delete(registry_id, send)

    async def get_operation(self, operation_id: str) -> Operation:
        """One operation. The service may not know it for a moment after it gave it."""
        return read(Operation, await self._call("get_operation", operation_id=operation_id))

    async def list_operations(
        self,
        resource_id: str | None = None,
        resource_name: str | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
    ) -> OperationPage:
        """One page of the project's operations, of one registry if its id or name is given."""
        query = page_query(page_size, page_token, resourceId=resource_id, resourceName=resource_name)
        return read(OperationPage, await self._call("list_operations", query=query))

    async def retention_runs(
        self, registry_id: str, page_size: int | None = None, page_token: str | None = None
    ) -> OperationPage:
        """One page of the runs of a registry's retention policy."""
        query = page_query(page_size, page_token)
        return read(OperationPage, await self._call("retention_runs", query=query, registry_id=registry_id))

    async def check(self) -> None:
        """Make a token if there is none, and ask for the shortest list."""
        await self.list_registries(page_size=1)

    async def _update(self, name: str, registry_id: str, changes: UpdateRegistry) -> Operation | Registry:
        async def send() -> Operation | Registry:
            answer = await self._call(name, body=changes.body(), registry_id=registry_id)
            # An operation has no name of its own, a registry always has one.
            return read(Registry, answer) if answer.fields.get("name") else read(Operation, answer)

        return await self._settling.update(registry_id, changes, send)

    async def _pages(
        self, limit: int | None = None, filter: str | None = None, order_by: str | None = None, until: str | None = None
    ) -> list[RegistryPage]:
        """The pages of the list of registries: as many as the limits allow, or until one has the name `until`."""
        seconds = self.settings.limits.call_timeout
        try:
            with anyio.fail_after(seconds):
                return await self._read_pages(limit, filter, order_by, until)
        except TimeoutError:
            raise Unreachable(f"the list of registries was not read in {seconds:g} s; try again later") from None

    async def _read_pages(
        self, limit: int | None, filter: str | None, order_by: str | None, until: str | None
    ) -> list[RegistryPage]:
        limits = self.settings.limits
        left = limits.page_size * limits.pages if limit is None else limit
        pages: list[RegistryPage] = []
        tokens: list[str] = []
        while True:
            token = tokens[-1] if tokens else None
            page = await self.list_registries(min(left, limits.page_size), token, filter, order_by)
            pages.append(page)
            left -= len(page.registries)
            found = any(registry.name == until for registry in page.registries)
            if found or not page.next_page_token or left <= 0 or len(pages) == limits.pages:
                return pages
            if page.next_page_token in tokens:
                raise BadAnswer("the list of registries leads back to a page that was read already; tell the provider")
            tokens.append(page.next_page_token)

    async def _call(
        self,
        name: str,
        *,
        query: Mapping[str, str | int | None] | None = None,
        body: Mapping[str, Any] | None = None,
        **ids: str,
    ) -> Answer:
        """Ask by the first route that the service knows; the one that worked last is tried first."""
        routes = routes_of(name, self.settings.routes)
        filled = {"project_id": self._project, **{place: checked_id(place, value) for place, value in ids.items()}}
        refusal: NotFound | RejectedByService | None = None
        for route in sorted(routes, key=lambda route: route != self._worked.get(name)):
            try:
                answer = await self._client.call(self._asked(route, filled, query or {}, body))
            except (NotFound, RejectedByService) as error:
                if error.facts is None or error.facts.status not in _UNKNOWN_ROUTE:
                    raise
                refusal = error
            else:
                self._worked[name] = route
                return answer
        assert refusal is not None
        if len(routes) > 1:
            await self.get_registry(ids["registry_id"])
            tried = ", ".join(map(str, routes))
            raise RejectedByService(
                f"the service knows none of the routes {tried}; the operator can give the right one in the setting "
                f"routes.{name}",
                refusal.facts,
            )
        raise refusal

    def _asked(
        self,
        route: Route,
        ids: Mapping[str, str],
        query: Mapping[str, str | int | None],
        body: Mapping[str, Any] | None,
    ) -> Ask:
        project = {"projectId": self._project}
        if route.project == "query":
            query = {**project, **query}
        elif route.project == "body":
            body = {**project, **(body or {})}
        return Ask(route, ids, query, body)


def read(model: type[M], answer: Answer) -> M:
    """Read a message out of an answer.

    Raises:
        BadAnswer: it has not the shape that it should have; a write may have acted all the same.
    """
    facts = answer.facts
    try:
        found = model.model_validate(answer.fields)
        if isinstance(found, Operation) and not found.id:
            raise ValueError("it has no id")
    except ValueError as error:
        reason = worded(error) if isinstance(error, ValidationError) else str(error)
        bad = BadAnswer(
            f"{facts.method} {facts.route} answered {facts.status} with something that is no {model.__name__} "
            f"({reason}; request {facts.request_id}); tell the provider",
            facts,
        )
        bad.may_have_acted = facts.method != "GET"
        raise bad from None
    return found
