"""Prompts: text arguments in, messages out, completions for their arguments."""

from __future__ import annotations

from typing import Annotated, Any

import anyio
import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import GetPromptResult, PromptMessage, PromptReference, TextContent
from pydantic import Field

from fuseboard import Caller, Context, Prompt, ToolError
from fuseboard.errors import InvalidArguments, InvalidResult, RegistrationError
from fuseboard.testing import PluginHost
from tests.host.core.toys import LONG, plugin

pytestmark = pytest.mark.anyio

ERAS = ("auto", "legacy")


def ctx() -> Context[None]:
    return Context(state=None, plugin="toy", caller=Caller("memory"))


async def messages(function: Any, arguments: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    """Role and text of each message of a prompt made of this function."""
    result = await Prompt.of(function).invoke(ctx(), arguments or {}, "toy_ask")
    return [(message["role"], message["content"]["text"]) for message in result["messages"]]


async def ask(registry: Annotated[str, Field(description="host and port")], tag: str = "latest") -> str:
    """Ask for an image."""
    return f"Describe {registry} {tag}"


async def test_arguments_and_descriptions_come_from_the_signature() -> None:
    prompt = Prompt.of(ask, title="Ask")
    for revision in ("2025-11-25", "2026-07-28"):
        assert prompt.form("oci_ask", "oci", revision) == {
            "name": "oci_ask",
            "title": "Ask",
            "description": "Ask for an image.",
            "arguments": [
                {"name": "registry", "required": True, "description": "host and port"},
                {"name": "tag", "required": False},
            ],
            "_meta": {"fuseboard/plugin": "oci"},
        }


async def test_a_text_is_a_message_of_the_user() -> None:
    assert await messages(ask, {"registry": "r"}) == [("user", "Describe r latest")]


async def test_a_list_of_texts_messages_and_dicts_is_a_conversation() -> None:
    def talk() -> list[Any]:
        block = TextContent(type="text", text="three")
        return [
            "one",
            {"role": "assistant", "content": {"type": "text", "text": "two"}},
            PromptMessage(role="user", content=block),
            block,
        ]

    assert await messages(talk) == [("user", "one"), ("assistant", "two"), ("user", "three"), ("user", "three")]


async def test_a_whole_result_is_sent_as_it_is() -> None:
    async def whole() -> GetPromptResult:
        return GetPromptResult(description="mine", messages=[])

    result = await Prompt.of(whole).invoke(ctx(), {}, "toy_whole")
    assert (result["description"], result["messages"]) == ("mine", [])


@pytest.mark.parametrize("returned", [5, None, [object()], {"role": "nobody", "content": "x"}, {"text": "x"}])
async def test_what_is_no_message_is_refused(returned: Any) -> None:
    async def odd():  # type: ignore[no-untyped-def]
        return returned

    with pytest.raises(InvalidResult, match="toy_ask returned"):
        await messages(odd)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [({}, "registry: is missing"), ({"registry": "r", "tga": "1"}, "tga: no such argument, did you mean tag")],
)
async def test_wrong_arguments_are_named(arguments: dict[str, str], told: str) -> None:
    with pytest.raises(InvalidArguments) as wrong:
        await messages(ask, arguments)
    assert str(wrong.value) == f"wrong arguments for toy_ask: {told}"


async def complete_tag(ctx: Context[Any], value: str, already_given: dict[str, str]) -> list[str]:
    tags = [f"{already_given.get('registry', '?')}-{number}" for number in range(300)]
    return [tag for tag in tags if tag.startswith(value)]


def test_a_completer_of_no_argument_or_that_is_not_async_is_refused() -> None:
    with pytest.raises(RegistrationError, match="prompt ask: complete names 'tga', which is no argument of it"):
        Prompt.of(ask, complete={"tga": complete_tag})
    with pytest.raises(RegistrationError, match="prompt ask: the completer of 'tag' must be async"):
        Prompt.of(ask, complete={"tag": lambda ctx, value, given: []})  # type: ignore[arg-type,return-value]


def asking() -> object:
    def register_prompts(register: Any) -> None:
        register(ask, aliases=["describe_image"], complete={"tag": complete_tag})
        register(broken, complete={"word": fails})
        register(refuses)

    return plugin(register_prompts=register_prompts)


async def broken(word: str = "") -> str:
    raise RuntimeError("password=hunter2")


async def refuses() -> str:
    raise ToolError("the registry is closed on sundays")


async def fails(ctx: Context[Any], value: str, already_given: dict[str, str]) -> list[str]:
    raise RuntimeError("password=hunter2")


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_lists_renders_and_completes_prompts(mode: str) -> None:
    with anyio.fail_after(LONG):
        async with PluginHost(asking(), name="oci", mode=mode) as host:
            listed = await host.client.list_prompts()
            rendered = [await host.get_prompt(name, {"registry": "r"}) for name in ("oci_ask", "describe_image")]
            completed = await host.client.complete(
                PromptReference(name="oci_ask"), {"name": "tag", "value": "r-1"}, {"registry": "r"}
            )
            nothing = await host.client.complete(PromptReference(name="oci_ask"), {"name": "registry", "value": ""})
    assert [prompt.name for prompt in listed.prompts] == ["oci_ask", "oci_broken", "oci_refuses"]
    assert [result.messages[0].content.text for result in rendered] == ["Describe r latest"] * 2  # type: ignore[union-attr]
    assert len(completed.completion.values) == 100, "no more than the protocol allows"
    assert completed.completion.values[:2] == ["r-1", "r-10"]
    assert completed.completion.has_more
    assert nothing.completion.values == []


@pytest.mark.parametrize("mode", ERAS)
async def test_a_prompt_that_fails_is_a_protocol_error_that_keeps_its_secrets(
    mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    with anyio.fail_after(LONG):
        async with PluginHost(asking(), name="oci", mode=mode) as host:
            with pytest.raises(MCPError) as unexpected:
                await host.get_prompt("oci_broken")
            with pytest.raises(MCPError, match="the registry is closed on sundays"):
                await host.get_prompt("oci_refuses")
            with pytest.raises(MCPError, match="no prompt 'nobody'"):
                await host.get_prompt("nobody")
            guess = await host.client.complete(PromptReference(name="oci_broken"), {"name": "word", "value": ""})
    assert "hunter2" not in str(unexpected.value)
    assert "hunter2" in caplog.text, "the operator finds it in the log"
    assert guess.completion.values == []
