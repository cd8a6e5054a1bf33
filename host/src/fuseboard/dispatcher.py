"""The dispatcher: the one async path on which every call runs, whichever surface it came from."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from secrets import token_hex
from typing import Any, Literal, Protocol

from fuseboard.bulkhead import Place
from fuseboard.caller import Caller
from fuseboard.catalogue import Catalogue, Entry
from fuseboard.circuit import Circuit
from fuseboard.context import Context, Rounds
from fuseboard.errors import (
    BackendError,
    Busy,
    CallError,
    DeadlineExceeded,
    MissingCapability,
    PluginFault,
    ProtocolError,
    ToolError,
    UnknownName,
)
from fuseboard.logs.call_log import found, logged
from fuseboard.middleware import Call, CallMiddleware
from fuseboard.middleware_chain import chained
from fuseboard.pausable import PausableReach
from fuseboard.reach import AskClient, NoReach, Reach
from fuseboard.reasons import without_host_frames
from fuseboard.running import Running, running
from fuseboard.strict_json import encode, one_line, sendable

logger = logging.getLogger(__name__)

DEEPEST_CALL = 8
MOST_COMPLETIONS = 100
LONGEST_ERROR = 16_384


class House(Protocol):
    """What the dispatcher needs of the host."""

    middleware: Sequence[tuple[str, CallMiddleware]]

    def seen_by(self, roles: frozenset[str] | None) -> Catalogue:
        """What a caller with these roles may see and call."""
        ...

    def circuit(self, plugin: str) -> Circuit:
        """The circuit of a plugin that is up."""
        ...

    async def wait_for_name(self, name: str, answers: Callable[[], bool]) -> None:
        """Wait while plugins load."""
        ...

    def why_unknown(self, name: str, roles: frozenset[str] | None) -> str:
        """Why nothing answers to a name."""
        ...

    def call_begins(self) -> None:
        """A call begins."""
        ...

    def call_failed(self, circuit: Circuit, reason: str, ticket: int) -> None:
        """A call ended by a fault of the plugin."""
        ...


Kind = Literal["tool", "prompt", "resource"]


class Dispatcher:
    """Used on the host's loop."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any],
        caller: Caller,
        reach: Reach | None = None,
        rounds: Rounds | None = None,
    ) -> dict[str, Any]:
        """Call a tool by public name, bare name or alias.

        Returns:
            A `CallToolResult` or `InputRequiredResult` in wire form; an error of the call is a result with `isError`.

        Raises:
            UnknownName: no tool, or more than one, answers to the name.
            ProtocolError: the tool answers with a JSON-RPC error.
            MissingCapability: the tool needs to ask the client, and it cannot be asked.
        """
        entry = await found(self._named(lambda seen: seen.tool(name), name, caller), "tool", name, caller)
        try:
            return await logged(self._through("tool", entry, arguments, caller, reach, rounds), "tool", entry, caller)
        except (ProtocolError, UnknownName, MissingCapability):
            raise
        except CallError as error:
            return error_result(error)

    async def get_prompt(
        self,
        name: str,
        arguments: Mapping[str, Any],
        caller: Caller,
        reach: Reach | None = None,
        rounds: Rounds | None = None,
    ) -> dict[str, Any]:
        """Render a prompt. Returns the wire form.

        Raises:
            CallError: it cannot be rendered.
        """
        entry = await found(self._named(lambda seen: seen.prompt(name), name, caller), "prompt", name, caller)
        return await logged(self._through("prompt", entry, arguments, caller, reach, rounds), "prompt", entry, caller)

    async def read_resource(
        self, uri: str, caller: Caller, reach: Reach | None = None, rounds: Rounds | None = None
    ) -> dict[str, Any]:
        """Read a resource. Returns the wire form.

        Raises:
            CallError: it cannot be read.
        """
        look = self._named(lambda seen: seen.resource(uri), uri, caller)
        entry, variables = await found(look, "resource", uri, caller)
        named = Entry(uri, entry.plugin, entry.item)
        return await logged(
            self._through("resource", named, variables, caller, reach, rounds), "resource", named, caller
        )

    async def complete(
        self, kind: Kind, name: str, argument: str, value: str, given: Mapping[str, str], caller: Caller
    ) -> list[str]:
        """What an argument of a prompt, or a variable of a resource template, can be. [] where nobody knows.

        Raises:
            UnknownName: there is no such prompt or template.
        """
        entry: Entry[Any]
        if kind == "prompt":
            entry = await self._named(lambda seen: seen.prompt(name), name, caller)
        else:
            entry = await self._named(lambda seen: _template(seen, name), name, caller)
        completer = entry.item.complete.get(argument)
        if completer is None:
            return []

        async def ask(ctx: Context[Any]) -> list[str]:
            values = [str(item) for item in await completer(ctx, value, given)][: MOST_COMPLETIONS + 1]
            encode(values, f"the completer of {argument}")
            return values

        try:
            values: list[str] = await self._run(entry, ask, caller, None, None)
            return values
        except CallError as error:
            logger.info("%s: no completion of %s: %s", entry.plugin, argument, error)
            return []

    async def _named(self, find: Callable[[Catalogue], Any], name: str, caller: Caller) -> Any:
        """What answers to a name for this caller; while plugins still start, it may be one of theirs."""
        try:
            return find(self._house.seen_by(caller.roles))
        except UnknownName:
            await self._house.wait_for_name(name, lambda: _finds(find, self._house.seen_by(caller.roles)))
        try:
            return find(self._house.seen_by(caller.roles))
        except UnknownName as error:
            raise type(error)(f"{error}{self._house.why_unknown(name, caller.roles)}") from None

    async def _through(
        self,
        kind: Kind,
        entry: Entry[Any],
        arguments: Mapping[str, Any],
        caller: Caller,
        reach: Reach | None,
        rounds: Rounds | None,
    ) -> dict[str, Any]:
        """Run the call through the plugins' middleware."""

        async def innermost(call: Call) -> dict[str, Any]:
            return await self._invoke(entry, call.arguments, call.caller, reach, rounds)

        if not self._house.middleware:
            return await self._invoke(entry, arguments, caller, reach, rounds)
        call = Call(kind, entry.public_name, entry.plugin, arguments, caller)
        options = self._house.circuit(entry.plugin).options
        result = await chained(self._house.middleware, innermost, options.call_timeout)(call)
        makers = ", ".join(plugin for plugin, _ in self._house.middleware)
        label = f"{entry.public_name} with the call middleware of {makers}"
        encode(result, label, options.max_result_bytes)
        entry.item.check_result(result, label)
        return result

    async def _invoke(
        self,
        entry: Entry[Any],
        arguments: Mapping[str, Any],
        caller: Caller,
        reach: Reach | None,
        rounds: Rounds | None,
    ) -> dict[str, Any]:
        limit = self._house.circuit(entry.plugin).options.max_result_bytes
        answered = rounds if rounds is not None else Rounds()

        async def invoke(ctx: Context[Any]) -> dict[str, Any]:
            try:
                result: dict[str, Any] = await entry.item.invoke(ctx, arguments, entry.public_name)
            except ProtocolError as error:
                encode([str(error), error.data], entry.public_name, limit)
                raise
            except BaseException as error:
                if (ask := AskClient.found_in(error)) is None:
                    raise
                result = ask.as_result(answered.carried())
            else:
                if result.get("resultType") == "input_required":
                    state = answered.carried_with(result.get("requestState"))
                    result |= {"requestState": state} if state is not None else {}
            encode(result, entry.public_name, limit)
            return result

        result: dict[str, Any] = await self._run(entry, invoke, caller, reach, answered)
        return result

    async def _run(
        self,
        entry: Entry[Any],
        work: Callable[[Context[Any]], Coroutine[Any, Any, Any]],
        caller: Caller,
        reach: Reach | None,
        rounds: Rounds | None,
    ) -> Any:
        """Fuse, bulkhead, deadline, hop: run something of a plugin on its circuit and judge how it ended."""
        circuit = self._house.circuit(entry.plugin)
        above = running.get()
        if above is not None and above.ended:
            above = None
        if above is not None and above.depth >= DEEPEST_CALL:
            raise ToolError(f"{entry.public_name}: calls are nested more than {DEEPEST_CALL} deep")
        ticket = circuit.fuse.admit()
        nested = above is not None and above.holds_place_of(circuit.name)
        here = _entered(circuit, entry, caller, above, ticket)
        token = running.set(here)
        try:
            async with here.clock:
                result = await self._visit(circuit, entry, work, (caller, reach, rounds), here, nested)
        except (asyncio.CancelledError, Busy):
            circuit.fuse.neither(ticket)
            raise
        except Exception as error:
            missed = isinstance(error, TimeoutError) and here.clock.expired()
            raise self._judged(circuit, entry, error, here, missed=missed) from None
        finally:
            here.ended = True
            running.reset(token)
        circuit.fuse.succeeded(ticket)
        return result

    async def _visit(
        self,
        circuit: Circuit,
        entry: Entry[Any],
        work: Callable[[Context[Any]], Coroutine[Any, Any, Any]],
        caller: tuple[Caller, Reach | None, Rounds | None],
        here: Running,
        nested: bool,
    ) -> Any:
        """Take a place and hop. A call inside a call of the same plugin uses the place of the outer one."""
        who, reach, rounds = caller
        bulkhead = None if nested else circuit.bulkhead
        if bulkhead is not None and not bulkhead.try_enter():
            await bulkhead.enter()
        here.begun = True
        place = Place(bulkhead)
        self._house.call_begins()
        told = PausableReach(reach, here.clock, place) if reach is not None else NoReach()
        context = circuit.context(who, told, rounds, place)
        visit = circuit.call(functools.partial(work, context), name=entry.public_name, place=place)
        try:
            return await visit.outcome
        except asyncio.CancelledError:
            visit.cancel()
            raise

    def _missed(self, circuit: Circuit, entry: Entry[Any], here: Running) -> CallError:
        """The deadline has passed. Only a plugin that had its own time, and a place to run, is to blame."""
        if here.borrowed:
            circuit.fuse.neither(here.ticket)
            return DeadlineExceeded(
                f"{entry.public_name} did not end within the time left of the call that asked for it"
            )
        seconds = entry.item.timeout or circuit.options.call_timeout
        if not here.begun:
            circuit.fuse.neither(here.ticket)
            return Busy(
                f"{entry.public_name} got no place within {seconds:g} s: {circuit.name} is busy; try again later"
            )
        self._house.call_failed(circuit, f"{entry.public_name} did not end within {seconds:g} s", here.ticket)
        return DeadlineExceeded(f"{entry.public_name} did not end within {seconds:g} s and was cancelled")

    def _judged(
        self, circuit: Circuit, entry: Entry[Any], error: Exception, here: Running, *, missed: bool
    ) -> CallError:
        """The error for the caller; a fault of the plugin is told to its fuse."""
        if missed:
            return self._missed(circuit, entry, here)
        if isinstance(error, BackendError):
            self._house.call_failed(circuit, one_line(str(error), 200), here.ticket)
            return error
        if isinstance(error, CallError):
            if isinstance(error, ToolError | ProtocolError):
                circuit.fuse.succeeded(here.ticket)  # the plugin's own, meant answer
            else:
                circuit.fuse.neither(here.ticket)
            # A name that the plugin asked for in vain is not the name that the caller asked for.
            return ToolError(str(error)) if isinstance(error, UnknownName) else error
        reference = token_hex(4)
        logging.getLogger(f"fuseboard.plugin.{circuit.name}").error(
            "%s failed (reference %s)", entry.public_name, reference, exc_info=without_host_frames(error)
        )
        self._house.call_failed(
            circuit, f"{entry.public_name} failed unexpectedly (reference {reference})", here.ticket
        )
        return PluginFault(
            f"{entry.public_name} failed unexpectedly; the operator finds the cause in the log under {reference}"
        )


def error_result(error: CallError) -> dict[str, Any]:
    """A `CallToolResult` with `isError`, in wire form: the model reads the text."""
    words = sendable(str(error))
    if len(words) > LONGEST_ERROR:
        words = f"{words[:LONGEST_ERROR]}… ({len(words)} characters)"
    text = {"type": "text", "text": words}
    return {"resultType": "complete", "content": [text], "isError": True}


def _entered(circuit: Circuit, entry: Entry[Any], caller: Caller, above: Running | None, ticket: int) -> Running:
    """The call with its deadline: its own time, or what is left of the call that it is part of."""
    deadline = asyncio.get_running_loop().time() + (entry.item.timeout or circuit.options.call_timeout)
    left = above.clock.when() if above is not None else None
    borrowed = left is not None and left < deadline
    clock = asyncio.timeout_at(left if borrowed else deadline)
    return Running(circuit.name, caller, above.depth + 1 if above is not None else 1, clock, borrowed, above, ticket)


def _template(seen: Catalogue, uri: str) -> Entry[Any]:
    for entry in seen.templates:
        if entry.item.uri == uri:
            return entry
    raise UnknownName(f"no resource template {uri[:200]!r}")


def _finds(find: Callable[[Catalogue], Any], seen: Catalogue) -> bool:
    try:
        find(seen)
    except UnknownName:
        return False
    return True
