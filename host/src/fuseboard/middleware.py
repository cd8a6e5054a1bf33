"""What a call middleware of a plugin sees."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fuseboard.caller import Caller


@dataclass(frozen=True, slots=True)
class Call:
    """One call on its way to a plugin.

    Attributes:
        kind: what is called.
        name: its public name, or the URI of a resource.
        plugin: the plugin that owns it.
        arguments: the arguments as they came, before validation.
        caller: who calls and from which surface.
    """

    kind: Literal["tool", "prompt", "resource"]
    name: str
    plugin: str
    arguments: Mapping[str, Any]
    caller: Caller


CallNext = Callable[[Call], Awaitable[dict[str, Any]]]
"""Runs the rest of the chain and returns the result in its wire form."""

CallMiddleware = Callable[[Call, CallNext], Awaitable[dict[str, Any]]]
"""`async (call, call_next) -> result`: wraps every call; runs on the host's loop, so it must not block."""
