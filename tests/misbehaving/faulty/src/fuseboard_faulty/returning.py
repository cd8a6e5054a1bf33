"""A plugin whose tools return what cannot be sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, TextContent

from fuseboard import ToolError
from fuseboard_faulty.journal import Tools, fine

HALF_A_LETTER = "\ud800"
MEBIBYTE = 1024 * 1024


async def huge() -> str:
    """20 MiB."""
    return "x" * (20 * MEBIBYTE)


def huge_in_a_thread() -> str:
    """20 MiB."""
    return "x" * (20 * MEBIBYTE)


async def huge_structured() -> list[str]:
    """20 MiB in pieces."""
    return ["x" * MEBIBYTE] * 20


async def not_a_number() -> float:
    """NaN is no JSON."""
    return float("nan")


async def infinite_inside() -> dict[str, Any]:
    """Neither is infinity."""
    return {"a": [1, {"b": float("inf")}]}


async def surrogate() -> str:
    """Not Unicode."""
    return f"half a letter: {HALF_A_LETTER}"


async def surrogate_inside() -> dict[str, Any]:
    """Not Unicode, in a key."""
    return {HALF_A_LETTER: 1}


async def surrogate_content() -> CallToolResult:
    """Not Unicode, in a result of the SDK."""
    return CallToolResult(content=[TextContent.model_construct(type="text", text=HALF_A_LETTER)])


async def an_object() -> Any:
    """Nothing that JSON knows."""
    return object()


async def an_object_inside() -> dict[str, Any]:
    """Nothing that JSON knows, deep inside."""
    return {"a": [{"b": object()}]}


async def a_generator() -> Any:
    """Something that has not happened yet."""

    def numbers() -> Iterator[int]:
        yield 1
        raise RuntimeError("in the middle")

    return numbers()


async def a_cycle() -> dict[str, Any]:
    """It contains itself."""
    cycle: dict[str, Any] = {}
    cycle["cycle"] = cycle
    return cycle


async def a_deep_nest() -> dict[str, Any]:
    """Ten thousand levels."""
    nest: dict[str, Any] = {}
    for _ in range(10_000):
        nest = {"deeper": nest}
    return nest


async def a_long_number() -> dict[str, Any]:
    """More digits than Python writes."""
    return {"number": 10**5000}


async def another_type() -> int:
    """Not what the signature says."""
    return "twelve"  # type: ignore[return-value]


async def structured_list() -> CallToolResult:
    """Structured content that is no object."""
    return CallToolResult(content=[], structured_content=[1, 2])


async def invalid_content() -> CallToolResult:
    """A content block of a kind that no client knows."""
    return CallToolResult.model_construct(content=[{"type": "nonsense"}])


async def no_content() -> CallToolResult:
    """A result of the SDK without its parts."""
    return CallToolResult.model_construct(content=None)


async def invalid_meta() -> CallToolResult:
    """Metadata that is no JSON."""
    return CallToolResult.model_construct(content=[], meta={"a": object()})


async def surrogate_error() -> str:
    """An error for the model that is not Unicode."""
    raise ToolError(f"half a letter: {HALF_A_LETTER}")


async def huge_error() -> str:
    """An error for the model of 20 MiB."""
    raise ToolError("x" * (20 * MEBIBYTE))


async def surrogate_protocol_error() -> str:
    """A JSON-RPC error that is not Unicode."""
    raise MCPError(-32050, f"half a letter: {HALF_A_LETTER}")


async def invalid_protocol_error() -> str:
    """A JSON-RPC error whose data is no JSON."""
    raise MCPError(-32050, "a code of its own", {"a": object(), "b": float("nan")})


async def some_bytes() -> bytes:
    """Bytes that are no text."""
    return b"\xff\xfe"


async def nothing() -> None:
    """Nothing at all, which is fine."""


plugin = Tools(
    fine,
    huge,
    huge_in_a_thread,
    huge_structured,
    not_a_number,
    infinite_inside,
    surrogate,
    surrogate_inside,
    surrogate_content,
    an_object,
    an_object_inside,
    a_generator,
    a_cycle,
    a_deep_nest,
    a_long_number,
    another_type,
    structured_list,
    invalid_content,
    no_content,
    invalid_meta,
    surrogate_error,
    huge_error,
    surrogate_protocol_error,
    invalid_protocol_error,
    some_bytes,
    nothing,
)
