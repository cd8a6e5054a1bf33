"""What the tools remember between calls."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Bench:
    """The state of the plugin.

    Attributes:
        signal: lets a waiting call end.
        cancelled: set once a waiting call has been cancelled.
        extra_tool: whether the tool that comes and goes is there.
        extra_prompt: whether the prompt that comes and goes is there.
    """

    signal: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    extra_tool: bool = False
    extra_prompt: bool = False
