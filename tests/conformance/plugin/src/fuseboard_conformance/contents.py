"""Tools that answer with every kind of content, report progress, log, fail and wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
from mcp.types import AudioContent, EmbeddedResource, ImageContent, TextContent, TextResourceContents

from fuseboard import Context, ToolError
from fuseboard_conformance.samples import PNG_BASE64, WAV_BASE64
from fuseboard_conformance.state import Bench


def register_tools(register: Any) -> None:
    """Register the tools of this module."""
    for tool in READ_ONLY:
        register(tool, read_only=True)
    for tool in OTHERS:
        register(tool)


def test_simple_text() -> str:
    """Answer with one plain text."""
    return "This is a simple text response for testing."


def test_image_content() -> ImageContent:
    """Answer with an image."""
    return ImageContent(type="image", data=PNG_BASE64, mime_type="image/png")


def test_audio_content() -> AudioContent:
    """Answer with a sound."""
    return AudioContent(type="audio", data=WAV_BASE64, mime_type="audio/wav")


def test_embedded_resource() -> EmbeddedResource:
    """Answer with a resource that lies inside the answer."""
    return _embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")


def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
    """Answer with a text, an image and a resource at once."""
    return [
        TextContent(type="text", text="Multiple content types test:"),
        ImageContent(type="image", data=PNG_BASE64, mime_type="image/png"),
        _embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ]


def test_error_handling() -> str:
    """Fail always, with a text for the model."""
    raise ToolError("This tool intentionally returns an error for testing")


async def test_tool_with_progress(ctx: Context[Bench]) -> str:
    """Report progress three times, then answer."""
    for done in (0, 50, 100):
        await ctx.report_progress(done, 100, f"{done} of 100")
    return "All of 100 done"


async def test_tool_with_logging(ctx: Context[Bench]) -> str:
    """Send three log messages, then answer."""
    for text in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.log("info", text)
    return "Three messages were logged"


async def test_logging_tool(ctx: Context[Bench]) -> str:
    """Send one log message: on 2026-07-28 it must not arrive unless the request asks for it."""
    await ctx.log("info", "Nobody asked for this message")
    return "One message was logged"


async def test_reconnection(ctx: Context[Bench]) -> str:
    """Send two log messages. Streams are not resumable here, so none is closed in between."""
    await ctx.log("info", "Before")
    await ctx.log("info", "After")
    return "The stream stayed open"


def echo(text: str, times: int = 1) -> str:
    """Repeat a text."""
    return text * times


async def wait_for_signal(ctx: Context[Bench], within: float) -> str:
    """Report progress once, then wait for another call to send the signal, for at most `within` seconds."""
    await ctx.report_progress(1, 2, "waiting")
    with anyio.move_on_after(within) as patience:
        await ctx.state.signal.wait()
    ctx.state.signal.clear()
    return "no signal came" if patience.cancelled_caught else "the signal came"


async def send_signal(ctx: Context[Bench]) -> str:
    """Let the waiting call end."""
    ctx.state.signal.set()
    return "sent"


async def wait_for_cancel(ctx: Context[Bench]) -> str:
    """Report progress once, then wait until the call is cancelled."""
    try:
        await ctx.report_progress(1, 2, "waiting")
        await anyio.sleep_forever()
    finally:
        ctx.state.cancelled.set()
    return "never reached"


async def was_cancelled(ctx: Context[Bench], within: float) -> bool:
    """Say whether a waiting call has been cancelled, at the latest after `within` seconds."""
    with anyio.move_on_after(within):
        await ctx.state.cancelled.wait()
    seen = ctx.state.cancelled.is_set()
    ctx.state.cancelled.clear()
    return seen


def _embedded(uri: str, mime_type: str, text: str) -> EmbeddedResource:
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=mime_type, text=text))


READ_ONLY: list[Callable[..., Any]] = [
    test_simple_text,
    test_image_content,
    test_audio_content,
    test_embedded_resource,
    test_multiple_content_types,
]
OTHERS: list[Callable[..., Any]] = [
    test_error_handling,
    test_tool_with_progress,
    test_tool_with_logging,
    test_logging_tool,
    test_reconnection,
    echo,
    wait_for_signal,
    send_signal,
    wait_for_cancel,
    was_cancelled,
]
