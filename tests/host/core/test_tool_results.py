"""What a tool may return, what the client gets of it, and which results are refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CallToolResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ImageContent,
    InputRequiredResult,
    ResourceLink,
    TextContent,
)
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from fuseboard import Caller, Context, Tool
from fuseboard.errors import InvalidResult, ProtocolError
from fuseboard.strict_json import encode

pytestmark = pytest.mark.anyio

LIMIT = 1048576


async def call(function: Any, **options: Any) -> dict[str, Any]:
    """The result of a tool made of this function, in wire form, as the dispatcher lets it out."""
    context: Context[None] = Context(state=None, plugin="toy", caller=Caller("memory"))
    arguments: dict[str, Any] = {}
    result = await Tool.of(function, **options).invoke(context, arguments, "toy_tool")
    encode(result, "toy_tool", LIMIT)
    return result


async def refused(function: Any, **options: Any) -> str:
    with pytest.raises(InvalidResult) as wrong:
        await call(function, **options)
    return str(wrong.value)


def texts(result: dict[str, Any]) -> list[str]:
    return [block["text"] for block in result["content"]]


@dataclass
class Point:
    x: int
    label: str | None = None


class Image(BaseModel):
    digest: str
    layers: list[int] = Field(default_factory=list, serialization_alias="layerSizes")


class Tag(TypedDict):
    name: str


async def test_text_is_text_and_nothing_else() -> None:
    async def speak() -> str:
        return "Grüße, 世界"

    result = await call(speak)
    assert texts(result) == ["Grüße, 世界"]
    assert "structuredContent" not in result
    assert not result.get("isError")


async def test_nothing_is_an_empty_result() -> None:
    async def act() -> None:
        return None

    assert (await call(act))["content"] == []


async def a_list() -> list[str]:
    return ["1.0", "2.0"]


async def a_dict() -> dict[str, int]:
    return {"a": 1}


async def a_model() -> Image:
    return Image(digest="sha256:0", layers=[1, 2])


async def a_dataclass() -> Point:
    return Point(1)


async def a_typed_dict() -> Tag:
    return {"name": "latest"}


async def a_number() -> int:
    return 5


async def a_model_or_none() -> Image | None:
    return None


@pytest.mark.parametrize(
    ("function", "structured"),
    [
        (a_list, {"result": ["1.0", "2.0"]}),
        (a_dict, {"a": 1}),
        (a_model, {"digest": "sha256:0", "layerSizes": [1, 2]}),
        (a_dataclass, {"x": 1, "label": None}),
        (a_typed_dict, {"name": "latest"}),
        (a_number, {"result": 5}),
        (a_model_or_none, {"result": None}),
    ],
)
async def test_data_is_structured_content_and_one_compact_text(function: Any, structured: dict[str, Any]) -> None:
    """Clients that know no structured content read the text; the model pays for every token of it."""
    result = await call(function)
    assert result["structuredContent"] == structured
    (text,) = texts(result)
    assert json.loads(text) == structured.get("result", structured)
    assert "\n" not in text


async def test_none_inside_a_structured_result_is_kept() -> None:
    async def rows() -> list[dict[str, str | None]]:
        return [{"owner": None, "name": "x"}]

    assert (await call(rows))["structuredContent"] == {"result": [{"owner": None, "name": "x"}]}


async def test_content_blocks_are_sent_as_they_are() -> None:
    link = ResourceLink(type="resource_link", uri="notes://1", name="one")
    picture = ImageContent(type="image", data="aGk=", mime_type="image/png")

    async def mixed() -> list[TextContent | ImageContent | ResourceLink]:
        return [TextContent(type="text", text="look"), picture, link]

    async def single() -> ImageContent:
        return picture

    assert [block["type"] for block in (await call(mixed))["content"]] == ["text", "image", "resource_link"]
    assert (await call(single))["content"] == [{"type": "image", "data": "aGk=", "mimeType": "image/png"}]


async def test_a_function_without_a_return_type_may_return_blocks_data_or_text() -> None:
    async def blocks():  # type: ignore[no-untyped-def]
        return ["text", TextContent(type="text", text="block")]

    async def data():  # type: ignore[no-untyped-def]
        return {"a": 1}

    assert texts(await call(blocks)) == ["text", "block"]
    assert json.loads(texts(await call(data))[0]) == {"a": 1}


async def test_bytes_that_are_text_are_text() -> None:
    async def read() -> bytes:
        return b"hello"

    assert texts(await call(read)) == ["hello"]


async def test_bytes_that_are_no_text_are_an_error_of_the_call() -> None:
    async def read() -> bytes:
        return b"\xff\xfe"

    assert await refused(read) == "toy_tool returned something that cannot be sent as JSON"


async def test_a_whole_result_is_sent_as_it_is() -> None:
    async def act() -> CallToolResult:
        block = TextContent(type="text", text="no")
        return CallToolResult(content=[block], structured_content={"a": None}, is_error=True, _meta={"k": "v"})

    result = await call(act)
    assert result["isError"] is True
    assert result["structuredContent"] == {"a": None}
    assert result["_meta"] == {"k": "v"}
    assert result["resultType"] == "complete"


async def test_a_question_of_the_tools_own_is_sent_as_it_is() -> None:
    form = ElicitRequestFormParams(message="Sure?", requested_schema={"type": "object", "properties": {}})

    async def ask() -> InputRequiredResult:
        return InputRequiredResult(
            input_requests={"sure": ElicitRequest(method="elicitation/create", params=form)}, request_state="half"
        )

    result = await call(ask)
    assert result["resultType"] == "input_required"
    assert result["requestState"] == "half"
    assert result["inputRequests"]["sure"]["params"]["message"] == "Sure?"


async def test_a_protocol_error_of_the_tool_passes_through() -> None:
    async def act() -> str:
        raise MCPError(-32042, "go there first", {"url": "https://example.org"})

    with pytest.raises(ProtocolError, match="go there first") as raised:
        await call(act)
    assert (raised.value.code, raised.value.data) == (-32042, {"url": "https://example.org"})


# --- a result that cannot be sent is an error of that one call --------------------------------------------------------


async def not_a_number() -> float:
    return float("nan")


async def infinite() -> list[float]:
    return [1.0, float("inf")]


async def half_a_letter() -> str:
    return "\ud800"


async def half_a_letter_in_data() -> dict[str, str]:
    return {"name": "\udcff"}


async def half_a_letter_as_a_key() -> dict[str, int]:
    return {"\udcff": 1}


async def an_object() -> Any:
    return object()


async def an_object_in_a_dict() -> dict[str, Any]:
    return {"lock": object()}


async def itself() -> dict[str, Any]:
    loop: dict[str, Any] = {}
    loop["self"] = loop
    return loop


async def nan_in_a_whole_result() -> CallToolResult:
    return CallToolResult(content=[], structured_content={"ratio": float("nan")})


async def an_object_in_a_whole_result() -> CallToolResult:
    return CallToolResult(content=[], structured_content={"lock": object()})


async def something_else() -> Image:
    return "no image"  # type: ignore[return-value]


async def too_few() -> Tag:
    return {}  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    "function",
    [
        not_a_number,
        infinite,
        half_a_letter,
        half_a_letter_in_data,
        half_a_letter_as_a_key,
        an_object_in_a_dict,
        itself,
        nan_in_a_whole_result,
        an_object_in_a_whole_result,
        something_else,
        too_few,
    ],
)
async def test_what_cannot_be_sent_or_does_not_fit_is_a_clear_error_without_its_value(function: Any) -> None:
    said = await refused(function)
    assert said.startswith("toy_tool returned ")
    assert "0x" not in said
    assert "no image" not in said


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), "\ud800", object()])
async def test_the_last_gate_before_the_wire_lets_nothing_through_that_is_no_json(value: Any) -> None:
    with pytest.raises(InvalidResult, match="toy_tool returned"):
        encode({"content": [{"deep": [value]}]}, "toy_tool", LIMIT)


async def test_an_object_without_a_json_form_never_reaches_the_wire_as_it_is() -> None:
    """Without a return type the SDK's rules apply: what is no JSON becomes text, or it is refused."""
    try:
        result = await call(an_object)
    except InvalidResult:
        return
    json.dumps(result, allow_nan=False)


async def test_a_result_that_is_too_large_says_how_large_and_what_to_do() -> None:
    async def flood() -> str:
        return "é" * LIMIT  # two bytes each

    assert await refused(flood) == "toy_tool returned 2.0 MiB, more than the 1.0 MiB allowed; ask for less"

    async def just_fits() -> str:
        return "x" * (LIMIT - 200)

    await call(just_fits)


async def test_structured_content_that_is_no_object_is_refused() -> None:
    async def act() -> CallToolResult:
        return CallToolResult(content=[], structured_content=[1, 2])

    assert await refused(act) == "toy_tool returned structured content that is not an object"


OUTPUT = {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]}


@pytest.mark.parametrize("schema", [None, {"type": "object"}])
async def test_a_result_is_checked_against_a_raw_output_schema(schema: dict[str, Any] | None) -> None:
    """Whether the input schema is raw as well or comes from the signature."""
    if schema is None:

        async def good() -> dict[str, Any]:
            return {"size": 1}

        async def bad() -> dict[str, Any]:
            return {"size": "large"}
    else:

        async def good(arguments: dict[str, Any]) -> dict[str, Any]:  # type: ignore[misc]
            return {"size": 1}

        async def bad(arguments: dict[str, Any]) -> dict[str, Any]:  # type: ignore[misc]
            return {"size": "large"}

    assert (await call(good, input_schema=schema, output_schema=OUTPUT))["structuredContent"] == {"size": 1}
    assert "does not fit its output schema" in await refused(bad, input_schema=schema, output_schema=OUTPUT)


async def test_an_error_result_needs_no_structured_content() -> None:
    async def act(arguments: dict[str, Any]) -> CallToolResult:
        return CallToolResult(content=[TextContent(type="text", text="no")], is_error=True)

    result = await call(act, input_schema={"type": "object"}, output_schema=OUTPUT)
    assert texts(result) == ["no"]


async def test_a_tool_with_an_output_schema_must_return_structured_content() -> None:
    """The specification demands it, and the SDK's own client refuses such a result."""

    async def act(arguments: dict[str, Any]) -> str:
        return "only text"

    assert "output schema" in await refused(act, input_schema={"type": "object"}, output_schema=OUTPUT)
