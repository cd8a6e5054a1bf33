"""Fixtures of the public MCP conformance suite, as a plugin: it is served with an empty prefix.

`contents` answers with every kind of content, `asking` asks the client in the middle of a call, `rounds` asks by
ending the call (2026-07-28), `changes` alters the lists while clients watch, `schemas` registers raw JSON Schema.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fuseboard import hookimpl
from fuseboard_conformance import asking, changes, contents, prompts, resources, rounds, schemas
from fuseboard_conformance.state import Bench


@hookimpl
def register_tools(register: Any) -> None:
    """Register the tools of every module."""
    for module in (contents, asking, rounds, changes, schemas):
        module.register_tools(register)


@hookimpl
def register_prompts(register: Any) -> None:
    """Register the prompts."""
    prompts.register_prompts(register)


@hookimpl
def register_resources(register: Any) -> None:
    """Register the resources."""
    resources.register_resources(register)


@hookimpl
@asynccontextmanager
async def lifespan() -> AsyncIterator[Bench]:
    """Hold what the tools remember between calls."""
    yield Bench()
