"""What a server wants of the user in the middle of a call: to fill a form, to sample, to know the roots.

On 2026-07-28 a server asks by ending its call with an `InputRequiredResult`, which passes through to the host. On the
handshake revisions it sends a request while the call runs. Then the call is parked: it stays open while our own tool
function ends its round with the question, and goes on when the host calls again with the answer. So what the call did
before it asked is done exactly once, in every pair of eras.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import mcp_types
from mcp_types import ErrorData, InputRequiredResult

from fuseboard_docker_mcp.config import ProxySettings
from fuseboard_docker_mcp.errors import CallTimeout, InvalidInput
from fuseboard_docker_mcp.text import clean

if TYPE_CHECKING:
    from fuseboard import Context

Result = TypeVar("Result", bound=mcp_types.Result)

PARKED = "parked:"
"""Begins the request state of a parked call."""
QUESTION = "question"
MOST_PARKED = 16
ONE_CLIENT = ("stdio", "memory", "cli")
"""Surfaces that have one client and one user."""
ABANDONED_FOR = 30.0
"""Seconds that a cancelled call may still be at work in the server."""


def capability_of(request: mcp_types.InputRequest) -> str:
    """What the client must have declared to be asked this, as `Context.can` calls it."""
    if isinstance(request, mcp_types.CreateMessageRequest):
        return "sampling"
    if isinstance(request, mcp_types.ListRootsRequest):
        return "roots"
    return f"elicitation.{request.params.mode}"


def capabilities_of(ctx: Context[Any]) -> dict[str, Any]:
    """What the caller of this call can be asked, as a client declares it."""
    modes: dict[str, Any] = {mode: {} for mode in ("form", "url") if ctx.can(f"elicitation.{mode}")}
    declared: dict[str, Any] = {"elicitation": modes} if modes else {}
    return declared | {name: {} for name in ("sampling", "roots") if ctx.can(name)}


def user_of(ctx: Context[Any]) -> str | None:
    """Who calls, None where two users cannot be told apart."""
    if ctx.caller.surface in ONE_CLIENT:
        return ctx.caller.surface
    return f"principal {ctx.caller.principal}" if ctx.caller.principal is not None else None


class Flight:
    """A call that is open at the server, over as many rounds of our own tool function as it asks questions.

    Args:
        ctx: of the running round.
        key: what the call is; an answer that comes with another is refused.
        send: makes the call.
    """

    def __init__(
        self, ctx: Context[Any], key: tuple[Any, ...], send: Callable[[Flight], Coroutine[Any, Any, Any]]
    ) -> None:
        self.ctx: Context[Any] | None = ctx
        self.key = key
        self.who = user_of(ctx)
        self.token = ""
        self.expiry: asyncio.TimerHandle | None = None
        self._one_at_a_time = asyncio.Lock()
        self._question: tuple[mcp_types.InputRequest, asyncio.Future[Mapping[str, Any]]] | None = None
        self._turn = asyncio.Event()
        self.task = asyncio.create_task(send(self), name=f"docker_mcp: {self.label}")
        self.task.add_done_callback(self._done)

    @property
    def label(self) -> str:
        """Server and tool, for texts."""
        return f"{self.key[0]} {clean(str(self.key[1]), 64)}"

    @property
    def question(self) -> mcp_types.InputRequest | None:
        """The question that is open and has no answer yet."""
        return self._question[0] if self._question is not None and not self._question[1].done() else None

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:
        """Hand progress to the round that waits; while the call is parked nobody does."""
        if self.ctx is not None:
            await self.ctx.report_progress(progress, total, clean(message) if message is not None else None)

    async def ask(self, request: mcp_types.InputRequest) -> Mapping[str, Any]:
        """Put a question to the round that waits, and wait for the answer of a later one."""
        async with self._one_at_a_time:
            answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
            self._question = (request, answer)
            self._turn.set()
            try:
                return await answer
            finally:
                self._question = None
                if not self.task.done():
                    self._turn.clear()

    def answer(self, answer: Mapping[str, Any]) -> None:
        """Give the open question its answer; too late is no harm."""
        if self.question is not None and self._question is not None:
            self._turn.clear()
            self._question[1].set_result(answer)

    async def round(self, timeout: float) -> bool:
        """Wait for the end of the call, or for a question.

        Args:
            timeout: seconds.

        Returns:
            Whether the call has ended: its task has the result.

        Raises:
            CallTimeout: neither came; the call is cancelled.
        """
        try:
            async with asyncio.timeout(timeout):
                while not self.task.done() and self.question is None:
                    await self._turn.wait()
        except TimeoutError:
            self.task.cancel()
            raise CallTimeout(
                f"{self.label} did not end within {timeout:g} s; the server was told to stop it, "
                "but may still be at work on it"
            ) from None
        except asyncio.CancelledError:
            self.task.cancel()
            raise
        return self.task.done()

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._turn.set()
        if not task.cancelled():
            task.exception()  # read, so that nothing is logged of a call that nobody waits for any more


class Questions:
    """The open calls of one session, and those that are parked.

    Args:
        server: whose session it is.
        settings: `ask_timeout`, `call_timeout`.

    Attributes:
        last_moved: when a call was opened or ended last, by `time.monotonic`.
    """

    def __init__(self, server: str, settings: ProxySettings) -> None:
        self._server = server
        self._settings = settings
        self._open: dict[Flight, None] = {}
        self._parked: dict[str, Flight] = {}
        self._abandoned: list[str | None] = []
        self.last_moved = 0.0

    @property
    def number_open(self) -> int:
        """How many calls are open at the server, parked ones included."""
        return len(self._open)

    @property
    def number_parked(self) -> int:
        """How many calls wait for the host's next round, ended ones included."""
        return len(self._parked)

    def take_off(
        self, ctx: Context[Any], key: tuple[Any, ...], send: Callable[[Flight], Coroutine[Any, Any, Any]]
    ) -> Flight:
        """Open a call."""
        flight = Flight(ctx, key, send)
        self._open[flight] = None
        self.last_moved = time.monotonic()
        flight.task.add_done_callback(lambda task: self._closed(flight, task))
        return flight

    def resume(self, ctx: Context[Any], key: tuple[Any, ...]) -> Flight:
        """The parked call that the host's repeated call belongs to, with the answer given to it.

        Raises:
            InvalidInput: there is none: it ended, or it was another call.
        """
        token = (ctx.request_state or "").removeprefix(PARKED)
        flight = self._parked.get(token)
        if flight is None or flight.key != key:
            raise InvalidInput(
                f"the question of {self._server} that this answers is not open any more; call the tool again"
            )
        flight.ctx = ctx
        if QUESTION in ctx.input_responses:
            self._unpark(flight)
            flight.answer(ctx.input_responses[QUESTION])
        return flight

    async def wait(self, flight: Flight) -> Any:
        """The end of this round: the result of the call, or the question that the host has to ask.

        Raises:
            CallTimeout: no end in time.
        """
        try:
            if await flight.round(self._settings.call_timeout):
                self._unpark(flight)
                if flight.task.cancelled():
                    raise CallTimeout(
                        f"the question of {self._server} was not answered in time; the call was cancelled"
                    )
                return flight.task.result()
            return self._park(flight)
        finally:
            flight.ctx = None

    async def elicit(self, context: Any, params: mcp_types.ElicitRequestParams) -> mcp_types.ElicitResult | ErrorData:
        """Take the server's `elicitation/create`."""
        return await self._asked(mcp_types.ElicitRequest(params=params), mcp_types.ElicitResult)

    async def sample(
        self, context: Any, params: mcp_types.CreateMessageRequestParams
    ) -> mcp_types.CreateMessageResult | ErrorData:
        """Take the server's `sampling/createMessage`."""
        return await self._asked(mcp_types.CreateMessageRequest(params=params), mcp_types.CreateMessageResult)

    async def roots(self, context: Any) -> mcp_types.ListRootsResult | ErrorData:
        """Take the server's `roots/list`."""
        return await self._asked(mcp_types.ListRootsRequest(), mcp_types.ListRootsResult)

    async def _asked(self, request: mcp_types.InputRequest, result_type: type[Result]) -> Result | ErrorData:
        users = {flight.who for flight in self._open}
        if len(self._open) != 1 and (len(users) != 1 or None in users):
            number = len(self._open) or "no"
            return _refusal(f"{number} calls are open: it cannot be told whose user is asked")
        if any(who is None or who not in users for who in self._abandoned):
            return _refusal("a call of another user was cancelled just now: it cannot be told whose user is asked")
        # Of several calls of one user any may carry the question: the answer finds the server's request by its id.
        waiting = [flight for flight in self._open if flight.ctx is not None and flight.ctx.can(capability_of(request))]
        if not waiting:
            return _refusal(f"the client of this call cannot be asked for {request.method}")
        flight = waiting[-1]
        answer = await flight.ask(request)
        try:
            return result_type.model_validate(answer)
        except ValueError:
            return _refusal("the client's answer has a wrong form")

    def _closed(self, flight: Flight, task: asyncio.Task[Any]) -> None:
        self._open.pop(flight, None)
        self.last_moved = time.monotonic()
        if task.cancelled():
            # A server that ignores the cancellation may still ask, and must not ask the user of another call.
            self._abandoned.append(flight.who)
            asyncio.get_running_loop().call_later(ABANDONED_FOR, self._abandoned.remove, flight.who)

    def _park(self, flight: Flight) -> InputRequiredResult:
        question = flight.question
        assert question is not None
        if not flight.token:
            # Those of one user at most are open at the server; the oldest question is the one nobody answered.
            while len(self._parked) >= MOST_PARKED:
                self._expire(next(iter(self._parked.values())))
            flight.token = secrets.token_urlsafe(18)
            self._parked[flight.token] = flight
            loop = asyncio.get_running_loop()
            flight.expiry = loop.call_later(self._settings.ask_timeout, self._expire, flight)
        return InputRequiredResult(input_requests={QUESTION: question}, request_state=PARKED + flight.token)

    def _unpark(self, flight: Flight) -> None:
        self._parked.pop(flight.token, None)
        flight.token = ""
        if flight.expiry is not None:
            flight.expiry.cancel()
            flight.expiry = None

    def _expire(self, flight: Flight) -> None:
        self._unpark(flight)
        flight.task.cancel()


def _refusal(text: str) -> ErrorData:
    return ErrorData(code=mcp_types.INVALID_REQUEST, message=text)
