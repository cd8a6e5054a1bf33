"""Tools that ask the client in the middle of a call."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, Field

from fuseboard import Context, ToolError
from fuseboard_conformance.state import Bench

# Every way in which a form can offer a choice: plain or titled, one or several, and the deprecated `enumNames`.
CHOICES = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
        "titledSingle": {
            "type": "string",
            "oneOf": [{"const": "value1", "title": "The first"}, {"const": "value2", "title": "The second"}],
        },
        "legacyEnum": {"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["The first", "The second"]},
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
        "titledMulti": {
            "type": "array",
            "items": {"anyOf": [{"const": "value1", "title": "The first"}, {"const": "value2", "title": "The second"}]},
        },
    },
    "required": ["untitledSingle"],
}


class Account(BaseModel):
    """A form with two required fields."""

    username: str = Field(description="The user's name")
    email: str = Field(description="The user's e-mail address")


class Profile(BaseModel):
    """A form with a default for every primitive type."""

    name: str = "John Doe"
    age: int = 30
    score: float = 95.5
    status: Literal["active", "inactive", "pending"] = "active"
    verified: bool = True


def register_tools(register: Any) -> None:
    """Register the tools of this module."""
    for tool in (test_sampling, test_elicitation, test_elicitation_sep1034_defaults, test_elicitation_sep1330_enums):
        register(tool)
    for tool in (test_missing_capability, test_streaming_elicitation, test_input_required_result_capabilities):
        register(tool)


async def test_sampling(ctx: Context[Bench], prompt: str) -> str:
    """Ask the client's model."""
    return f"LLM response: {await _asked_model(ctx, prompt)}"


async def test_elicitation(ctx: Context[Bench], message: str) -> str:
    """Ask the user to fill a form."""
    answer = await ctx.elicit(message, Account)
    return f"User response: {answer.action} {json.dumps(answer.content)}"


async def test_elicitation_sep1034_defaults(ctx: Context[Bench]) -> str:
    """Ask the user to fill a form whose fields have defaults."""
    answer = await ctx.elicit("Is this you?", Profile)
    return f"User response: {answer.action} {json.dumps(answer.content)}"


async def test_elicitation_sep1330_enums(ctx: Context[Bench]) -> str:
    """Ask the user to fill a form with choices of every kind."""
    answer = await ctx.elicit("What do you choose?", CHOICES)
    return f"User response: {answer.action} {json.dumps(answer.content)}"


async def test_missing_capability(ctx: Context[Bench]) -> str:
    """Ask the client's model, which a client that did not offer one must refuse."""
    return await _asked_model(ctx, "Is anybody there?")


async def test_streaming_elicitation(ctx: Context[Bench]) -> str:
    """Report progress, then ask the user: on 2026-07-28 the question must not travel as a request of the server."""
    await ctx.report_progress(1, 2, "about to ask")
    answer = await ctx.elicit("Who are you?", Account)
    return f"User response: {answer.action}"


async def test_input_required_result_capabilities(ctx: Context[Bench]) -> str:
    """Ask the user if the client can do that, else the client's model."""
    try:
        answer = await ctx.elicit("Who are you?", Account)
    except ToolError:
        return await _asked_model(ctx, "Who is your user?")
    return f"User response: {answer.action}"


async def _asked_model(ctx: Context[Bench], prompt: str) -> str:
    question = {"role": "user", "content": {"type": "text", "text": prompt}}
    result = await ctx.sample([question], max_tokens=100)
    return str(result["content"]["text"])
