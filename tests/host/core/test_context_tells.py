"""What a running call tells its client: progress, log messages, changed resources; and what it knows of its caller."""

from __future__ import annotations

import json
import threading
from typing import Any

import anyio
import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import LoggingMessageNotification, LoggingMessageNotificationParams, ResourceUpdatedNotification

from fuseboard import Caller, Context
from fuseboard.testing import PluginHost
from tests.host.core.toys import LONG, error_of, living, plugin, seen, text_of, until

pytestmark = pytest.mark.anyio

ERAS = ("auto", "legacy")


@pytest.mark.parametrize("mode", ERAS)
async def test_progress_reaches_the_client_in_order_and_only_grows(mode: str) -> None:
    """The protocol demands that it increases: what does not is dropped."""
    told: list[tuple[float, float | None, str | None]] = []
    heard = threading.Event()

    async def work(ctx: Context[None]) -> str:
        await ctx.report_progress(1, 4, "one")
        for value in (1, 0.5, float("nan"), float("inf")):
            await ctx.report_progress(value, 4, "no")
        await ctx.report_progress(2.5, 4)
        await ctx.report_progress(4, 4, "all")
        await seen(heard)  # some clients drop what comes together with the result
        return "done"

    async def listen(done: float, total: float | None, message: str | None) -> None:
        told.append((done, total, message))
        if done == 4:
            heard.set()

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(work), mode=mode) as host:
            await host.call_tool("plugin_work", progress_callback=listen)
    assert told == [(1, 4, "one"), (2.5, 4, None), (4, 4, "all")]


@pytest.mark.parametrize("mode", ERAS)
async def test_progress_that_nobody_wants_goes_nowhere(mode: str) -> None:
    async def work(ctx: Context[None]) -> str:
        await ctx.report_progress(1)
        return "done"

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(work), mode=mode) as host:
            assert text_of(await host.call_tool("plugin_work")) == "done"


async def test_a_client_of_a_handshake_revision_chooses_the_level_of_the_messages() -> None:
    messages: list[LoggingMessageNotificationParams] = []

    async def listen(params: LoggingMessageNotificationParams) -> None:
        messages.append(params)

    async def work(ctx: Context[None]) -> str:
        await ctx.log("info", "too low")
        await ctx.log("warning", {"rows": 3})
        await ctx.log("error", "bad", logger="deep")
        await ctx.log("loud", "no level")  # type: ignore[arg-type]
        return "done"

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(work), mode="legacy", logging_callback=listen) as host:
            with pytest.warns(match="deprecated"):
                await host.client.set_logging_level("warning")
            await host.call_tool("plugin_work")
            await until(lambda: len(messages) >= 2)
    assert [(params.level, params.data, params.logger) for params in messages] == [
        ("warning", {"rows": 3}, "plugin"),
        ("error", "bad", "deep"),
    ]


@pytest.mark.parametrize(("level", "heard"), [(None, []), ("warning", ["high"]), ("debug", ["low", "high"])])
async def test_a_modern_client_asks_for_messages_with_each_request(level: Any, heard: list[str]) -> None:
    messages: list[Any] = []

    async def listen(message: Any) -> None:
        if isinstance(message, LoggingMessageNotification):
            messages.append(message.params.data)

    async def work(ctx: Context[None]) -> str:
        await ctx.log("info", "low")
        await ctx.log("error", "high")
        return "done"

    options = {"log_level": level} if level else {}
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(work), message_handler=listen, **options) as host:
            await host.call_tool("plugin_work")
            await until(lambda: len(messages) >= len(heard))
    assert messages == heard


async def test_a_call_knows_its_state_its_plugin_and_its_caller() -> None:
    async def know(ctx: Context[str]) -> str:
        assert ctx.request_id == ctx.caller.request_id
        return f"{ctx.state} {ctx.plugin} {ctx.caller.surface} {ctx.board.plugin}"

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(know, lifespan=living("my state")), name="toy") as host:
            assert text_of(await host.call_tool("toy_know")) == "my state toy memory toy"


async def test_a_context_can_be_made_without_a_host_for_a_plugins_own_unit_tests() -> None:
    ctx = Context(state=5, plugin="toy", caller=Caller("memory", request_id="7"))
    await ctx.report_progress(1)
    await ctx.log("info", "nobody reads it")
    assert (ctx.state, ctx.request_id, dict(ctx.input_responses), ctx.request_state) == (5, "7", {}, None)
    assert await ctx.in_thread(lambda: 42) == 42
    with pytest.raises(RuntimeError, match="PluginHost"):
        _ = ctx.board


class Listening:
    """A client's message handler that remembers which resources were updated."""

    def __init__(self) -> None:
        self.updated: list[str] = []

    async def __call__(self, message: Any) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            self.updated.append(str(message.params.uri))


def notes() -> object:
    async def write(ctx: Context[None], uri: str) -> str:
        await ctx.resource_updated(uri)
        return "written"

    async def note(name: str) -> str:
        return name

    def register_resources(register: Any) -> None:
        register("notes://{name}", note)

    return plugin(write, register_resources=register_resources)


@pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
async def test_a_subscriber_of_a_handshake_revision_hears_of_its_resource_only() -> None:
    heard = Listening()
    with anyio.fail_after(LONG):
        async with PluginHost(notes(), name="notes", mode="legacy", message_handler=heard) as host:
            await host.client.session.subscribe_resource("notes://mine")
            for uri in ("notes://other", "notes://mine"):
                await host.call_tool("notes_write", {"uri": uri})
            await until(lambda: heard.updated)
            await host.client.session.unsubscribe_resource("notes://mine")
            await host.call_tool("notes_write", {"uri": "notes://mine"})
            await host.client.session.send_ping()
    assert heard.updated == ["notes://mine"]


async def test_a_modern_listener_hears_of_its_resource_only() -> None:
    with anyio.fail_after(LONG):
        async with (
            PluginHost(notes(), name="notes") as host,
            host.client.listen(resource_subscriptions=["notes://mine"]) as events,
        ):
            for uri in ("notes://other", "notes://mine"):
                await host.call_tool("notes_write", {"uri": uri})
            event = await anext(aiter(events))
    assert str(event.uri) == "notes://mine"  # type: ignore[union-attr]


async def test_a_client_cannot_make_up_the_answers_of_earlier_rounds() -> None:
    """They travel through the client, sealed."""

    async def push(ctx: Context[None]) -> str:
        return (await ctx.elicit("Sure?", {"type": "object", "properties": {}})).action

    forged = json.dumps({"answers": {"ask-1": {"action": "accept", "content": {}}}})
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(push)) as host:
            with pytest.raises(MCPError, match=r"(?i)state"):
                await host.call_tool("plugin_push", request_state=forged)


HALF_A_LETTER = "\ud800"


async def ask(ctx: Context[None]) -> str:
    return (await ctx.elicit(HALF_A_LETTER, {"type": "object", "properties": {}})).action


async def progress(ctx: Context[None]) -> str:
    await ctx.report_progress(1, 2, HALF_A_LETTER)
    return "done"


async def log(ctx: Context[None]) -> str:
    await ctx.log("error", {"lock": HALF_A_LETTER})
    return "done"


async def log_an_object(ctx: Context[None]) -> str:
    await ctx.log("error", {"lock": object()})
    return "done"


async def update(ctx: Context[None]) -> str:
    await ctx.resource_updated(f"notes://{HALF_A_LETTER}")
    return "done"


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("tool", [ask, progress, log, log_an_object, update])
async def test_nothing_that_cannot_be_encoded_is_told_to_the_client(mode: str, tool: Any) -> None:
    """It would end the connection, and with it every other call: it is an error of this call, or it is dropped."""
    told: list[Any] = []

    async def listen(*parts: Any) -> None:
        told.append(parts)

    async def answer(context: Any, params: Any) -> Any:
        from mcp_types import ElicitResult

        told.append(params)
        return ElicitResult(action="decline")

    with anyio.fail_after(LONG):
        async with PluginHost(
            plugin(tool), mode=mode, elicitation_callback=answer, message_handler=listen, log_level="debug"
        ) as host:
            result = await host.call_tool(f"plugin_{tool.__name__}", progress_callback=listen)
            if tool is ask:
                error_of(result)
            await host.call_tool("fuseboard_status")
    assert "\\ud800" not in repr(told)
    assert "object object" not in repr(told)
