"""A plugin that greets people in their language."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING

from fuseboard import hookimpl
from fuseboard_hello.config import HelloSettings
from fuseboard_hello.health import language_is_known
from fuseboard_hello.phrases import PhraseBook
from fuseboard_hello.prompts import suggest_languages, welcome
from fuseboard_hello.tools import greet

if TYPE_CHECKING:
    from fuseboard import HealthRegistrar, PromptRegistrar, ToolRegistrar


@hookimpl
def settings() -> type[HelloSettings]:
    """Read `FUSEBOARD_HELLO_LANGUAGE`, or `plugins: {hello: {language: ...}}` of the file."""
    return HelloSettings


@hookimpl
def register_tools(register: ToolRegistrar) -> None:
    """One tool; its public name is `hello_greet`."""
    register(greet, read_only=True, open_world=False)


@hookimpl
def register_prompts(register: PromptRegistrar) -> None:
    """One prompt, which suggests languages while the user types."""
    register(welcome, complete={"language": suggest_languages})


@hookimpl
def register_health_checks(register: HealthRegistrar) -> None:
    """One check, which notices a language that nobody speaks."""
    register(language_is_known)


@hookimpl
@asynccontextmanager
async def lifespan(settings: HelloSettings) -> AsyncIterator[PhraseBook]:
    """Open the phrase book when the plugin starts, close it when the plugin stops. It is `ctx.state` of every call."""
    with closing(PhraseBook(language=settings.language)) as book:
        yield book
