"""A tool: a function with an input schema, called with arguments, answering with a `CallToolResult`."""

from __future__ import annotations

import json
import logging
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import UnionType
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata
from mcp.server.mcpserver.utilities.types import Audio, Image
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import x_mcp_header_map
from mcp_types import CallToolResult, ContentBlock, InputRequiredResult, TextContent
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from fuseboard.context import Context
from fuseboard.contributions import functions, wire
from fuseboard.errors import InvalidArguments, InvalidResult, ProtocolError
from fuseboard.strict_json import is_finite

if TYPE_CHECKING:
    from fuseboard.json_schema import JsonSchema

logger = logging.getLogger(__name__)

BLOCKS = (*typing.get_args(ContentBlock), Image, Audio)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A registered tool. Make it with `Tool.of`."""

    name: str
    function: Callable[..., Any]
    title: str | None
    description: str
    aliases: tuple[str, ...]
    annotations: Mapping[str, Any]
    timeout: float | None
    tags: tuple[str, ...]
    meta: Mapping[str, Any]
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    has_header_arguments: bool
    reads_only: bool
    destroys: bool
    _metadata: FuncMetadata | None
    _asynchronous: bool
    _context: str | None
    _whole: str
    _input: JsonSchema | None
    _output: JsonSchema | None
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
        read_only: bool | None = None,
        destructive: bool | None = None,
        idempotent: bool | None = None,
        open_world: bool | None = None,
        timeout: float | None = None,
        tags: Sequence[str] = (),
        meta: Mapping[str, Any] | None = None,
        input_schema: Mapping[str, Any] | None = None,
        output_schema: Mapping[str, Any] | None = None,
    ) -> Tool:
        """Make a tool of a function.

        Args:
            function: `async def` runs on the plugin's loop, `def` in a worker thread.
            name: without the plugin's prefix; the function's own name if absent.
            title: for people.
            description: for the model; the docstring if absent.
            aliases: other names by which it can be called; they are not listed.
            read_only, destructive, idempotent, open_world: hints of the specification (ToolAnnotations).
            timeout: seconds that a call may take, instead of the plugin's `call_timeout`.
            tags: words for policies and searches.
            meta: goes into the listed `_meta`.
            input_schema: a raw JSON Schema; the function is then called as `function(ctx, arguments)`.
            output_schema: a raw JSON Schema of the structured result.

        Raises:
            RegistrationError: the signature or a schema cannot be served, in either protocol era.
        """
        name = name or functions.name_of(function)
        label = f"tool {name}"
        context = functions.context_parameter(function)
        metadata = None
        # A schema that pydantic made is valid and never used to validate: only raw ones are checked, which is dear.
        raw_input, raw_output = input_schema, output_schema
        if input_schema is None:
            metadata = functions.signature_of(function, label, structured=_structured(function), skip=context)
            input_schema = functions.input_schema_of(metadata, label)
            if output_schema is None and metadata.output_schema is not None:
                output_schema = functions.without_titles(metadata.output_schema)
        hints = {
            "readOnlyHint": read_only,
            "destructiveHint": destructive,
            "idempotentHint": idempotent,
            "openWorldHint": open_world,
        }
        tool = cls(
            name=name,
            function=function,
            title=title,
            description=functions.description_of(function, description),
            aliases=functions.texts_of(label, "aliases", aliases),
            annotations={hint: value for hint, value in hints.items() if value is not None},
            timeout=timeout,
            tags=functions.texts_of(label, "tags", tags),
            meta=dict(meta or {}),
            input_schema=dict(input_schema),
            output_schema=dict(output_schema) if output_schema is not None else None,
            has_header_arguments=bool(x_mcp_header_map(dict(input_schema))),
            reads_only=bool(read_only),
            # The specification's defaults: who says nothing of itself may change and destroy things.
            destroys=not read_only and destructive is not False,
            _metadata=metadata,
            _asynchronous=functions.is_async(function),
            _context=context,
            _whole=functions.whole_parameter(function, context, label) if metadata is None else "",
            _input=_validator(label, raw_input),
            _output=_validator(label, raw_output),
        )
        tool._check(label)
        return tool

    def _check(self, label: str) -> None:
        if self.timeout is not None:
            functions.check_timeout(label, self.timeout)
        wire.check_header_annotations(label, self.input_schema)
        self._forms.update(wire.check_listed(label, "tools/list", "tools", self.wire(self.name, "")))

    def wire(self, public_name: str, plugin: str) -> dict[str, Any]:
        """The full listed form under a public name, `_meta` naming the plugin."""
        form: dict[str, Any] = {"name": public_name}
        if self.title:
            form["title"] = self.title
        form |= {"description": self.description, "inputSchema": self.input_schema}
        if self.output_schema is not None:
            form["outputSchema"] = self.output_schema
        if self.annotations:
            form["annotations"] = dict(self.annotations)
        return form | {"_meta": {"fuseboard/plugin": plugin, **self.meta}}

    def form(self, public_name: str, plugin: str, revision: str) -> dict[str, Any]:
        """The listed form as one protocol revision knows it; computed once."""
        base = self._forms.get(revision)
        if base is None:
            base = wire.listed("tools/list", "tools", self.wire(self.name, ""), revision)
            self._forms[revision] = base
        return {**base, "name": public_name, "_meta": {"fuseboard/plugin": plugin, **self.meta}}

    def check_result(self, result: Mapping[str, Any], label: str) -> None:
        """Check a result that middleware may have changed. Raises `InvalidResult`."""
        wire.check_result("tools/call", result, label)

    async def invoke(self, ctx: Context[Any], arguments: Mapping[str, Any], label: str) -> dict[str, Any]:
        """Validate the arguments, call the function and convert what it returns. Runs on the plugin's circuit.

        Returns:
            A `CallToolResult` or an `InputRequiredResult` in wire form.

        Raises:
            InvalidArguments: the arguments do not fit the input schema.
            InvalidResult: the result does not fit the output schema.
            ProtocolError: the tool answers with a JSON-RPC error.
        """
        wanted = self._arguments(ctx, arguments, label)
        try:
            result = await functions.call(self.function, self._asynchronous, ctx, wanted)
        except MCPError as error:
            raise ProtocolError(error.error.code, error.error.message, error.error.data) from error
        return self._result(result, label)

    def _arguments(self, ctx: Context[Any], arguments: Mapping[str, Any], label: str) -> dict[str, Any]:
        given = {self._context: ctx} if self._context else {}
        if self._metadata is not None:
            return functions.checked_arguments(self._metadata, label, arguments) | given
        assert self._input is not None
        if problems := self._input.problems(dict(arguments), functions.MOST_PROBLEMS):
            raise InvalidArguments(functions.worded_problems(label, problems))
        return {self._whole: dict(arguments)} | given

    def _result(self, result: Any, label: str) -> dict[str, Any]:
        try:
            if not is_finite(result):
                raise InvalidResult(f"{label} returned a number that JSON does not have")
            converted = self._converted(result)
            form = converted.model_dump(by_alias=True, mode="json", exclude_none=True)
            if isinstance(result, CallToolResult):
                CallToolResult.model_validate(form)  # a plugin can build one without validation
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the result"
            logger.warning("%s: its result does not fit: %s: %s", label, place, first["msg"])
            raise InvalidResult(f"{label} returned something that does not fit its output schema: {place}") from None
        except (PydanticSerializationError, UnicodeError, TypeError, ValueError, RecursionError) as error:
            logger.warning("%s: its result cannot be sent: %s", label, type(error).__name__)
            raise InvalidResult(f"{label} returned something that cannot be sent as JSON") from None
        structured = form.get("structuredContent")
        if form.get("isError") or isinstance(converted, InputRequiredResult):
            return form
        if structured is None:
            if self.output_schema is not None:  # the specification's MUST; clients refuse the result otherwise
                raise InvalidResult(f"{label} returned no structured content, which its output schema promises")
            return form
        if not isinstance(structured, dict):
            raise InvalidResult(f"{label} returned structured content that is not an object")
        if self._output is not None and self._output.problems(structured, 1):
            raise InvalidResult(f"{label} returned something that does not fit its output schema")
        return form

    def _converted(self, result: Any) -> CallToolResult | InputRequiredResult:
        if isinstance(result, CallToolResult | InputRequiredResult):
            return result if self._metadata is None else self._metadata.convert_result(result)
        if self._metadata is None:
            if isinstance(result, dict):
                return CallToolResult(content=[_as_text(result)], structured_content=to_jsonable_python(result))
            return _unstructured(result)
        if self._metadata.output_model is None:
            return _unstructured(result)
        converted = self._metadata.convert_result(result)
        if isinstance(converted, CallToolResult) and converted.structured_content is not None:
            # One compact text instead of the SDK's block per list item: the model pays for every token of it.
            data = converted.structured_content
            converted.content = [_as_text(data["result"] if self._metadata.wrap_output else data)]
        return converted


def _validator(label: str, schema: Mapping[str, Any] | None) -> JsonSchema | None:
    if schema is None:
        return None
    from fuseboard.json_schema import JsonSchema

    return JsonSchema(label, schema)


def _structured(function: Callable[..., Any]) -> bool | None:
    """Plain text is no structured data: a schema and a second copy of it would only cost tokens."""
    hint = functions.return_type(function)
    if typing.get_origin(hint) is typing.Annotated:
        hint, *_ = typing.get_args(hint)
        if hint is CallToolResult:  # what stands beside it is the shape of its structured content
            return None
    arms = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, UnionType) else (hint,)
    data = {arm for arm in arms if arm not in (InputRequiredResult, CallToolResult)}
    return False if data <= {str, None, type(None)} else None


def _unstructured(result: Any) -> CallToolResult:
    """Content blocks as they are, text as text, anything else as one compact JSON text."""
    parts = result if isinstance(result, list | tuple) else [result]
    if result is None or isinstance(result, str) or any(isinstance(part, BLOCKS) for part in parts):
        return functions.content_of(result)
    return CallToolResult(content=[_as_text(result)])


def _as_text(data: Any) -> TextContent:
    if isinstance(data, str):
        return TextContent(type="text", text=data)
    plain = to_jsonable_python(data)
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return TextContent(type="text", text=text)
