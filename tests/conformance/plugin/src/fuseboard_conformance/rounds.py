"""Tools that return an `InputRequiredResult` themselves (2026-07-28): keys and state are their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.types import (
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    InputRequests,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    TextContent,
)

from fuseboard import Context
from fuseboard_conformance.state import Bench


def register_tools(register: Any) -> None:
    """Register the tools of this module."""
    for tool in (
        test_input_required_result_elicitation,
        test_input_required_result_sampling,
        test_input_required_result_list_roots,
        test_input_required_result_request_state,
        test_input_required_result_multiple_inputs,
        test_input_required_result_multi_round,
        test_input_required_result_tampered_state,
    ):
        register(tool)


def form(message: str, field: str, kind: str = "string") -> ElicitRequest:
    """Ask for a form of one required field."""
    schema = {"type": "object", "properties": {field: {"type": kind}}, "required": [field]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sampling(prompt: str) -> CreateMessageRequest:
    """Ask the client's model."""
    message = SamplingMessage(role="user", content=TextContent(type="text", text=prompt))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=100))


def filled(ctx: Context[Bench], key: str) -> Mapping[str, Any] | None:
    """The form that the user accepted under this key, None while there is none."""
    answer = ctx.input_responses.get(key)
    return answer["content"] if answer and answer["action"] == "accept" else None


async def test_input_required_result_elicitation(ctx: Context[Bench]) -> str | InputRequiredResult:
    """Ask for a name and greet."""
    if answer := filled(ctx, "user_name"):
        return f"Hello, {answer['name']}!"
    return InputRequiredResult(input_requests={"user_name": form("What is your name?", "name")})


async def test_input_required_result_sampling(ctx: Context[Bench]) -> str | InputRequiredResult:
    """Ask the client's model and repeat its answer."""
    if answer := ctx.input_responses.get("capital_question"):
        return str(answer["content"]["text"])
    return InputRequiredResult(input_requests={"capital_question": sampling("What is the capital of France?")})


async def test_input_required_result_list_roots(ctx: Context[Bench]) -> str | InputRequiredResult:
    """Ask for the client's roots and name them."""
    if answer := ctx.input_responses.get("client_roots"):
        return ", ".join(root["uri"] for root in answer["roots"])
    return InputRequiredResult(input_requests={"client_roots": ListRootsRequest()})


async def test_input_required_result_request_state(ctx: Context[Bench]) -> str | InputRequiredResult:
    """Ask for a confirmation, and check that the state comes back unchanged."""
    if filled(ctx, "confirm"):
        return "state-ok" if ctx.request_state == "the first round" else f"unexpected state {ctx.request_state!r}"
    return InputRequiredResult(
        input_requests={"confirm": form("Please confirm", "ok", "boolean")}, request_state="the first round"
    )


async def test_input_required_result_multiple_inputs(ctx: Context[Bench]) -> str | InputRequiredResult:
    """Ask the user, the model and for the roots, all at once."""
    asked: InputRequests = {
        "user_name": form("What is your name?", "name"),
        "greeting": sampling("Generate a greeting"),
        "client_roots": ListRootsRequest(),
    }
    if asked.keys() <= ctx.input_responses.keys():
        return "All three were answered"
    return InputRequiredResult(input_requests=asked, request_state="three questions")


async def test_input_required_result_multi_round(ctx: Context[Bench]) -> str | InputRequiredResult:
    """Ask twice; the first answer travels in the state, because a client repeats only its newest."""
    if color := filled(ctx, "step2"):
        return f"{ctx.request_state} likes {color['color']}"
    if name := filled(ctx, "step1"):
        return InputRequiredResult(
            input_requests={"step2": form("Step 2: What is your favorite color?", "color")}, request_state=name["name"]
        )
    return InputRequiredResult(
        input_requests={"step1": form("Step 1: What is your name?", "name")}, request_state="nobody yet"
    )


async def test_input_required_result_tampered_state(ctx: Context[Bench]) -> str | InputRequiredResult:
    """Ask for a confirmation; a state that was tampered with never comes here, because the host seals it."""
    if filled(ctx, "confirm"):
        return "The state was whole"
    return InputRequiredResult(
        input_requests={"confirm": form("Please confirm", "ok", "boolean")}, request_state="sealed by the host"
    )
