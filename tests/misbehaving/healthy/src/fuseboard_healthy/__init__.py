"""The plugin that does everything right, beside those that do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fuseboard import Context, hookimpl

if TYPE_CHECKING:
    from fuseboard import HealthRegistrar, PromptRegistrar, ResourceRegistrar, ToolRegistrar


async def echo(text: str) -> str:
    """Return the text."""
    return text


def add(a: int, b: int) -> int:
    """Add two numbers, in a worker thread."""
    return a + b


async def steps(ctx: Context[None], name: str, count: int) -> str:
    """Report progress so many times, then return the name."""
    for done in range(1, count + 1):
        await ctx.report_progress(done, count, name)
    return name


def greeting(name: str) -> str:
    """A prompt."""
    return f"Greet {name}."


async def names(ctx: Context[None], value: str, given: Mapping[str, str]) -> list[str]:
    """Complete the name of the prompt."""
    return [name for name in ("Ada", "Alan") if name.startswith(value)]


def motto() -> str:
    """A resource."""
    return "one fault never darkens the house"


async def is_well(ctx: Context[None]) -> None:
    """A health check: always well."""


@hookimpl
def register_tools(register: ToolRegistrar) -> None:
    """One asynchronous tool, one synchronous one, and one with progress."""
    register(echo, read_only=True)
    register(add, read_only=True)
    register(steps, read_only=True)


@hookimpl
def register_prompts(register: PromptRegistrar) -> None:
    """One prompt with a completer."""
    register(greeting, complete={"name": names})


@hookimpl
def register_resources(register: ResourceRegistrar) -> None:
    """One resource."""
    register("healthy://motto", motto)


@hookimpl
def register_health_checks(register: HealthRegistrar) -> None:
    """One health check."""
    register(is_well, timeout=60)


@hookimpl
def instructions() -> str:
    """What the server's instructions say of it."""
    return "The healthy plugin echoes and adds."
