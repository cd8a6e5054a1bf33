"""Plugins whose hooks are wrong: their names, their arguments, what they do and what they return."""

from __future__ import annotations

import sys
import time
from typing import Any

from fuseboard import hookimpl
from fuseboard_faulty.journal import fine, secret


class MisspeltHook:
    """`register_tool` is no hook."""

    @hookimpl
    def register_tool(self, register: Any) -> None:
        register(fine)


class UnknownArgument:
    """No hook has an argument `colour`."""

    @hookimpl
    def register_tools(self, register: Any, colour: str) -> None:
        register(fine)


class DefaultArgument:
    """pluggy would never fill an argument that has a default."""

    @hookimpl
    def register_tools(self, register: Any, settings: Any = None) -> None:
        register(fine)


class NoHook:
    """Forgot to decorate."""

    def register_tools(self, register: Any) -> None:
        """Never called."""


class RegistersThenRaises:
    """One tool is registered, then the hook raises with a secret in its words."""

    @hookimpl
    def register_tools(self, register: Any) -> None:
        register(fine)
        raise ValueError(f"token {secret()} is refused")


class ToolsThenBadPrompts:
    """Its tools are right, its prompts are not."""

    @hookimpl
    def register_tools(self, register: Any) -> None:
        register(fine)

    @hookimpl
    def register_prompts(self, register: Any) -> None:
        register(fine, complete={"nothing": fine})


class Exits:
    """Wants to end the process from within a hook."""

    @hookimpl
    def register_tools(self) -> None:
        sys.exit(4)


class Hangs:
    """A hook that never returns."""

    @hookimpl
    def register_tools(self) -> None:
        while True:
            time.sleep(0.01)


class InstructionsRaise:
    """No text, but an exception with a secret."""

    @hookimpl
    def instructions(self) -> str:
        raise KeyError(secret())


class InstructionsNumber:
    """No text, but a number."""

    @hookimpl
    def instructions(self) -> Any:
        return 42


class InstructionsSurrogate:
    """A text that is no Unicode and would spoil every handshake."""

    @hookimpl
    def register_tools(self, register: Any) -> None:
        register(fine)

    @hookimpl
    def instructions(self) -> str:
        return "half a letter: \ud800"


class InstructionsHuge:
    """A text that would go into every handshake."""

    @hookimpl
    def instructions(self) -> str:
        return "Read this. " * 500_000


class ReturnsRubbish:
    """Where a list of routes is wanted it returns a number, which cannot be iterated."""

    @hookimpl
    def http_routes(self) -> Any:
        return 7


class RoutesOfRubbish:
    """A list, but of texts instead of routes."""

    @hookimpl
    def register_tools(self, register: Any) -> None:
        register(fine)

    @hookimpl
    def http_routes(self) -> Any:
        return ["/a", "/b"]


class MiddlewareOfRubbish:
    """A list, but of texts instead of functions: called, it would break the calls of everybody."""

    @hookimpl
    def register_tools(self, register: Any) -> None:
        register(fine)

    @hookimpl
    def call_middleware(self) -> Any:
        return ["not a function"]


misspelt = MisspeltHook()
unknown_argument = UnknownArgument()
default_argument = DefaultArgument()
none = NoHook()
registers_then_raises = RegistersThenRaises()
tools_then_bad_prompts = ToolsThenBadPrompts()
exits = Exits()
hangs = Hangs()
instructions_raise = InstructionsRaise()
instructions_number = InstructionsNumber()
instructions_surrogate = InstructionsSurrogate()
instructions_huge = InstructionsHuge()
returns_rubbish = ReturnsRubbish()
routes_of_rubbish = RoutesOfRubbish()
middleware_of_rubbish = MiddlewareOfRubbish()
