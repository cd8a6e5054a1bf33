"""First-class tools and prompts: those of started servers, among the host's own as `<server>_<name>`."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from fuseboard import Board, Context, Prompt, RegistrationError, Tool
from fuseboard_docker_mcp.errors import NameCollision
from fuseboard_docker_mcp.models import ToolSpec
from fuseboard_docker_mcp.text import clean
from fuseboard_docker_mcp.words import paragraphs

if TYPE_CHECKING:
    import mcp_types

    from fuseboard_docker_mcp.sessions import Session

logger = logging.getLogger(__name__)

LONGEST_NAMESPACE = 41
LONGEST_DESCRIPTION = 4000
MOST_TOOLS = 200
"""Of one server. More would drown every client, and making one takes milliseconds; `call_tool` reaches the others."""
MOST_BYTES = 2**20
"""Of the schemas and `_meta` of one server's tools together: every client gets them with every list."""
HOUSE = "fuseboard"
SERVED = frozenset({"ready", "reconnecting"})
"""States in which a server's tools are listed: who reconnects will be back."""

Described = TypeVar("Described", "mcp_types.Tool", ToolSpec)

Forward = Callable[..., Awaitable[Any]]
"""`async (ctx, arguments, *, server, name)`: what a first-class tool or prompt does."""


@dataclass(slots=True)
class Served:
    """What one server has among the host's own.

    Attributes:
        namespace: the prefix without its underscore.
        tools, prompts: of the session, as they were when they were taken over.
        notes: one sentence for each that was left out.
        names: kind and public name of each.
        made: what the host got, by kind and the server's own name, with what it was made of.
        bytes: how large its schemas are.
    """

    namespace: str
    tools: tuple[mcp_types.Tool, ...] = ()
    prompts: tuple[mcp_types.Prompt, ...] = ()
    notes: tuple[str, ...] = ()
    names: set[tuple[str, str]] = field(default_factory=set)
    made: dict[tuple[str, str], tuple[Any, Any]] = field(default_factory=dict)
    bytes: int = 0


def namespace_of(server: str) -> str:
    """The namespace of a server's tools: letters, digits, `_` and `-`, at most 41 of them."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", server)[:LONGEST_NAMESPACE]


def callable_by(ctx: Context[Any], server: str, tools: Iterable[Described]) -> list[Described]:
    """Those of a server's tools that the caller may call.

    They are judged by the names that they have, or would have, as first-class tools: what the operator forbids there
    no other tool may lead to.
    """
    return [tool for tool in tools if _may_call(ctx, f"{namespace_of(server)}_{_legal(tool.name)}", tool.annotations)]


def _may_call(ctx: Context[Any], name: str, hints: mcp_types.ToolAnnotations | Mapping[str, Any] | None) -> bool:
    if hints is None or isinstance(hints, Mapping):
        reads, destroys = (hints or {}).get("readOnlyHint"), (hints or {}).get("destructiveHint")
    else:
        reads, destroys = hints.read_only_hint, hints.destructive_hint
    return ctx.may_call(name, read_only=reads is True, destructive=destroys is not False)


class Proxy:
    """Keeps the host's catalogue as the started servers are. Used on the plugin's loop.

    Args:
        board: the plugin's door to the host.
        call_tool: what a first-class tool does.
        get_prompt: what a first-class prompt does.
        call_timeout: seconds that the host gives to a call.
    """

    def __init__(self, board: Board, call_tool: Forward, get_prompt: Forward, call_timeout: float) -> None:
        self._board = board
        self._call_tool = call_tool
        self._get_prompt = get_prompt
        self._call_timeout = call_timeout
        self._served: dict[str, Served] = {}
        self._refused: dict[str, str] = {}

    def prefix(self, server: str) -> str:
        """What stands before the names of a server's tools; empty where they are not among the host's own."""
        served = self._served.get(server)
        return f"{served.namespace}_" if served is not None else ""

    def notes(self, server: str) -> list[str]:
        """Why a server, or some of its tools, are not among the host's own."""
        if server in self._refused:
            return [self._refused[server]]
        served = self._served.get(server)
        return list(served.notes) if served is not None else []

    def update(self, session: Session) -> None:
        """Follow a session whose state, tools or prompts have changed."""
        name = session.name
        if session.state == "starting":  # what a restarted server had stays until it has something else
            return
        if session.state not in SERVED:
            self.withdraw(name)
            return
        try:
            served = self._served.get(name) or Served(self._claimed(name))
        except NameCollision as error:
            self._refused[name] = str(error)
            return
        if name in self._served and served.tools is session.tools and served.prompts is session.prompts:
            return
        self._publish(name, Served(served.namespace, session.tools, session.prompts))

    def withdraw(self, server: str) -> None:
        """Take a server's tools and prompts away."""
        self._refused.pop(server, None)
        served = self._served.pop(server, None)
        if served is not None:
            self._board.replace(served.namespace)

    def _publish(self, name: str, served: Served) -> None:
        notes: list[str] = []
        tools = list(self._tools(name, served, notes))
        prompts = list(self._prompts(name, served, notes))
        try:
            self._board.replace(served.namespace, tools=tools, prompts=prompts)
        except RegistrationError as error:
            logger.warning("%s: its tools cannot join the host's: %s", name, error)
            self._refused[name] = f"its tools are reached by call_tool only: {clean(str(error))}"
            return
        served.notes = tuple(notes)
        self._served[name] = served
        self._refused.pop(name, None)

    def _claimed(self, name: str) -> str:
        """A namespace that nobody else has.

        Raises:
            NameCollision: another server, a plugin or the host itself has it.
        """
        namespace = namespace_of(name)
        by = [other for other, served in self._served.items() if served.namespace == namespace and other != name]
        if namespace == HOUSE or namespace in {row.name for row in self._board.plugins()}:
            by.append(f"the plugin {namespace}")
        if by:
            raise NameCollision(
                f"the prefix {namespace}_ of {name} belongs to {by[0]}; its tools are reached by call_tool with "
                f'server="{name}"'
            )
        return namespace

    def _tools(self, server: str, served: Served, notes: list[str]) -> Iterator[Tool]:
        if len(served.tools) > MOST_TOOLS:
            notes.append(f"only the first {MOST_TOOLS} of {len(served.tools)} tools have names of their own")
        for tool in served.tools[:MOST_TOOLS]:
            name = _legal(tool.name)
            try:
                self._take("tool", server, served, name)
                _weigh(served, tool)
                yield self._made("tool", server, served, tool, partial(self._tool, server, name, tool))
            except (RegistrationError, NameCollision, ValueError) as error:  # it breaks this one tool only
                notes.append(f"tool {clean(tool.name, 64)} is reached by call_tool only: {clean(str(error))}")

    def _tool(self, server: str, name: str, tool: mcp_types.Tool) -> Tool:
        hints = tool.annotations
        title = tool.title or (hints.title if hints is not None else None)
        return Tool.of(
            partial(self._call_tool, server=server, name=tool.name),
            name=name,
            title=clean(title, 120) if title else None,
            description=paragraphs(tool.description or "", LONGEST_DESCRIPTION) or f"{name} of {server}",
            read_only=hints.read_only_hint if hints is not None else None,
            destructive=hints.destructive_hint if hints is not None else None,
            idempotent=hints.idempotent_hint if hints is not None else None,
            open_world=hints.open_world_hint if hints is not None else None,
            timeout=self._call_timeout,
            meta={key: value for key, value in (tool.meta or {}).items() if not key.startswith("fuseboard/")},
            input_schema=tool.input_schema,
            output_schema=tool.output_schema,
        )

    def _prompts(self, server: str, served: Served, notes: list[str]) -> Iterator[Prompt]:
        for prompt in served.prompts[:MOST_TOOLS]:
            name = _legal(prompt.name)
            try:
                self._take("prompt", server, served, name)
                yield self._made("prompt", server, served, prompt, partial(self._prompt, server, name, prompt))
            except (RegistrationError, NameCollision, ValueError) as error:
                notes.append(f"prompt {clean(prompt.name, 64)} is not served: {clean(str(error))}")

    def _prompt(self, server: str, name: str, prompt: mcp_types.Prompt) -> Prompt:
        return Prompt.of(
            partial(self._get_prompt, server=server, name=prompt.name),
            name=name,
            title=clean(prompt.title, 120) if prompt.title else None,
            description=paragraphs(prompt.description or "", LONGEST_DESCRIPTION) or f"{name} of {server}",
            arguments=[
                {"name": argument.name, "required": bool(argument.required)}
                | ({"description": clean(argument.description)} if argument.description else {})
                for argument in prompt.arguments or []
            ],
        )

    def _made(self, kind: str, server: str, served: Served, item: Any, make: Callable[[], Any]) -> Any:
        """What the host gets. What has not changed is not made again: checking its schemas takes milliseconds."""
        before = self._served.get(server)
        known = before.made.get((kind, item.name)) if before is not None else None
        made = known if known is not None and known[0] == item else (item, make())
        served.made[kind, item.name] = made
        return made[1]

    def _take(self, kind: str, server: str, served: Served, name: str) -> None:
        """Claim a public name. The host lets the first stay, but would not say so to whoever starts the second.

        Raises:
            NameCollision: somebody has it.
        """
        claim = (kind, f"{served.namespace}_{name}")
        catalogue = self._board.catalogue
        entries: Mapping[str, Any] = catalogue.tools if kind == "tool" else catalogue.prompts
        entry = entries.get(claim[1])
        by = [other for other, has in self._served.items() if claim in has.names and other != server]
        if entry is not None and not isinstance(entry.item.function, partial):
            by.append(f"the plugin {entry.plugin}")
        if claim in served.names:
            by.append("another one of the same server")
        if by:
            raise NameCollision(f"the name {claim[1]} belongs to {by[0]}")
        served.names.add(claim)


def _weigh(served: Served, tool: mcp_types.Tool) -> None:
    """Count a tool's size.

    Raises:
        ValueError: with it, the tools of its server would be too large together.
    """
    size = len(json.dumps([tool.input_schema, tool.output_schema, tool.meta]))
    if served.bytes + size > MOST_BYTES:
        raise ValueError(f"the schemas of this server's tools are larger than {MOST_BYTES} bytes together")
    served.bytes += size


def _legal(name: str) -> str:
    """A name that the host can serve: MCP allows dots and slashes in names, the clients of models do not."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name) or "_"
