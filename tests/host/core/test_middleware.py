"""Call middleware of plugins: it wraps every call of every plugin, behind an exception boundary."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import anyio
import pytest

from fuseboard import Call, CallNext, ToolError
from fuseboard.errors import CallError
from fuseboard.settings import FuseSettings
from fuseboard.testing import PluginHost
from tests.host.core.toys import LONG, error_of, plugin, text_of

pytestmark = pytest.mark.anyio


async def echo(text: str = "pong") -> str:
    """Return the text."""
    return text


def wrapping(*layers: Any) -> object:
    """A plugin that brings these middlewares and nothing else."""
    return plugin(call_middleware=lambda: list(layers))


async def test_middleware_wraps_in_the_order_of_the_plugins_names_and_of_their_lists() -> None:
    order: list[str] = []

    def layer(name: str) -> Any:
        async def note(call: Call, call_next: CallNext) -> dict[str, Any]:
            order.append(f"{name} in")
            result = await call_next(call)
            order.append(f"{name} out")
            return result

        return note

    plugins = {"zoo": wrapping(layer("zoo")), "ark": wrapping(layer("ark 1"), layer("ark 2")), "toy": plugin(echo)}
    with anyio.fail_after(LONG):
        async with PluginHost(plugins) as host:
            assert text_of(await host.call_tool("toy_echo")) == "pong"
    assert order == ["ark 1 in", "ark 2 in", "zoo in", "zoo out", "ark 2 out", "ark 1 out"]


async def test_middleware_sees_the_public_name_the_owner_the_raw_arguments_and_the_caller() -> None:
    calls: list[Call] = []

    async def note(call: Call, call_next: CallNext) -> dict[str, Any]:
        calls.append(call)
        return await call_next(call)

    target = plugin(
        echo,
        register_prompts=lambda register: register(echo),
        register_resources=lambda register: register("toy://{text}", echo),
    )
    with anyio.fail_after(LONG):
        async with PluginHost({"toy": target, "audit": wrapping(note)}) as host:
            await host.call_tool("echo", {"text": "5"})
            await host.get_prompt("echo", {"text": "6"})
            await host.read_resource("toy://7")
    assert [(call.kind, call.name, call.plugin, dict(call.arguments), call.caller.surface) for call in calls] == [
        ("tool", "toy_echo", "toy", {"text": "5"}, "memory"),
        ("prompt", "toy_echo", "toy", {"text": "6"}, "memory"),
        ("resource", "toy://7", "toy", {"text": "7"}, "memory"),
    ]


async def test_middleware_may_change_the_arguments_the_result_or_refuse_the_call() -> None:
    async def change(call: Call, call_next: CallNext) -> dict[str, Any]:
        if call.arguments["text"] == "secret":
            raise ToolError("this is not for you")
        result = await call_next(replace(call, arguments={"text": call.arguments["text"].upper()}))
        return result | {"_meta": {"audited": True}}

    with anyio.fail_after(LONG):
        async with PluginHost({"toy": plugin(echo), "audit": wrapping(change)}) as host:
            changed = await host.call_tool("toy_echo", {"text": "hello"})
            refused = await host.call_tool("toy_echo", {"text": "secret"})
    assert text_of(changed) == "HELLO"
    assert changed.meta is not None
    assert changed.meta["audited"] is True
    assert error_of(refused) == "this is not for you"


async def test_a_fault_of_the_called_plugin_reaches_the_middleware_as_a_call_error() -> None:
    seen: list[BaseException] = []

    async def crash() -> str:
        raise RuntimeError("password=hunter2")

    async def note(call: Call, call_next: CallNext) -> dict[str, Any]:
        try:
            return await call_next(call)
        except CallError as error:
            seen.append(error)
            raise

    with anyio.fail_after(LONG):
        async with PluginHost({"toy": plugin(crash), "audit": wrapping(note)}) as host:
            error_of(await host.call_tool("toy_crash"))
    assert len(seen) == 1
    assert "hunter2" not in str(seen[0])


async def raises(call: Call, call_next: CallNext) -> Any:
    raise RuntimeError("password=hunter2")


async def forgets_the_result(call: Call, call_next: CallNext) -> Any:
    await call_next(call)


async def leaves(call: Call, call_next: CallNext) -> Any:
    raise SystemExit(1)


async def cancels_itself(call: Call, call_next: CallNext) -> Any:
    raise asyncio.CancelledError


async def half_a_letter(call: Call, call_next: CallNext) -> Any:
    return {"resultType": "complete", "content": [{"type": "text", "text": "\ud800"}]}


async def an_object(call: Call, call_next: CallNext) -> Any:
    return {"resultType": "complete", "content": [], "structuredContent": {"lock": object()}}


async def hangs(call: Call, call_next: CallNext) -> Any:
    await asyncio.Event().wait()


@pytest.mark.parametrize("layer", [raises, forgets_the_result, leaves, cancels_itself, half_a_letter, an_object, hangs])
async def test_middleware_that_misbehaves_is_an_error_of_the_call_and_of_nothing_else(layer: Any) -> None:
    """It runs on the host's own loop: what escapes here would end the house."""
    fuse = FuseSettings(call_timeout=0.1)
    with anyio.fail_after(LONG):
        async with PluginHost({"toy": plugin(echo), "audit": wrapping(layer)}, fuse=fuse) as host:
            said = error_of(await host.call_tool("toy_echo"))
            assert str(host.row("toy").state) == "active", "the called plugin is not at fault"
            await host.client.list_tools()
    assert "hunter2" not in said
    said.encode()


async def test_middleware_of_a_plugin_that_is_down_is_not_asked() -> None:
    down = plugin(call_middleware=lambda: [raises], lifespan=lambda: 1 / 0)
    with anyio.fail_after(LONG):
        async with PluginHost({"toy": plugin(echo), "audit": down}, allow_failure=True) as host:
            assert text_of(await host.call_tool("toy_echo")) == "pong"
