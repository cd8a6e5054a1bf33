"""The tools of the plugin: plain functions, whose signatures and docstrings are what a model sees."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fuseboard import Context, ToolError
from fuseboard_hello.phrases import PhraseBook


async def greet(
    ctx: Context[PhraseBook],
    name: Annotated[str, Field(description="Whom to greet.", min_length=1)],
    language: Annotated[str | None, Field(description="Two-letter code, for example fr.")] = None,
) -> str:
    """Greet somebody by name, in their language, and return the greeting."""
    book = ctx.state
    try:
        return f"{book.greeting(language)}, {name}!"
    except KeyError:
        known = ", ".join(book.languages)
        raise ToolError(f"no greeting in {language or book.language!r}; known languages: {known}") from None
