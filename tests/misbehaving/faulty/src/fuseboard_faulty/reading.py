"""Plugins whose resources, prompts and completers misbehave in every way."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fuseboard import Context, hookimpl
from fuseboard_faulty.journal import note, secret

if TYPE_CHECKING:
    from fuseboard import PromptRegistrar, ResourceRegistrar

HALF_A_LETTER = "\ud800"


async def raises() -> str:
    """Raise, with a secret in the words."""
    raise RuntimeError(f"login failed for admin:{secret()}")


async def exits() -> str:
    """Ask to end the process."""
    sys.exit(3)


async def cancels() -> str:
    """Claim to be cancelled."""
    raise asyncio.CancelledError


async def hangs() -> str:
    """Never end."""
    note("dozing hangs")
    try:
        await asyncio.Event().wait()
    finally:
        note("dozing hangs no longer")
    return ""


def huge() -> str:
    """20 MiB."""
    return "x" * (20 * 1024 * 1024)


async def surrogate() -> str:
    """Not Unicode."""
    return HALF_A_LETTER


async def rubbish() -> Any:
    """Nothing that can be sent."""
    return object()


BAD: Mapping[str, Callable[[], Any]] = {
    function.__name__: function for function in (raises, exits, cancels, huge, surrogate, rubbish)
}


async def item(name: str, colour: str) -> str:
    """A resource template."""
    return f"{name} {colour}"


async def about(raises: str, hangs: str, lies: str, exits: str) -> str:
    """A prompt whose arguments have bad completers."""
    return f"{raises} {hangs} {lies} {exits}"


async def complete_raises(ctx: Context[None], value: str, given: Mapping[str, str]) -> list[str]:
    """Raise, with a secret in the words."""
    raise RuntimeError(secret())


async def complete_hangs(ctx: Context[None], value: str, given: Mapping[str, str]) -> list[str]:
    """Never end."""
    await asyncio.Event().wait()
    return []


async def complete_lies(ctx: Context[None], value: str, given: Mapping[str, str]) -> Any:
    """Things that are no texts, and a text that is no Unicode."""
    return [1, None, HALF_A_LETTER, *range(1000)]


async def complete_exits(ctx: Context[None], value: str, given: Mapping[str, str]) -> list[str]:
    """Ask to end the process."""
    sys.exit(3)


class Plugin:
    """The plugin object."""

    @hookimpl
    def register_resources(self, register: ResourceRegistrar) -> None:
        for name, function in BAD.items():
            register(f"reading://{name}", function)

    @hookimpl
    def register_prompts(self, register: PromptRegistrar) -> None:
        for function in BAD.values():
            register(function)


class Dozing:
    """The plugin object for what hangs, which can have less time than the rest."""

    @hookimpl
    def register_resources(self, register: ResourceRegistrar) -> None:
        register("dozing://hangs", hangs)
        register("dozing://item/{name}/{colour}", item, complete={"name": complete_raises, "colour": complete_hangs})

    @hookimpl
    def register_prompts(self, register: PromptRegistrar) -> None:
        register(hangs)
        register(
            about,
            complete={
                "raises": complete_raises,
                "hangs": complete_hangs,
                "lies": complete_lies,
                "exits": complete_exits,
            },
        )


plugin = Plugin()
dozing = Dozing()
