"""Waits for an operation: asks with growing pauses, tells how long it waits, ends in the registry or the failure."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol, TypeVar

import anyio

from fuseboard_cloudru.errors import CloudruError, NotFound, OperationFailed, RateLimited, Unreachable
from fuseboard_cloudru.models import Operation, OperationError, Registry

Answer = TypeVar("Answer")
Leaves = Literal["registry", "nothing", "unknown"]
"""What is there when the operation is over: a registry, nothing (it was deleted), or nobody knows which."""

Tell = Callable[[float, float | None, str | None], Awaitable[None]]
"""`async (done, total, message)`, as the context's `report_progress`; both figures are seconds."""

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 5.0
GROWTH = 1.5
# A new operation and its registry may be unknown for a moment.
GRACE = 15.0
# The same where the operation may as well have deleted the registry.
SHORT_GRACE = 3.0
# In a row; the client has repeated each of them already.
MOST_FAILURES = 3
# The status of an error that says nothing more (google.rpc.Code, 2).
_UNKNOWN = 2


class Api(Protocol):
    """What following needs of `ArtifactRegistry`."""

    async def get_operation(self, operation_id: str) -> Operation:
        """One operation."""
        ...

    async def get_registry(self, registry_id: str) -> Registry:
        """One registry."""
        ...


@dataclass(frozen=True)
class Timer:
    """Time as following sees it; tests bring their own.

    Attributes:
        now: monotonic seconds.
        sleep: waits so many seconds.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep


@dataclass(frozen=True)
class Followed:
    """How far an operation was followed.

    Attributes:
        operation: as it was seen last.
        registry: what it made or changed, as it was seen last; None when it is deleted or was never seen.
        finished: whether all is over; False when only the time was.
    """

    operation: Operation
    registry: Registry | None
    finished: bool


async def follow(
    api: Api,
    operation: Operation | str,
    leaves: Leaves,
    *,
    seconds: float,
    tell: Tell,
    timer: Timer | None = None,
) -> Followed:
    """Follow an operation until it is over and its registry is ready, or until the time is over.

    Args:
        api: whom to ask.
        operation: as the service answered it, or its id.
        leaves: what to expect at the end.
        seconds: how long to follow at most.
        tell: learns how many of the seconds have passed, and what is waited for.
        timer: the time.

    Raises:
        OperationFailed: the operation, or what it made, ended in an error.
        NotFound: there is no such operation, or no registry where there must be one.
        CloudruError: the service cannot be asked any more; the text says that the operation goes on. Also when the
            time was over before the operation was ever seen.
    """
    following = _Following(api, operation, seconds, tell, timer or Timer())
    with anyio.move_on_after(seconds):
        await following.to_the_end(leaves)
    if not following.seen:
        raise following.trouble or Unreachable(
            f"the service did not show operation {following.operation.id} within {seconds:g} s; try again later"
        )
    return Followed(following.operation, following.registry, following.finished)


def how_to_go_on(operation: Operation) -> str:
    """What to call to learn how an operation ends."""
    if operation.id is None:
        return f"look at it with get_registry, registry_id={operation.resource_id}"
    return f"follow it with wait_for_operation, operation_id={operation.id}"


class _Following:
    """One operation on its way. What was seen so far stands in the attributes, however it ends."""

    def __init__(self, api: Api, operation: Operation | str, seconds: float, tell: Tell, timer: Timer) -> None:
        self._api = api
        self._seconds = seconds
        self._tell = tell
        self._timer = timer
        self._begun = timer.now()
        self._pause = FIRST_PAUSE
        self._failures = 0
        self.operation = Operation(id=operation) if isinstance(operation, str) else operation
        self.seen = isinstance(operation, Operation)
        self.trouble: CloudruError | None = None
        self.registry: Registry | None = None
        self.finished = False

    async def to_the_end(self, leaves: Leaves) -> None:
        """Follow until all is over, or the time is."""
        if not await self._operation_ends():
            return
        registry_id = self.operation.resource_id
        no_more = leaves == "nothing" or _deletes(self.operation) or not registry_id
        self.finished = no_more or await self._registry_is_ready(registry_id, surely=leaves == "registry")

    async def _operation_ends(self) -> bool:
        """Whether it ended in time. One without an id was lost with the answer, and only its effect can be seen."""
        name = self.operation.id
        while name is not None and not self.operation.done:
            found = await self._ask(partial(self._api.get_operation, name), until=GRACE)
            if found is not None:
                self.operation, self.seen = found, True
            what = f"{self.operation.description or 'operation'} {self.operation.resource_name or name}"
            if not self.operation.done and not await self._rest(f"{what} is not done yet"):
                return False
        self.operation.raise_for_error()
        return True

    async def _registry_is_ready(self, registry_id: str, *, surely: bool) -> bool:
        """Whether it became ready in time. One that is not there was deleted, unless there must be one."""
        grace = self._waited() + (GRACE if surely else SHORT_GRACE)
        while self.registry is None or self.registry.status == "CREATING":
            try:
                self.registry = await self._ask(partial(self._api.get_registry, registry_id), until=grace)
            except NotFound:
                if surely:
                    raise
                return True
            ready = self.registry is not None and self.registry.status != "CREATING"
            if not ready and not await self._rest(f"registry {registry_id} is not ACTIVE yet"):
                return False
        if self.registry.status == "ERROR":
            reason = OperationError(code=_UNKNOWN, message=f"registry {registry_id} has the status ERROR")
            raise OperationFailed(self.operation.model_copy(update={"error": reason}))
        return True

    async def _ask(self, question: Callable[[], Awaitable[Answer]], until: float) -> Answer | None:
        """The answer; None when it is worth asking again.

        Args:
            question: what to ask.
            until: for how many seconds from the beginning "not found" is no answer.
        """
        try:
            answer = await question()
        except NotFound as error:
            if self._waited() >= until:
                raise
            self.trouble = error
            return None
        except (Unreachable, RateLimited) as error:
            self._failures += 1
            self.trouble = error
            if self._failures < MOST_FAILURES:
                return None
            raise self._goes_on(error) from error
        except CloudruError as error:
            raise self._goes_on(error) from error
        self._failures = 0
        return answer

    def _goes_on(self, error: CloudruError) -> CloudruError:
        """The same error, which also says that what was begun has not ended with it."""
        return type(error)(f"{error.text}; the work goes on: {how_to_go_on(self.operation)}", error.facts)

    async def _rest(self, words: str) -> bool:
        """Tell where we are and pause, longer each time. Whether there is time left."""
        left = self._seconds - self._waited()
        if left <= 0:
            return False
        await self._tell(self._waited(), self._seconds, words)
        await self._timer.sleep(min(self._pause, left))
        self._pause = min(self._pause * GROWTH, LONGEST_PAUSE)
        return self._waited() < self._seconds

    def _waited(self) -> float:
        return self._timer.now() - self._begun


def _deletes(operation: Operation) -> bool:
    """Whether it says that it deletes, so that no registry is to be expected."""
    return "delete" in operation.description.lower()
