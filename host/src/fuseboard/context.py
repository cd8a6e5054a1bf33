"""`Context`: all that a tool, prompt, resource or health check gets of the host."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from fuseboard.caller import Caller
from fuseboard.errors import MissingCapability, ToolError
from fuseboard.forms import answers, check_form
from fuseboard.reach import AskClient, NoReach, Reach
from fuseboard.strict_json import encode, sendable

if TYPE_CHECKING:
    from pydantic import BaseModel

    from fuseboard.board import Board
    from fuseboard.catalogue import Catalogue

State = TypeVar("State")

LogLevel = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]


@dataclass(frozen=True, slots=True)
class Elicited:
    """The user's answer to a question.

    Attributes:
        action: "accept", "decline" or "cancel".
        content: the filled form when accepted, by field; None otherwise and for URLs.
    """

    action: str
    content: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Rounds:
    """What a repeated call brings (2026-07-28, multi-round-trip requests).

    The client sends only the newest answers, so everything earlier travels in the sealed request state.

    Attributes:
        answers: results of the client to this call's questions, by `ask_key`.
        input_responses: results by the plugin's own keys, if it returned an `InputRequiredResult` itself.
        request_state: the plugin's own state of that result.
        asked: how many questions this round has reached.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    input_responses: dict[str, Any] = field(default_factory=dict)
    request_state: str | None = None
    asked: int = 0

    @classmethod
    def of(cls, newest: Mapping[str, Any] | None, request_state: str | None) -> Rounds:
        """Read the newest answers and the (verified) state of a repeated call."""
        earlier: dict[str, Any] = {"answers": {}, "responses": {}, "state": request_state}
        if request_state is not None and request_state.startswith(STATE_MARK):
            earlier = json.loads(request_state.removeprefix(STATE_MARK))
        asked = {key: value for key, value in (newest or {}).items() if key.startswith(ASK)}
        own = {key: value for key, value in (newest or {}).items() if not key.startswith(ASK)}
        return cls(earlier["answers"] | asked, earlier["responses"] | own, earlier["state"])

    def next_key(self) -> str:
        """The key of the next question: the same in every round, because the function runs from its first line."""
        self.asked += 1
        return f"{ASK}{self.asked}"

    def carried(self) -> str:
        """The state of a round that ends with a question of `ctx.elicit` and the like."""
        return _packed(self.answers, self.input_responses, self.request_state)

    def carried_with(self, request_state: str | None) -> str | None:
        """The state of a round that the plugin ended itself, with this state of its own."""
        return _packed(self.answers, {}, request_state) if self.answers else request_state


ASK = "fuseboard-ask-"
STATE_MARK = "fuseboard-rounds:"
"""Begins a request state of the host's; a plugin's own state is inside it, or stands alone."""


def _packed(answers: Mapping[str, Any], responses: Mapping[str, Any], state: str | None) -> str:
    return STATE_MARK + json.dumps({"answers": answers, "responses": responses, "state": state})


class Context(Generic[State]):
    """What a running call knows and can do.

    Attributes:
        state: what the plugin's `lifespan` yielded.
        plugin: the plugin's name.
        caller: who calls, from which surface.
        request_id: the client's id of the request.
        board: the plugin's door to the host.
    """

    def __init__(
        self,
        *,
        state: State,
        plugin: str,
        caller: Caller,
        board: Board | None = None,
        reach: Reach | None = None,
        home: asyncio.AbstractEventLoop | None = None,
        rounds: Rounds | None = None,
        in_thread: Callable[[Callable[[], Any]], Coroutine[Any, Any, Any]] | None = None,
    ) -> None:
        self.state = state
        self.plugin = plugin
        self.caller = caller
        self.request_id = caller.request_id
        self._board = board
        self._reach: Reach = reach if reach is not None else NoReach()
        self._home = home
        self._rounds = rounds if rounds is not None else Rounds()
        self._in_thread = in_thread
        self._progress = -math.inf

    @property
    def board(self) -> Board:
        """The plugin's door to the host.

        Raises:
            RuntimeError: the context was made without a host, as in a plugin's own unit test.
        """
        if self._board is None:
            raise RuntimeError("this context has no host; use fuseboard.testing.PluginHost to test with one")
        return self._board

    @property
    def catalogue(self) -> Catalogue:
        """What the caller of this call may see and call; tell no caller of anything else."""
        return self.board.seen_by(self.caller)

    def may_call(self, name: str, *, read_only: bool = False, destructive: bool = True) -> bool:
        """Whether the caller of this call may call a tool, for a tool that leads to others.

        Args:
            name: the public name that the other tool has, or would have if it were served.
            read_only, destructive: its hints, if it is not served.
        """
        if self._board is None:
            return True
        return self.catalogue.may_call(name, reads_only=read_only, destroys=destructive and not read_only)

    @property
    def input_responses(self) -> Mapping[str, Any]:
        """The client's answers by the keys of the `InputRequiredResult` that the tool returned before."""
        return self._rounds.input_responses

    @property
    def request_state(self) -> str | None:
        """The state of the `InputRequiredResult` that the tool returned before."""
        return self._rounds.request_state

    async def report_progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Tell the client how far the call is. Values that do not grow are dropped (MCP: they must increase).

        Args:
            done: how much is done, in any unit.
            total: how much there is, in the same unit.
            message: what is being done now.
        """
        if not self._reach.wants_progress or not done > self._progress or not math.isfinite(done):
            return
        self._progress = done
        total = total if total is None or math.isfinite(total) else None
        await self._at_home(self._reach.progress(done, total, message if message is None else sendable(str(message))))

    async def elicit(self, message: str, schema: type[BaseModel] | Mapping[str, Any]) -> Elicited:
        """Ask the user to fill a small form. Ask before any side effect: on 2026-07-28 the call starts anew.

        Args:
            message: the question.
            schema: a pydantic model with flat fields, or the JSON Schema of one.

        Raises:
            MissingCapability: the client cannot be asked (a `ToolError`).
            ToolError: the answer does not fit the form.
        """
        requested = dict(schema) if isinstance(schema, Mapping) else schema.model_json_schema()
        params = {"mode": "form", "message": message, "requestedSchema": requested}
        answer = _elicited(await self._ask("elicitation/create", params, "elicitation.form"))
        if answer.action == "accept":
            check_form(requested, dict(answer.content or {}))
        return answer

    async def elicit_url(self, message: str, url: str, elicitation_id: str | None = None) -> Elicited:
        """Ask the user to open a page, for example to sign in. See `elicit`."""
        params = {"mode": "url", "message": message, "url": url}
        params["elicitationId"] = elicitation_id or f"{self.plugin}-{self.request_id}"
        return _elicited(await self._ask("elicitation/create", params, "elicitation.url"))

    async def sample(self, messages: Sequence[Mapping[str, Any]], *, max_tokens: int, **more: Any) -> dict[str, Any]:
        """Ask the client's model. `messages` and the result are in the wire form of `sampling/createMessage`."""
        params = {"messages": [dict(message) for message in messages], "maxTokens": max_tokens, **more}
        return await self._ask("sampling/createMessage", params, "sampling")

    async def list_roots(self) -> list[dict[str, Any]]:
        """The client's roots, each `{"uri": ..., "name": ...}`."""
        result = await self._ask("roots/list", {}, "roots")
        return list(result.get("roots", []))

    def can(self, capability: str) -> bool:
        """Whether the client can be asked.

        Args:
            capability: "elicitation.form", "elicitation.url", "sampling" or "roots".
        """
        return self._reach.can(capability)

    async def forward(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the client what a proxied server wants to ask it.

        Args:
            method: "elicitation/create", "sampling/createMessage" or "roots/list".
            params: in wire form.

        Raises:
            MissingCapability: the client cannot be asked (a `ToolError`).
        """
        capability = {"sampling/createMessage": "sampling", "roots/list": "roots"}.get(method)
        return await self._ask(method, dict(params), capability or f"elicitation.{params.get('mode', 'form')}")

    async def log(self, level: LogLevel, data: Any, logger: str | None = None) -> None:
        """Send a log message to the client; dropped where the client did not ask for messages of this level.

        Raises:
            InvalidResult: `data` is not JSON.
        """
        encode(data, f"{self.plugin}: a log message")
        await self._at_home(self._reach.log(level, data, sendable(logger or self.plugin)))

    async def resource_updated(self, uri: str) -> None:
        """Tell the clients that subscribed to this resource that it has changed."""
        await self.board.resource_updated(uri)

    async def in_thread(self, function: Callable[[], Any]) -> Any:
        """Run a blocking function in a worker thread of this plugin."""
        if self._in_thread is None:
            return await asyncio.to_thread(function)
        return await self._in_thread(function)

    async def _ask(self, method: str, params: dict[str, Any], capability: str) -> dict[str, Any]:
        key = self._rounds.next_key()
        known: object = self._rounds.answers.get(key)
        if answers(known, method):
            return dict(known)
        if not self._reach.can(capability):
            raise MissingCapability(method, capability)
        if self._reach.asks_in_rounds:
            raise AskClient({key: {"method": method, "params": params}})
        encode(params, f"{self.plugin}: a question")
        answer: dict[str, Any] = await self._at_home(self._reach.ask(method, params))
        if not answers(answer, method):
            raise ToolError(f"the client's answer to {method} has a wrong form")
        self._rounds.answers[key] = answer  # should the call be repeated for another reason, nobody is asked twice
        return answer

    async def _at_home(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Await on the host's loop: the caller's session lives there and must not be touched from another."""
        if self._home is None or asyncio.get_running_loop() is self._home:
            return await coroutine
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._home))


def _elicited(result: Mapping[str, Any]) -> Elicited:
    return Elicited(action=str(result.get("action", "cancel")), content=result.get("content"))
