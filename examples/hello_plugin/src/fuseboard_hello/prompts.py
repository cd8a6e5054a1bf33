"""The prompts of the plugin, and what it suggests while a user fills one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from fuseboard import Context
from fuseboard_hello.phrases import PhraseBook


async def welcome(
    name: Annotated[str, Field(description="Whom to welcome.")],
    language: Annotated[str, Field(description="Two-letter code, for example fr.")] = "en",
) -> str:
    """Write a warm welcome for a newcomer."""
    return f"Greet {name} with the tool hello_greet (language {language}), then add two friendly sentences."


async def suggest_languages(ctx: Context[PhraseBook], value: str, already_given: Mapping[str, str]) -> list[str]:
    """The languages that begin with what was typed so far."""
    return [language for language in ctx.state.languages if language.startswith(value)]
