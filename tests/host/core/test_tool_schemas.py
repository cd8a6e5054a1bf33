"""What a tool's listing is made of: schemas from the signature, a description from the docstring, hints, both eras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from mcp_types import CallToolResult, InputRequiredResult, TextContent
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from fuseboard import Context, Tool
from fuseboard.errors import RegistrationError


class Platform(BaseModel):
    os: str
    architecture: str = "amd64"


class Found(TypedDict):
    name: str
    size: int


async def search(
    ctx: Context[None],
    registry: Annotated[str, Field(description="host and port")],
    platform: Platform,
    limit: Annotated[int, Field(ge=1, le=100)] = 10,
    order: Literal["name", "age"] = "name",
    tag: str | None = None,
) -> list[Found]:
    """Search a registry.

    Slow on large ones.
    """
    return []


def test_the_input_schema_comes_from_the_signature_without_the_context() -> None:
    assert Tool.of(search).input_schema == {
        "type": "object",
        "properties": {
            "registry": {"type": "string", "description": "host and port"},
            "platform": {"$ref": "#/$defs/Platform"},
            "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 10},
            "order": {"type": "string", "enum": ["name", "age"], "default": "name"},
            "tag": {"type": "string"},
        },
        "required": ["registry", "platform"],
        "additionalProperties": False,
        "$defs": {
            "Platform": {
                "type": "object",
                "properties": {"os": {"type": "string"}, "architecture": {"type": "string", "default": "amd64"}},
                "required": ["os"],
            }
        },
    }


def test_the_description_is_the_docstring_and_can_be_given() -> None:
    assert Tool.of(search).description == "Search a registry.\n\nSlow on large ones."
    assert Tool.of(search, description="Find images.").description == "Find images."


def test_a_property_that_is_called_title_is_no_title() -> None:
    async def write(title: str, default: str) -> str:
        return title

    assert Tool.of(write).input_schema["properties"] == {"title": {"type": "string"}, "default": {"type": "string"}}


@pytest.mark.parametrize("parameter", ["schema", "json", "copy", "model_dump", "dict"])
@pytest.mark.anyio
async def test_a_parameter_may_have_a_name_that_pydantic_uses_itself(parameter: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"async def echo({parameter}: str) -> str:\n    return {parameter}", namespace)
    tool = Tool.of(namespace["echo"])
    assert list(tool.input_schema["properties"]) == [parameter]
    result = await tool.invoke(lonely(), {parameter: "hello"}, "echo")
    assert result["content"][0]["text"] == "hello"


def lonely() -> Context[None]:
    """A context without a host, as a plugin's own unit tests make it."""
    from fuseboard import Caller

    return Context(state=None, plugin="toy", caller=Caller("memory"))


def test_the_output_schema_comes_from_the_return_type() -> None:
    schema = Tool.of(search).output_schema
    assert schema is not None
    assert schema["properties"]["result"]["items"] == {"$ref": "#/$defs/Found"}
    assert schema["$defs"]["Found"]["required"] == ["name", "size"]
    assert "title" not in str(schema), "a title only repeats the name"


async def nothing_said():  # type: ignore[no-untyped-def]
    return "x"


async def text() -> str:
    return "x"


async def text_or_question() -> str | InputRequiredResult:
    return "x"


async def maybe_text() -> str | None:
    return None


async def whole_result() -> CallToolResult:
    return CallToolResult(content=[])


async def blocks() -> list[TextContent]:
    return []


@pytest.mark.parametrize("function", [nothing_said, text, text_or_question, maybe_text, whole_result, blocks])
def test_text_and_content_blocks_have_no_output_schema(function: Any) -> None:
    """It would cost the model tokens and say nothing."""
    assert Tool.of(function).output_schema is None


def test_the_context_is_found_by_its_annotation_under_any_name() -> None:
    async def greet(name: str, board: Context[Any]) -> str:
        return name

    assert list(Tool.of(greet).input_schema["properties"]) == ["name"]


def test_a_method_and_a_name_of_its_own() -> None:
    class Client:
        async def ping(self, times: int = 1) -> str:
            """Ping."""
            return "pong"

    tool = Tool.of(Client().ping, name="ping_all", title="Ping", aliases=["p"], tags=["net"])
    assert (tool.name, tool.title, tool.aliases, tool.tags) == ("ping_all", "Ping", ("p",), ("net",))
    assert list(tool.input_schema["properties"]) == ["times"]


def test_the_listed_form_holds_the_hints_that_were_given_and_names_the_plugin() -> None:
    tool = Tool.of(search, title="Search", read_only=True, destructive=False, meta={"team": "storage"})
    form = tool.form("oci_search", "oci", "2026-07-28")
    assert form["name"] == "oci_search"
    assert form["title"] == "Search"
    assert form["annotations"] == {"readOnlyHint": True, "destructiveHint": False}
    assert form["_meta"] == {"fuseboard/plugin": "oci", "team": "storage"}
    assert "annotations" not in Tool.of(search).form("oci_search", "oci", "2026-07-28")


@pytest.mark.parametrize("revision", [*HANDSHAKE_PROTOCOL_VERSIONS, *MODERN_PROTOCOL_VERSIONS])
def test_every_protocol_revision_gets_a_form_with_the_same_schema(revision: str) -> None:
    tool = Tool.of(search, read_only=True)
    form = tool.form("oci_search", "oci", revision)
    assert form["inputSchema"] == tool.input_schema


def test_a_raw_schema_is_listed_as_it_is() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Arguments",
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/a"}, "b": {"$anchor": "b", "title": "B"}},
        "if": {"required": ["a"]},
        "then": {"required": ["b"]},
        "$defs": {"a": {"type": ["string", "null"], "default": None}},
        "x-own": [1, {"two": None}],
    }

    async def proxied(arguments: dict[str, Any]) -> str:
        return ""

    tool = Tool.of(proxied, input_schema=schema)
    for revision in ("2025-11-25", "2026-07-28"):
        assert tool.form("x", "y", revision)["inputSchema"] == schema


async def takes_all(arguments: dict[str, Any]) -> str:
    return ""


def with_default_nan(ratio: float = float("nan")) -> str:
    return ""


def with_infinite_default(ratio: float = float("inf")) -> str:
    return ""


def many(*names: str) -> str:
    return ""


def anything(**options: str) -> str:
    return ""


def only_by_position(name: str, /) -> str:
    return ""


def of_an_unknown_kind(then: Callable[[], None]) -> str:
    return ""


def with_an_unreadable_annotation(name: Missing) -> str:  # type: ignore[name-defined] # noqa: F821
    return ""


@pytest.mark.parametrize(
    "function", [many, anything, only_by_position, of_an_unknown_kind, with_an_unreadable_annotation]
)
def test_a_signature_that_cannot_be_served_is_refused_by_the_tools_name(function: Any) -> None:
    with pytest.raises(RegistrationError, match=f"tool {function.__name__}: "):
        Tool.of(function)


def test_a_function_without_a_name_needs_one() -> None:
    with pytest.raises(RegistrationError, match="register it with name="):
        Tool.of(lambda: "x")
    assert Tool.of(lambda: "x", name="x").name == "x"


def test_a_timeout_must_be_more_than_nothing() -> None:
    with pytest.raises(RegistrationError, match="tool text: timeout must be more than 0 s, not 0"):
        Tool.of(text, timeout=0)


@pytest.mark.parametrize(
    ("schema", "what"),
    [
        ({}, "inputSchema"),
        ({"type": "array"}, "inputSchema"),
        ({"type": "nonsense"}, "not a valid JSON Schema at type"),
        ({"type": "object", "required": "name"}, "not a valid JSON Schema at required"),
        ({"type": "object", "properties": {"a": None}}, "a"),
        ({"type": "object", "properties": {"a": {"pattern": "("}}}, "a"),
    ],
)
def test_a_raw_input_schema_that_would_spoil_the_list_is_refused(schema: dict[str, Any], what: str) -> None:
    with pytest.raises(RegistrationError, match=f"tool takes_all: .*{what}"):
        Tool.of(takes_all, input_schema=schema)


def test_a_raw_output_schema_that_one_era_refuses_is_refused() -> None:
    with pytest.raises(RegistrationError, match=r"tool takes_all: protocol revision 2025-11-25 refuses outputSchema"):
        Tool.of(takes_all, input_schema={"type": "object"}, output_schema={"type": "array"})


@pytest.mark.parametrize("function", [with_default_nan, with_infinite_default])
def test_a_default_that_json_cannot_say_does_not_get_into_the_list(function: Any) -> None:
    """One NaN in one schema would make the whole list unreadable for every client."""
    import json

    try:
        tool = Tool.of(function)
    except RegistrationError:
        return
    json.dumps(tool.form("x", "y", "2026-07-28"), allow_nan=False)


@pytest.mark.parametrize(
    "options", [{"description": "\ud800"}, {"title": "\udcff"}, {"meta": {"x": "\ud800"}}, {"meta": {"x": object()}}]
)
def test_a_text_that_is_not_unicode_and_a_meta_that_is_not_json_are_refused(options: dict[str, Any]) -> None:
    """They would end the connection of every client that lists the tools."""
    with pytest.raises(RegistrationError, match=r"^tool text"):
        Tool.of(text, **options)


def test_a_raw_schema_needs_a_function_that_takes_the_arguments() -> None:
    async def takes_none(ctx: Context[None]) -> str:
        return ""

    with pytest.raises(RegistrationError, match="tool takes_none: "):
        Tool.of(takes_none, input_schema={"type": "object"})


@pytest.mark.parametrize(
    "part",
    [
        {"type": "string", "x-mcp-header": ""},
        {"type": "string", "x-mcp-header": "Bad Name"},
        {"type": "object", "x-mcp-header": "Tenant"},
    ],
)
def test_a_wrong_header_annotation_is_refused(part: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"tenant": part}}
    with pytest.raises(RegistrationError, match="tool takes_all: wrong x-mcp-header"):
        Tool.of(takes_all, input_schema=schema)


def test_a_tool_knows_whether_it_has_header_arguments() -> None:
    schema = {"type": "object", "properties": {"tenant": {"type": "string", "x-mcp-header": "Tenant"}}}
    assert Tool.of(takes_all, input_schema=schema).has_header_arguments
    assert not Tool.of(takes_all, input_schema={"type": "object"}).has_header_arguments

    async def typed(tenant: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Tenant"})]) -> str:
        return tenant

    assert Tool.of(typed).has_header_arguments


def test_the_shape_beside_a_whole_result_is_the_output_schema() -> None:
    """A tool that builds its `CallToolResult` itself says with `Annotated` what the structured content is."""

    def rows() -> Annotated[CallToolResult, list[str]]:
        return CallToolResult(content=[], structured_content={"result": ["a"]})

    schema = Tool.of(rows).output_schema
    assert schema is not None
    assert schema["properties"] == {"result": {"type": "array", "items": {"type": "string"}}}
    assert Tool.of(plain).output_schema is None


def plain() -> Annotated[str, "text for people"]:
    """Text is no structured data, whatever stands beside it."""
    return ""
