"""The plugin in a real host, asked by a real client; only the wire between them is in memory."""

from __future__ import annotations

import anyio
import pytest

import fuseboard_hello
from fuseboard.testing import PluginHost
from fuseboard_hello.phrases import PhraseBook

pytestmark = pytest.mark.anyio


async def test_the_tool_greets_in_the_language_that_is_asked_for() -> None:
    with anyio.fail_after(10):
        async with PluginHost(fuseboard_hello, name="hello") as host:
            result = await host.call_tool("hello_greet", {"name": "Ada", "language": "fr"})
    assert result.content[0].text == "Bonjour, Ada!"


async def test_the_settings_choose_the_language_that_is_used_when_none_is_asked_for() -> None:
    with anyio.fail_after(10):
        async with PluginHost(fuseboard_hello, name="hello", settings={"language": "de"}) as host:
            result = await host.call_tool("hello_greet", {"name": "Ada"})
    assert result.content[0].text == "Guten Tag, Ada!"


async def test_an_unknown_language_is_an_error_that_names_the_known_ones() -> None:
    with anyio.fail_after(10):
        async with PluginHost(fuseboard_hello, name="hello") as host:
            result = await host.call_tool("hello_greet", {"name": "Ada", "language": "xx"})
    assert result.is_error
    assert result.content[0].text == "no greeting in 'xx'; known languages: de, en, fr, ru"


async def test_the_prompt_names_the_tool_and_the_person() -> None:
    with anyio.fail_after(10):
        async with PluginHost(fuseboard_hello, name="hello") as host:
            prompt = await host.client.get_prompt("hello_welcome", {"name": "Ada"})
    assert prompt.messages[0].content.text.startswith("Greet Ada with the tool hello_greet")


def test_the_phrase_book_needs_no_host() -> None:
    assert PhraseBook(language="en").greeting("ru") == "Здравствуйте"
