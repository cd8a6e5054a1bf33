"""What every contribution needs of a plain function: its context parameter, its arguments, a call in loop or thread."""

from __future__ import annotations

import functools
import inspect
import math
import typing
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from mcp.server.mcpserver.exceptions import InvalidSignature
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata, func_metadata
from mcp_types import CallToolResult
from pydantic import ValidationError
from pydantic.errors import PydanticUserError

from fuseboard.context import Context
from fuseboard.errors import InvalidArguments, RegistrationError

MOST_PROBLEMS = 5


def name_of(function: Callable[..., Any]) -> str:
    """The function's own name.

    Raises:
        RegistrationError: it has none, for example a lambda or a partial.
    """
    name = getattr(function, "__name__", "")
    if not name or name == "<lambda>":
        raise RegistrationError(f"{function!r} has no name of its own: register it with name=...")
    return str(name)


def context_parameter(function: Callable[..., Any]) -> str | None:
    """The name of the parameter that wants the `Context`, None if there is none."""
    try:
        hints = typing.get_type_hints(_innermost(function))
    except Exception:
        hints = {}  # an annotation that cannot be read is reported by `signature_of`
    for name in inspect.signature(function).parameters:
        hint = hints.get(name)
        if hint is Context or typing.get_origin(hint) is Context:
            return name
    first = next(iter(inspect.signature(function).parameters), None)
    return first if first == "ctx" else None


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives something to await."""
    inner = _innermost(function)
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(getattr(inner, "__call__", None))  # noqa: B004


def _innermost(function: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(function, functools.partial):
        function = function.func
    return function


def signature_of(
    function: Callable[..., Any], label: str, *, structured: bool | None, skip: str | None
) -> FuncMetadata:
    """The argument model and the result model of a function, by the SDK.

    Raises:
        RegistrationError: the signature cannot be expressed as JSON Schema.
    """
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise RegistrationError(f"{label}: parameter {parameter.name!r} must be a plain named parameter")
    try:
        return func_metadata(_named(function), skip_names=[skip] if skip else [], structured_output=structured)
    except (InvalidSignature, PydanticUserError, NameError, TypeError) as error:
        raise RegistrationError(f"{label}: its signature has no JSON Schema: {_first_line(error)}") from error


def _named(function: Callable[..., Any]) -> Callable[..., Any]:
    """The SDK wants a `__name__`, which a partial and a callable object do not have."""
    if hasattr(function, "__name__"):
        return function

    def named() -> None: ...

    named.__signature__ = inspect.signature(function, eval_str=True)  # type: ignore[attr-defined]
    return named


def input_schema_of(metadata: FuncMetadata, label: str) -> dict[str, Any]:
    """The JSON Schema of the arguments: closed, because a misspelt argument is an error, and lean.

    Raises:
        RegistrationError: an argument's type has none.
    """
    try:
        schema: dict[str, Any] = without_titles(metadata.arg_model.model_json_schema(by_alias=True))
    except PydanticUserError as error:
        raise RegistrationError(f"{label}: its signature has no JSON Schema: {_first_line(error)}") from error
    schema["properties"] = {name: _plain(part) for name, part in schema.get("properties", {}).items()}
    schema["additionalProperties"] = False
    return schema


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """An optional argument without its "or null": leaving it out says the same, in fewer tokens."""
    either = schema.get("anyOf", [])
    kept = [part for part in either if part != {"type": "null"}]
    if "default" not in schema or schema["default"] is not None or len(either) != 2 or len(kept) != 1:
        return schema
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {**kept[0], **rest}


def without_titles(schema: Any) -> Any:
    """Drop the titles that pydantic derives from names: they repeat the name and cost the model tokens."""
    if isinstance(schema, list):
        return [without_titles(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    lean: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "title" and isinstance(value, str):
            continue
        if key in ("properties", "$defs", "patternProperties") and isinstance(value, dict):
            lean[key] = {name: without_titles(part) for name, part in value.items()}
        elif key in ("default", "const", "enum", "examples"):
            lean[key] = value
        else:
            lean[key] = without_titles(value)
    return lean


def checked_arguments(metadata: FuncMetadata, label: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the function wants them.

    Raises:
        InvalidArguments: they do not fit; each problem names its argument, none its value.
    """
    known = {field.alias or name for name, field in metadata.arg_model.model_fields.items()}
    problems = [_unknown(name, known) for name in arguments if name not in known]
    if not problems:
        try:
            return metadata.validate_arguments(dict(arguments))
        except ValidationError as error:
            problems = [_worded(problem) for problem in error.errors(include_input=False, include_url=False)]
        except RecursionError:
            problems = ["nested too deeply"]
    raise InvalidArguments(worded_problems(label, problems))


def worded_problems(label: str, problems: Sequence[str]) -> str:
    """One text for the problems of a call's arguments, cut after a few."""
    shown = "; ".join(problems[:MOST_PROBLEMS])
    more = f"; and {len(problems) - MOST_PROBLEMS} more" if len(problems) > MOST_PROBLEMS else ""
    return f"wrong arguments for {label}: {shown}{more}"


def _unknown(name: str, known: set[str]) -> str:
    name = name[:60]
    near = get_close_matches(name, known, n=1)
    if near:
        return f"{name}: no such argument, did you mean {near[0]}"
    names = ", ".join(sorted(known)) or "none"
    return f"{name}: no such argument (it takes: {names})"


def _worded(problem: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in problem["loc"]) or "arguments"
    if problem["type"] == "missing":
        return f"{place}: is missing"
    if problem["type"] == "union_tag_invalid":  # its text quotes the value
        return f"{place}: must be one of {problem['ctx']['expected_tags']}"
    # A validator of the plugin may quote the value in its text; only pydantic's own texts are free of it.
    if problem["type"] in ("value_error", "assertion_error"):
        return f"{place}: {str(problem['msg']).split(', ', 1)[-1][:200]}"
    text = str(problem["msg"])
    return f"{place}: {text[:1].lower()}{text[1:200]}"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


async def call(function: Callable[..., Any], asynchronous: bool, ctx: Context[Any], arguments: dict[str, Any]) -> Any:
    """Call a plugin's function: on its circuit's loop, or in a worker thread of the circuit if it is synchronous."""
    if asynchronous:
        return await function(**arguments)
    result = await ctx.in_thread(functools.partial(function, **arguments))
    return await result if inspect.isawaitable(result) else result


def check_timeout(label: str, seconds: object) -> None:
    """Refuse what is no time: NaN would upset the timers of everybody.

    Raises:
        RegistrationError: it is not a finite number above 0.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not (0 < seconds < math.inf):
        raise RegistrationError(f"{label}: timeout must be more than 0 s, not {seconds!r:.40}")


def texts_of(label: str, option: str, values: Sequence[str]) -> tuple[str, ...]:
    """The texts of an option that takes several, such as `aliases`.

    Raises:
        RegistrationError: it is a single text, or holds something else.
    """
    if isinstance(values, str) or not all(isinstance(value, str) for value in values):
        raise RegistrationError(f"{label}: {option} must be a list of texts")
    return tuple(values)


def description_of(function: Callable[..., Any], given: str | None) -> str:
    """The text for the model: as given, or the docstring without its indentation."""
    return (given or inspect.getdoc(function) or "").strip()


def return_type(function: Callable[..., Any]) -> Any:
    """What the function says it returns; None without an annotation."""
    try:
        return typing.get_type_hints(_innermost(function), include_extras=True).get("return")
    except Exception:
        return inspect.Signature.empty  # an annotation that cannot be read is reported by `signature_of`


def whole_parameter(function: Callable[..., Any], context: str | None, label: str) -> str:
    """The parameter, beside the context, that takes everything: for raw schemas and whole URIs.

    Raises:
        RegistrationError: there is none.
    """
    for name in inspect.signature(function).parameters:
        if name != context:
            return name
    raise RegistrationError(f"{label}: its function must take (ctx, arguments)")


def content_of(result: Any) -> CallToolResult:
    """The content blocks of a result without a schema, by the SDK's rules."""
    converted = _PLAIN.convert_result(result)
    assert isinstance(converted, CallToolResult)
    return converted


def _anything() -> None:
    """A function without a result schema."""


_PLAIN = func_metadata(_anything, structured_output=False)
