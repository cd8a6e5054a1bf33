"""Plugins whose names, URIs and templates collide, or are illegal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fuseboard import hookimpl
from fuseboard_faulty.journal import Tools, fine

if TYPE_CHECKING:
    from fuseboard import ResourceRegistrar, ToolRegistrar


class Named:
    """One tool under this name."""

    def __init__(self, *names: str) -> None:
        self._names = names

    @hookimpl
    def register_tools(self, register: ToolRegistrar) -> None:
        for name in self._names:
            register(fine, name=name)


async def read_one() -> str:
    """A resource without variables."""
    return "one"


async def read_thing(thing: str) -> str:
    """A resource with a variable."""
    return thing


class Overlapping:
    """The same URI as its neighbour, and a template that answers to the same URIs."""

    def __init__(self, template: str) -> None:
        self._template = template

    @hookimpl
    def register_tools(self, register: ToolRegistrar) -> None:
        register(fine)

    @hookimpl
    def register_resources(self, register: ResourceRegistrar) -> None:
        register("overlap://same", read_one)
        register(self._template, read_thing)


illegal = Tools(fine)
clash = Named("a_b", "own")
clash_a = Named("b", "own")
illegal_tool = Named("two words", "fine")
overlap_one = Overlapping("overlap://things/{thing}")
overlap_two = Overlapping("overlap://things/{thing}")
