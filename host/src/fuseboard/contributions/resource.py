"""A resource: a URI, or a template of URIs, and a function that reads it."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata
from mcp.shared.exceptions import MCPError
from mcp.shared.uri_template import InvalidUriTemplate, UriTemplate
from mcp_types import InputRequiredResult, ReadResourceResult
from pydantic_core import PydanticSerializationError, to_json

from fuseboard.context import Context
from fuseboard.contributions import functions, wire
from fuseboard.contributions.prompt import Completer, check_completers
from fuseboard.errors import InvalidResult, ProtocolError, RegistrationError

SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A registered resource or resource template. Make it with `Resource.of`."""

    uri: str
    function: Callable[..., Any]
    name: str
    title: str | None
    description: str
    mime_type: str | None
    complete: Mapping[str, Completer]
    template: UriTemplate | None
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
        uri: str,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        mime_type: str | None = None,
        complete: Mapping[str, Completer] | None = None,
        whole_uri: bool = False,
    ) -> Resource:
        """Make a resource of a function.

        Args:
            uri: `scheme://...`, or a template with `{variables}` (RFC 6570), each a parameter of the function.
            function: returns text, bytes, anything that becomes JSON, or a `ReadResourceResult`.
            name: for programs; the function's own name if absent.
            title: for people.
            description: what it holds; the docstring if absent.
            mime_type: text/plain, application/json or application/octet-stream by the result if absent.
            complete: by variable, what completes it.
            whole_uri: for a resource that is proxied: the function is called with `(ctx, uri)`.

        Raises:
            RegistrationError: the URI, the template or the signature is wrong.
        """
        label = f"resource {uri}"
        if SCHEME.match(uri) is None:
            raise RegistrationError(f"{label}: a URI begins with a scheme, such as notes://all")
        template = _template(label, uri)
        context = functions.context_parameter(function)
        variables = set(template.variable_names) if template is not None else set()
        metadata = None
        if not whole_uri:
            metadata = functions.signature_of(function, label, structured=False, skip=context)
            _check_parameters(label, metadata, variables)
        check_completers(label, complete or {}, variables)
        resource = cls(
            uri=uri,
            function=function,
            name=name or functions.name_of(function),
            title=title,
            description=functions.description_of(function, description),
            mime_type=mime_type,
            complete=dict(complete or {}),
            template=template,
            _metadata=metadata,
            _asynchronous=functions.is_async(function),
            _context=context,
            _whole=functions.whole_parameter(function, context, label) if metadata is None else "",
        )
        resource._forms.update(wire.check_listed(label, *resource._list, resource.wire("")))
        return resource

    @property
    def _list(self) -> tuple[str, str]:
        return (
            ("resources/list", "resources")
            if self.template is None
            else ("resources/templates/list", "resourceTemplates")
        )

    def wire(self, plugin: str) -> dict[str, Any]:
        """The full listed form, `_meta` naming the plugin."""
        form: dict[str, Any] = {"uri" if self.template is None else "uriTemplate": self.uri, "name": self.name}
        for key, value in (("title", self.title), ("description", self.description), ("mimeType", self.mime_type)):
            if value:
                form[key] = value
        return form | {"_meta": {"fuseboard/plugin": plugin}}

    def form(self, plugin: str, revision: str) -> dict[str, Any]:
        """The listed form as one protocol revision knows it; computed once."""
        if revision not in self._forms:
            self._forms[revision] = wire.listed(*self._list, self.wire(""), revision)
        return {**self._forms[revision], "_meta": {"fuseboard/plugin": plugin}}

    def match(self, uri: str) -> dict[str, Any] | None:
        """The variables of a URI that this resource answers to, None if it does not."""
        if self.template is None:
            return {} if uri == self.uri else None
        return self.template.match(uri)

    def overlaps(self, other: Resource) -> bool:
        """Whether some URI may be answered by both."""
        return _fit(_segments(self.uri), _segments(other.uri))

    def check_result(self, result: Mapping[str, Any], label: str) -> None:
        """Check a result that middleware may have changed. Raises `InvalidResult`."""
        wire.check_result("resources/read", result, label)

    async def invoke(self, ctx: Context[Any], arguments: Mapping[str, Any], label: str) -> dict[str, Any]:
        """Read the resource. Runs on the plugin's circuit.

        Args:
            ctx: the call's context.
            arguments: the template's variables.
            label: the URI that was asked.

        Returns:
            A `ReadResourceResult` or an `InputRequiredResult` in wire form.
        """
        given = {self._context: ctx} if self._context else {}
        if self._metadata is not None:
            wanted = given | functions.checked_arguments(self._metadata, label, arguments)
        else:
            wanted = given | {self._whole: label}
        try:
            result = await functions.call(self.function, self._asynchronous, ctx, wanted)
        except MCPError as error:
            raise ProtocolError(error.error.code, error.error.message, error.error.data) from error
        if isinstance(result, ReadResourceResult | InputRequiredResult):
            return result.model_dump(by_alias=True, mode="json", exclude_none=True)
        return {
            "resultType": "complete",
            "ttlMs": 0,
            "cacheScope": "private",
            "contents": [self._content(result, label)],
        }

    def _content(self, result: Any, label: str) -> dict[str, Any]:
        if isinstance(result, bytes):
            mime = self.mime_type or "application/octet-stream"
            return {"uri": label, "mimeType": mime, "blob": base64.b64encode(result).decode()}
        if isinstance(result, str):
            return {"uri": label, "mimeType": self.mime_type or "text/plain", "text": result}
        try:
            text = to_json(result, inf_nan_mode="strings").decode()
        except (PydanticSerializationError, UnicodeError, ValueError, RecursionError):
            raise InvalidResult(f"{label} returned something that cannot be sent as JSON") from None
        return {"uri": label, "mimeType": self.mime_type or "application/json", "text": text}


def _template(label: str, uri: str) -> UriTemplate | None:
    if not UriTemplate.is_template(uri):
        return None
    try:
        return UriTemplate.parse(uri)
    except InvalidUriTemplate as error:
        raise RegistrationError(f"{label}: {error}") from None


def _check_parameters(label: str, metadata: FuncMetadata, variables: set[str]) -> None:
    fields = metadata.arg_model.model_fields
    required = {name for name, part in fields.items() if part.is_required()}
    if not required <= variables or not variables <= set(fields):
        raise RegistrationError(
            f"{label}: its variables ({_listed(variables)}) are not the function's parameters ({_listed(set(fields))})"
        )


ANY, REST = "\0", "\1"
"""Stand for a variable inside one path segment, and for one that may span several."""


def _segments(uri: str) -> list[str]:
    """A URI or template as path segments, its variables replaced by `ANY` and `REST`; a query is optional."""
    plain = re.sub(r"\{[?&][^}]*\}", "", uri)
    plain = re.sub(r"\{[+#./;][^}]*\}|\{[^}]*\*\}", REST, plain)
    return re.sub(r"\{[^}]*\}", ANY, plain).split("/")


def _fit(one: list[str], two: list[str]) -> bool:
    for mine, theirs in zip(one, two, strict=False):
        if not _fit_segment(mine, theirs):
            return False
        if REST in mine or REST in theirs:
            return True
    return len(one) == len(two)


def _fit_segment(one: str, two: str) -> bool:
    """Whether two segments can be the same text: what is literal at their ends must not contradict."""
    if not {ANY, REST} & {*one, *two}:
        return one == two
    heads = [re.split(f"[{ANY}{REST}]", text) for text in (one, two)]
    (head_one, *_, tail_one), (head_two, *_, tail_two) = [[parts[0], parts[-1]] for parts in heads]
    begins = head_one.startswith(head_two) or head_two.startswith(head_one)
    return begins and (tail_one.endswith(tail_two) or tail_two.endswith(tail_one))


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
