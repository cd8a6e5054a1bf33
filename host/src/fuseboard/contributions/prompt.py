"""A prompt: a function with text arguments that returns messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcp.server.mcpserver.prompts.base import Message, UserMessage, message_validator
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata
from mcp.server.mcpserver.utilities.types import Audio, Image
from mcp.shared.exceptions import MCPError
from mcp_types import ContentBlock, GetPromptResult, InputRequiredResult, PromptMessage
from pydantic import ValidationError

from fuseboard.context import Context
from fuseboard.contributions import functions, wire
from fuseboard.errors import InvalidArguments, InvalidResult, ProtocolError, RegistrationError

Completer = Callable[[Context[Any], str, Mapping[str, str]], Awaitable[Sequence[str]]]
"""`async (ctx, value, already_given) -> list[str]`: what an argument that begins with `value` can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A registered prompt. Make it with `Prompt.of`."""

    name: str
    function: Callable[..., Any]
    title: str | None
    description: str
    aliases: tuple[str, ...]
    arguments: tuple[Mapping[str, Any], ...]
    complete: Mapping[str, Completer]
    timeout: float | None = None
    reads_only: bool = True
    destroys: bool = False
    _metadata: FuncMetadata | None
    _asynchronous: bool
    _context: str | None
    _whole: str
    _forms: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        aliases: Sequence[str] = (),
        complete: Mapping[str, Completer] | None = None,
        arguments: Sequence[Mapping[str, Any]] | None = None,
    ) -> Prompt:
        """Make a prompt of a function.

        Args:
            function: returns a text, a message, content blocks, a list of them or a `GetPromptResult`.
            name: without the plugin's prefix; the function's own name if absent.
            title: for people.
            description: what it is for; the docstring if absent.
            aliases: other names that answer to it; they are not listed.
            complete: by argument, what completes it.
            arguments: in wire form, for a prompt that is proxied; the function is then called with `(ctx, arguments)`.

        Raises:
            RegistrationError: the signature cannot be served.
        """
        name = name or functions.name_of(function)
        label = f"prompt {name}"
        context = functions.context_parameter(function)
        metadata = None
        if arguments is None:
            metadata = functions.signature_of(function, label, structured=False, skip=context)
            arguments = _arguments_of(functions.input_schema_of(metadata, label))
        check_completers(label, complete or {}, {str(argument["name"]) for argument in arguments})
        prompt = cls(
            name=name,
            function=function,
            title=title,
            description=functions.description_of(function, description),
            aliases=functions.texts_of(label, "aliases", aliases),
            arguments=tuple(arguments),
            complete=dict(complete or {}),
            _metadata=metadata,
            _asynchronous=functions.is_async(function),
            _context=context,
            _whole=functions.whole_parameter(function, context, label) if metadata is None else "",
        )
        prompt._forms.update(wire.check_listed(label, "prompts/list", "prompts", prompt.wire(name, "")))
        return prompt

    def wire(self, public_name: str, plugin: str) -> dict[str, Any]:
        """The full listed form under a public name, `_meta` naming the plugin."""
        form: dict[str, Any] = {"name": public_name}
        if self.title:
            form["title"] = self.title
        form |= {"description": self.description, "arguments": [dict(argument) for argument in self.arguments]}
        return form | {"_meta": {"fuseboard/plugin": plugin}}

    def form(self, public_name: str, plugin: str, revision: str) -> dict[str, Any]:
        """The listed form as one protocol revision knows it; computed once."""
        if revision not in self._forms:
            self._forms[revision] = wire.listed("prompts/list", "prompts", self.wire(self.name, ""), revision)
        return {**self._forms[revision], "name": public_name, "_meta": {"fuseboard/plugin": plugin}}

    def check_result(self, result: Mapping[str, Any], label: str) -> None:
        """Check a result that middleware may have changed. Raises `InvalidResult`."""
        wire.check_result("prompts/get", result, label)

    async def invoke(self, ctx: Context[Any], arguments: Mapping[str, Any], label: str) -> dict[str, Any]:
        """Render the prompt. Runs on the plugin's circuit.

        Returns:
            A `GetPromptResult` or an `InputRequiredResult` in wire form.

        Raises:
            InvalidArguments: an argument is missing, unknown or of a wrong form.
            InvalidResult: the function returned something that is no message.
            ProtocolError: the prompt answers with a JSON-RPC error.
        """
        given = {self._context: ctx} if self._context else {}
        wanted = given | self._wanted(arguments, label)
        try:
            result = await functions.call(self.function, self._asynchronous, ctx, wanted)
        except MCPError as error:
            raise ProtocolError(error.error.code, error.error.message, error.error.data) from error
        if isinstance(result, GetPromptResult | InputRequiredResult):
            return result.model_dump(by_alias=True, mode="json", exclude_none=True)
        parts = result if isinstance(result, list | tuple) else [result]
        messages = [_message(part, label) for part in parts]
        complete = GetPromptResult(description=self.description or None, messages=messages)
        return complete.model_dump(by_alias=True, mode="json", exclude_none=True)

    def _wanted(self, arguments: Mapping[str, Any], label: str) -> dict[str, Any]:
        if self._metadata is not None:
            return functions.checked_arguments(self._metadata, label, arguments)
        missing = [
            str(part["name"]) for part in self.arguments if part.get("required") and part["name"] not in arguments
        ]
        if missing:
            raise InvalidArguments(functions.worded_problems(label, [f"{name}: is missing" for name in missing]))
        return {self._whole: dict(arguments)}


def _arguments_of(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    arguments = []
    for name, part in schema.get("properties", {}).items():
        described = {"description": part["description"]} if "description" in part else {}
        arguments.append({"name": name, "required": name in schema.get("required", [])} | described)
    return arguments


def check_completers(label: str, complete: Mapping[str, Completer], known: set[str]) -> None:
    """Refuse completers of unknown arguments and those that are not async.

    Raises:
        RegistrationError: with the argument's name.
    """
    for argument, completer in complete.items():
        if argument not in known:
            raise RegistrationError(f"{label}: complete names {argument!r}, which is no argument of it")
        if not functions.is_async(completer):
            raise RegistrationError(f"{label}: the completer of {argument!r} must be async (ctx, value, already_given)")


def _message(part: Any, label: str) -> PromptMessage:
    try:
        if isinstance(part, dict):
            part = message_validator.validate_python(part)
        elif isinstance(part, str | ContentBlock | Image | Audio):
            part = UserMessage(part)
    except (ValidationError, TypeError):  # the SDK's messages are made by their own constructors
        raise InvalidResult(f"{label} returned a message of a wrong form") from None
    if isinstance(part, Message | PromptMessage):
        return PromptMessage(role=part.role, content=part.content)
    raise InvalidResult(f"{label} returned {type(part).__name__}, which is no message")
