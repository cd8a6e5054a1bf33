"""What the proof of the whole plugin shares: a real host with it, asking a simulator, and what a client sees of it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from jsonschema import Draft202012Validator
from mcp_types import CallToolResult, ElicitResult, Tool

import fuseboard_cloudru
from fuseboard.testing import PluginHost
from fuseboard_cloudru.simulator import Simulator
from tests.plugins.cloudru.asking import Got, Reply, Says
from tests.plugins.cloudru.served import PATIENT, section, text_of

__all__ = ["Answers", "Asked", "Got", "Reply", "Stable", "asking", "section", "text_of", "without"]

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"

# Short pauses, and time enough for a machine that is busy with other tests.
QUICK: dict[str, Any] = {"retry_delay": 0.01, "settle_delay": 0.02, "read_timeout": 20, "request_timeout": 40}

# A row of faults is what is tested here, not the fuse.
NEVER_BLOWS = PATIENT.model_copy(update={"fault_threshold": 10_000})

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class Asked:
    """A host with the plugin, and its tools by their bare names.

    Args:
        host: the host.
        tools: what it serves.
    """

    def __init__(self, host: PluginHost, tools: Mapping[str, Tool]) -> None:
        self.host = host
        self.tools = tools

    async def call(self, name: str, arguments: Mapping[str, Any] | None = None) -> CallToolResult:
        """Call a tool, and hold what it answers against its output schema."""
        result = await self.host.call_tool(f"cloudru_{name}", arguments)
        if not result.is_error:
            schema = self.tools[name].output_schema
            assert schema is not None, f"{name} has no output schema"
            Draft202012Validator(schema).validate(result.structured_content)
        return result

    async def result(self, name: str, /, **arguments: Any) -> Any:
        """The structured result of a tool that must succeed."""
        answer = await self.call(name, arguments)
        assert not answer.is_error, text_of(answer)
        return answer.structured_content

    async def error(self, name: str, /, **arguments: Any) -> str:
        """The text of a tool's error, which must be one."""
        answer = await self.call(name, arguments)
        assert answer.is_error, f"{name} answered {answer.structured_content}"
        return text_of(answer)


@asynccontextmanager
async def asking(
    simulator: Simulator | Says, *, agree: bool = True, mode: str = "auto", **more: Any
) -> AsyncIterator[Asked]:
    """The plugin in a real host, pointed at a simulator.

    Args:
        simulator: whom it asks.
        agree: what the user answers when asked.
        mode: the protocol era of the client.
        more: settings of the plugin; `limits` are added to the quick ones.
    """

    async def user(context: object, params: object) -> ElicitResult:
        return ElicitResult(action="accept", content={"delete": agree})

    settings = section(simulator, **{**more, "limits": {**QUICK, **more.get("limits", {})}})
    async with PluginHost(
        fuseboard_cloudru, name="cloudru", settings=settings, fuse=NEVER_BLOWS, mode=mode, elicitation_callback=user
    ) as host:
        listed = (await host.client.list_tools()).tools
        yield Asked(
            host, {tool.name.removeprefix("cloudru_"): tool for tool in listed if tool.name.startswith("cloudru_")}
        )


def _say_nothing(request: object, client_address: object) -> None:
    """In place of the traceback that the server would print."""


class Answers(Says):
    """Makes good tokens, and answers everything else as a test says.

    Args:
        answer: gets a request, gives the answer. May be replaced at any time.
    """

    def __init__(self, answer: Callable[[Got], Reply]) -> None:
        super().__init__(Reply())
        self.answer = answer
        # Clients hang up in the middle of an answer that is too large: that is what some tests are about.
        self._http.handle_error = _say_nothing  # type: ignore[method-assign]

    def reply_to(self, got: Got) -> Reply:
        """A token, or what the test says."""
        return super().reply_to(got) if "token" in got.path else self.answer(got)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        handler = super()._handler()
        # Head and body are written apart; the second would wait for the client's delayed acknowledgement.
        handler.disable_nagle_algorithm = True
        return handler


class Stable:
    """Makes the answers of two simulators comparable: ids and times become the order in which they were first seen."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def __call__(self, value: Any) -> Any:
        """The same value with other names."""
        text = json.dumps(value, ensure_ascii=False, sort_keys=True)
        # The forms of an operation's id; what is left of either is a plain UUID.
        text = re.sub(r"ar/([0-9a-f-]{36})\?step=1&of=2", r"\1", text)
        text = _UUID.sub(lambda found: self._name(found[0]), text)
        return json.loads(_TIME.sub("<time>", text))

    def _name(self, identifier: str) -> str:
        if identifier == UNKNOWN_ID:
            return identifier
        return self._names.setdefault(identifier, f"<id {len(self._names) + 1}>")


def without(value: Any, drop: Callable[[str, Any], bool]) -> Any:
    """A JSON value without the fields that are to be dropped, at any depth."""
    if isinstance(value, dict):
        return {name: without(inner, drop) for name, inner in value.items() if not drop(name, inner)}
    if isinstance(value, list):
        return [without(inner, drop) for inner in value]
    return value
