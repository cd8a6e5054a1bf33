"""Tools that change what clients watch: the lists, and one resource."""

from __future__ import annotations

from typing import Any

from fuseboard import Context, Prompt, Tool
from fuseboard_conformance.state import Bench


def register_tools(register: Any) -> None:
    """Register the tools of this module."""
    for tool in (test_trigger_tool_change, test_trigger_prompt_change, trigger_resource_update):
        register(tool)


async def test_trigger_tool_change(ctx: Context[Bench]) -> str:
    """Add a tool, or take it away again."""
    ctx.state.extra_tool = not ctx.state.extra_tool
    ctx.board.replace("extra_tools", tools=[Tool.of(_extra_tool, name="tool")] if ctx.state.extra_tool else [])
    return "The tool is there" if ctx.state.extra_tool else "The tool is gone"


async def test_trigger_prompt_change(ctx: Context[Bench]) -> str:
    """Add a prompt, or take it away again."""
    ctx.state.extra_prompt = not ctx.state.extra_prompt
    ctx.board.replace(
        "extra_prompts", prompts=[Prompt.of(_extra_prompt, name="prompt")] if ctx.state.extra_prompt else []
    )
    return "The prompt is there" if ctx.state.extra_prompt else "The prompt is gone"


async def trigger_resource_update(ctx: Context[Bench]) -> str:
    """Tell the subscribers that the watched resource has changed."""
    await ctx.resource_updated("test://watched-resource")
    return "The subscribers were told"


def _extra_tool() -> str:
    """Come and go."""
    return "I am here"


def _extra_prompt() -> str:
    """Come and go."""
    return "I am here"
