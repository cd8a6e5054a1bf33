"""Finding out what became of a write whose answer was lost, before anything is sent again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

import anyio

from fuseboard_cloudru.config import Limits
from fuseboard_cloudru.errors import CloudruError, Conflict, NotFound, OutcomeUnknown
from fuseboard_cloudru.models import CreateRegistry, Operation, OperationError, Registry, UpdateRegistry

T = TypeVar("T")
Send = Callable[[], Awaitable[T]]
Effect = Callable[[CloudruError], Awaitable[T | None]]
"""Looks for the effect of a write whose answer was lost with this error; None when there is none to be seen."""

# The request may still be on its way through the service when its answer is lost already.
_LOOKS = 3
_UNKNOWN = 2  # google.rpc.Code: the service does not say why


class Looks(Protocol):
    """How to look at what is there."""

    async def get_registry(self, registry_id: str) -> Registry:
        """One registry."""
        ...

    async def find_registry(self, name: str) -> Registry | None:
        """The registry with a name."""
        ...


class _NotSeen(OutcomeUnknown):
    """The effect of a write could be looked for, and is not there."""


class Settling:
    """Sends writes, and looks at their effect where the answer does not tell.

    Args:
        api: to look with.
        limits: for the time of a call and the pauses between looks.
    """

    def __init__(self, api: Looks, limits: Limits) -> None:
        self._api = api
        self._limits = limits

    async def create(self, wanted: CreateRegistry, send: Send[Operation]) -> Operation:
        """Create a registry; a lost create is sent once more when there is surely no registry with this name.

        Names are unique, so the second request cannot make a second registry.
        """
        advice = f"look for it with find_registry, name={wanted.name}"

        async def made(lost: CloudruError) -> Operation | None:
            registry = await self._api.find_registry(wanted.name)
            return _made(wanted, registry, lost) if registry else None

        with self._in_time(advice):
            try:
                return await self._settled(send, made, advice)
            except _NotSeen:
                pass
            try:
                return await self._settled(send, made, advice)
            except OutcomeUnknown:
                raise
            except CloudruError as error:
                # After a conflict: the first request came through after all, or the name belongs to another project.
                found = await self._look(made, error, advice) if isinstance(error, Conflict) else None
                if found is None:
                    # The second request surely did nothing; of the first that is not known.
                    text = _unknown(error, "since the answer to an earlier request for the same was lost", advice)
                    raise OutcomeUnknown(text, error.facts) from None
                return found

    async def update(
        self, registry_id: str, changes: UpdateRegistry, send: Send[Operation | Registry]
    ) -> Operation | Registry:
        """Change a registry; a lost change is done when the registry is as it should become."""
        advice = f"look at it with get_registry, registry_id={registry_id}"

        async def changed(lost: CloudruError) -> Operation | Registry | None:
            registry = await self._api.get_registry(registry_id)
            return registry if changes.is_done_in(registry) else None

        with self._in_time(advice):
            return await self._settled(send, changed, advice)

    async def delete(self, registry_id: str, send: Send[Operation]) -> Operation:
        """Delete a registry; a lost deletion is done when the registry is gone."""
        advice = f"look whether it is still there with get_registry, registry_id={registry_id}"

        async def gone(lost: CloudruError) -> Operation | None:
            try:
                await self._api.get_registry(registry_id)
            except NotFound:
                note = f"the service's answer was lost ({lost.code}), and the registry is gone"
                return Operation(resource_id=registry_id, description="DeleteRegistry", done=True, note=note)
            return None

        with self._in_time(advice):
            return await self._settled(send, gone, advice)

    async def _settled(self, send: Send[T], effect: Effect[T], advice: str) -> T:
        """The answer to a write, or what stands for it when it was lost and its effect is there."""
        try:
            return await send()
        except CloudruError as error:
            if not error.may_have_acted:
                raise
            lost = error
        seen = await self._look(effect, lost, advice)
        if seen is None:
            raise _NotSeen(_unknown(lost, "although nothing of it is to be seen yet", advice), lost.facts)
        return seen

    async def _look(self, effect: Effect[T], lost: CloudruError, advice: str) -> T | None:
        for attempt in range(_LOOKS):
            await anyio.sleep(self._limits.settle_delay * attempt)
            try:
                seen = await effect(lost)
            except OutcomeUnknown:
                raise
            except CloudruError as error:
                # It must not be taken for the end of the write itself.
                text = _unknown(lost, f"and it could not be looked at ({error.text})", advice)
                raise OutcomeUnknown(text, lost.facts) from None
            if seen is not None:
                return seen
        return None

    @contextmanager
    def _in_time(self, advice: str) -> Iterator[None]:
        seconds = self._limits.call_timeout
        try:
            with anyio.fail_after(seconds):
                yield
        except TimeoutError:
            text = f"what became of it was not found out in {seconds:g} s; {advice}, before it is sent again"
            raise OutcomeUnknown(text) from None


def _unknown(lost: CloudruError, seen: str, advice: str) -> str:
    story = lost.text.removesuffix("; try again later")
    return f"{story}; it may have been done all the same, {seen}: {advice}, before it is sent again"


def _made(wanted: CreateRegistry, registry: Registry, lost: CloudruError) -> Operation:
    """What stands for the operation of a create, when a registry of its name was found.

    Raises:
        OutcomeUnknown: the registry is not as it was asked for.
    """
    created = f", created at {registry.created_at}" if registry.created_at else ""
    story = f"the service's answer was lost ({lost.code}), and a registry {registry.name} was found{created}"
    if not wanted.is_done_in(registry):
        raise OutcomeUnknown(
            f"{story}, which is not as it was asked for, so it may be an older one: look at it with get_registry, "
            f"registry_id={registry.id}",
            lost.facts,
        )
    return Operation(
        resource_id=registry.id,
        resource_name=registry.name,
        description="CreateRegistry",
        done=registry.status != "CREATING",
        error=OperationError(code=_UNKNOWN, message="it has the status ERROR") if registry.status == "ERROR" else None,
        note=f"{story}; an earlier time means that it was there before",
    )
