"""Prompts with every kind of content, with completion, and with a question to the user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.types import (
    EmbeddedResource,
    GetPromptResult,
    ImageContent,
    InputRequiredResult,
    PromptMessage,
    TextContent,
    TextResourceContents,
)

from fuseboard import Context
from fuseboard_conformance.rounds import filled, form
from fuseboard_conformance.samples import PNG_BASE64
from fuseboard_conformance.state import Bench

WORDS = ["test", "testing", "tested", "other"]


def register_prompts(register: Any) -> None:
    """Register the prompts of this module."""
    register(test_simple_prompt)
    register(test_prompt_with_arguments, complete={"arg1": complete_word})
    register(test_prompt_with_embedded_resource)
    register(test_prompt_with_image)
    register(test_input_required_result_prompt)


async def complete_word(ctx: Context[Bench], value: str, already_given: Mapping[str, str]) -> list[str]:
    """Offer the words that begin with `value`."""
    return [word for word in WORDS if word.startswith(value)]


def test_simple_prompt() -> str:
    """A prompt without arguments."""
    return "This is a simple prompt for testing."


def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """A prompt with two arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


def test_prompt_with_embedded_resource(resourceUri: str) -> list[PromptMessage]:  # noqa: N803 (the suite's name)
    """A prompt that brings a resource along."""
    text = "Embedded resource content for testing."
    resource = TextResourceContents(uri=resourceUri, mime_type="text/plain", text=text)
    return [
        PromptMessage(role="user", content=EmbeddedResource(type="resource", resource=resource)),
        PromptMessage(role="user", content=TextContent(type="text", text="Please process the resource above.")),
    ]


def test_prompt_with_image() -> list[PromptMessage]:
    """A prompt that brings an image along."""
    return [
        PromptMessage(role="user", content=ImageContent(type="image", data=PNG_BASE64, mime_type="image/png")),
        PromptMessage(role="user", content=TextContent(type="text", text="Please analyze the image above.")),
    ]


async def test_input_required_result_prompt(ctx: Context[Bench]) -> GetPromptResult | InputRequiredResult:
    """A prompt that asks the user before it is made."""
    answer = filled(ctx, "user_context")
    if answer is None:
        return InputRequiredResult(
            input_requests={"user_context": form("What context should the prompt use?", "context")}
        )
    text = TextContent(type="text", text=f"Mind the context: {answer['context']}")
    return GetPromptResult(messages=[PromptMessage(role="user", content=text)])
