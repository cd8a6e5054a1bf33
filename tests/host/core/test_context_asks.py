"""Asking the client in the middle of a call: on the handshake revisions the call waits, on 2026-07-28 it runs again."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import anyio
import pytest
from mcp.client import ClientRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitRequestParams,
    ElicitRequestURLParams,
    ElicitResult,
    InputRequiredResult,
    ListRootsResult,
    Root,
    TextContent,
)
from pydantic import BaseModel

from fuseboard import Context, ToolError
from fuseboard.settings import FuseSettings
from fuseboard.testing import PluginHost
from tests.host.core.toys import LONG, error_of, plugin, text_of, until

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("mode", ["auto", "legacy"])]

MISSING_CAPABILITY = -32021


class Confirm(BaseModel):
    sure: bool


class User:
    """One who answers questions as prepared, in the order of the answers, and remembers what was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[ElicitRequestParams] = []

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        self.asked.append(params)
        answer = self.answers.pop(0)
        if isinstance(answer, dict):
            return ElicitResult(action="accept", content=answer)
        return ElicitResult(action=answer)

    @property
    def questions(self) -> list[str]:
        return [params.message for params in self.asked]


async def test_an_accepted_form_reaches_the_tool(mode: str) -> None:
    async def push(ctx: Context[None], tag: str) -> str:
        answer = await ctx.elicit(f"Push {tag}?", Confirm)
        return f"{answer.action} {answer.content}"

    user = User({"sure": True})
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(push), mode=mode, elicitation_callback=user) as host:
            result = await host.call_tool("plugin_push", {"tag": "1.0"})
    assert text_of(result) == "accept {'sure': True}"
    (form,) = user.asked
    assert isinstance(form, ElicitRequestFormParams)
    assert form.message == "Push 1.0?"
    assert form.requested_schema["properties"]["sure"]["type"] == "boolean"


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_refusal_reaches_the_tool_without_content(mode: str, action: str) -> None:
    async def push(ctx: Context[None]) -> str:
        answer = await ctx.elicit("Push?", {"type": "object", "properties": {"sure": {"type": "boolean"}}})
        return f"{answer.action} {answer.content}"

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(push), mode=mode, elicitation_callback=User(action)) as host:
            assert text_of(await host.call_tool("plugin_push")) == f"{action} None"


async def test_several_questions_are_asked_once_each_and_all_answers_are_kept(mode: str) -> None:
    """On 2026-07-28 the client sends only the newest answer; the earlier ones travel in the sealed state."""

    async def order(ctx: Context[None]) -> str:
        answers = [await ctx.elicit(f"Question {number}?", Confirm) for number in (1, 2, 3)]
        return " ".join(str((answer.content or {})["sure"]) for answer in answers)

    user = User({"sure": True}, {"sure": False}, {"sure": True})
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(order), mode=mode, elicitation_callback=user) as host:
            assert text_of(await host.call_tool("plugin_order")) == "True False True"
    assert user.questions == ["Question 1?", "Question 2?", "Question 3?"]


async def test_what_happens_before_a_question_happens_again_on_the_modern_revision(mode: str) -> None:
    """So a tool asks before it changes anything."""
    done: list[str] = []

    async def push(ctx: Context[None]) -> str:
        done.append("before")
        await ctx.elicit("Sure?", Confirm)
        done.append("after")
        return "pushed"

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(push), mode=mode, elicitation_callback=User({"sure": True})) as host:
            await host.call_tool("plugin_push")
    assert done == (["before", "before", "after"] if mode == "auto" else ["before", "after"])


async def test_questions_of_parallel_tasks_are_all_asked(mode: str) -> None:
    async def ask_two(ctx: Context[None]) -> str:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ctx.elicit(f"{number}?", Confirm)) for number in (1, 2)]
        return str([task.result().action for task in tasks])

    user = User({"sure": True}, {"sure": True})
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(ask_two), mode=mode, elicitation_callback=user) as host:
            assert text_of(await host.call_tool("plugin_ask_two")) == "['accept', 'accept']"
    assert sorted(user.questions) == ["1?", "2?"]


async def test_a_tool_that_catches_exceptions_does_not_swallow_the_question(mode: str) -> None:
    async def careful(ctx: Context[None]) -> str:
        try:
            return (await ctx.elicit("Sure?", Confirm)).action
        except Exception as error:
            return f"caught {error}"

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(careful), mode=mode, elicitation_callback=User("decline")) as host:
            assert text_of(await host.call_tool("plugin_careful")) == "decline"


async def test_prompts_and_resources_can_ask_too(mode: str) -> None:
    async def ask(ctx: Context[None]) -> str:
        return (await ctx.elicit("Sure?", Confirm)).action

    target = plugin(
        register_prompts=lambda register: register(ask),
        register_resources=lambda register: register("notes://all", ask),
    )
    user = User("decline", "cancel")
    with anyio.fail_after(LONG):
        async with PluginHost(target, mode=mode, elicitation_callback=user) as host:
            prompt = await host.get_prompt("plugin_ask")
            resource = await host.read_resource("notes://all")
    assert prompt.messages[0].content.text == "decline"  # type: ignore[union-attr]
    assert resource.contents[0].text == "cancel"  # type: ignore[union-attr]


async def test_a_client_that_cannot_be_asked_is_told_which_capability_is_missing(mode: str) -> None:
    async def ask(ctx: Context[None], how: str) -> str:
        if how == "form":
            await ctx.elicit("Sure?", Confirm)
        elif how == "url":
            await ctx.elicit_url("Sign in", "https://example.org")
        elif how == "sample":
            await ctx.sample([], max_tokens=5)
        return str(await ctx.list_roots())

    required = {
        "form": {"elicitation": {"form": {}}},
        "url": {"elicitation": {"url": {}}},
        "sample": {"sampling": {}},
        "roots": {"roots": {}},
    }
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(ask), mode=mode) as host:
            for how, capability in required.items():
                if mode == "legacy":  # that revision knows no such code, and its clients show an error to the model
                    assert "did not declare" in error_of(await host.call_tool("plugin_ask", {"how": how}))
                    continue
                with pytest.raises(MCPError) as missing:
                    await host.call_tool("plugin_ask", {"how": how})
                assert missing.value.error.code == MISSING_CAPABILITY
                assert missing.value.error.data == {"requiredCapabilities": capability}
            assert str(host.row().state) == "active", "it is no fault of the plugin"


async def test_a_tool_can_do_without_an_answer_where_nobody_can_be_asked(mode: str) -> None:
    async def push(ctx: Context[None]) -> str:
        try:
            await ctx.elicit("Sure?", Confirm)
        except ToolError:
            return "not asked"
        return "asked"

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(push), mode=mode) as host:
            assert text_of(await host.call_tool("plugin_push")) == "not asked"


async def test_a_tool_sees_whether_the_client_can_be_asked_before_it_asks(mode: str) -> None:
    async def look(ctx: Context[None]) -> str:
        kinds = ("elicitation.form", "elicitation.url", "sampling", "roots")
        return " ".join(kind for kind in kinds if ctx.can(kind)) or "nothing"

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(look), mode=mode) as host:
            assert text_of(await host.call_tool("plugin_look")) == "nothing"
        async with PluginHost(plugin(look), mode=mode, elicitation_callback=User()) as host:
            assert text_of(await host.call_tool("plugin_look")) == "elicitation.form elicitation.url"


async def test_a_user_can_be_sent_to_a_page(mode: str) -> None:
    async def sign_in(ctx: Context[None]) -> str:
        return (await ctx.elicit_url("Sign in", "https://example.org/login", "login-1")).action

    user = User("accept")
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(sign_in), mode=mode, elicitation_callback=user) as host:
            assert text_of(await host.call_tool("plugin_sign_in")) == "accept"
    (params,) = user.asked
    assert isinstance(params, ElicitRequestURLParams)
    assert (params.url, params.message) == ("https://example.org/login", "Sign in")


@pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
async def test_the_clients_model_and_roots_can_be_asked(mode: str) -> None:
    async def think(ctx: Context[None]) -> str:
        message = {"role": "user", "content": {"type": "text", "text": "2 + 2?"}}
        answer = await ctx.sample([message], max_tokens=10)
        roots = await ctx.list_roots()
        return f"{answer['content']['text']} {roots[0]['uri']}"

    async def sampled(context: ClientRequestContext, params: CreateMessageRequestParams) -> CreateMessageResult:
        assert params.max_tokens == 10
        return CreateMessageResult(role="assistant", content=TextContent(type="text", text="4"), model="m")

    async def roots(context: ClientRequestContext) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri="file:///home/me")])  # type: ignore[arg-type]

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(think), mode=mode, sampling_callback=sampled, list_roots_callback=roots) as host:
            assert text_of(await host.call_tool("plugin_think")) == "4 file:///home/me"


async def test_a_tool_may_return_its_own_question_and_gets_its_own_state_back(mode: str) -> None:
    async def push(ctx: Context[None]) -> str | InputRequiredResult:
        if not ctx.input_responses:
            form = ElicitRequestFormParams(message="Sure?", requested_schema=Confirm.model_json_schema())
            question = ElicitRequest(method="elicitation/create", params=form)
            return InputRequiredResult(input_requests={"sure": question}, request_state="step 1")
        return f"{ctx.request_state} {ctx.input_responses['sure']['content']}"

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(push), mode=mode, elicitation_callback=User({"sure": True})) as host:
            assert text_of(await host.call_tool("plugin_push")) == "step 1 {'sure': True}"


async def test_a_tool_that_asks_in_both_ways_loses_no_answer_and_no_state(mode: str) -> None:
    """Earlier answers travel in the sealed state together with the tool's own."""

    async def push(ctx: Context[None]) -> str | InputRequiredResult:
        first = await ctx.elicit("First?", Confirm)
        if "second" not in ctx.input_responses:
            form = ElicitRequestFormParams(message="Second?", requested_schema=Confirm.model_json_schema())
            question = ElicitRequest(method="elicitation/create", params=form)
            return InputRequiredResult(input_requests={"second": question}, request_state="mine")
        third = await ctx.elicit("Third?", Confirm)
        second = ctx.input_responses["second"]
        return f"{first.action} {second['action']} {third.action} {ctx.request_state}"

    user = User({"sure": True}, {"sure": True}, {"sure": True})
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(push), mode=mode, elicitation_callback=user) as host:
            result = await host.call_tool("plugin_push")
    assert user.questions == ["First?", "Second?", "Third?"]
    assert text_of(result) == "accept accept accept mine"


async def test_the_time_a_user_takes_is_not_the_plugins_and_holds_no_place(mode: str) -> None:
    """While the user thinks, a second call runs on the only place until its deadline: so the first one's has passed."""
    entered = threading.Event()

    async def ask(ctx: Context[None]) -> str:
        await ctx.elicit("Sure?", Confirm)
        nested = await ctx.board.call("plugin_pong", {})
        return str(nested["content"][0]["text"])

    async def hang() -> str:
        entered.set()
        await asyncio.Event().wait()
        return "never"

    async def pong() -> str:
        return "pong"

    asking, decided = asyncio.Event(), asyncio.Event()

    async def think(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        asking.set()
        await decided.wait()
        return ElicitResult(action="accept", content={"sure": True})

    fuse = FuseSettings(call_timeout=0.2, max_calls=1, max_queue=1, fault_threshold=1_000_000)
    said = ""
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(ask, hang, pong), mode=mode, fuse=fuse, elicitation_callback=think) as host:
            # Once more where the machine stood still, for it takes the time of a call that does not wait for a user.
            while not (entered.is_set() and said == "pong"):
                for event in (asking, decided, entered):
                    event.clear()
                call = asyncio.create_task(host.call_tool("plugin_ask"))
                await until(lambda: asking.is_set() or call.done())  # noqa: B023 - it is called in this round only
                late = await host.call_tool("plugin_hang")
                decided.set()
                said = text_of(await call)
                assert error_of(late) == "plugin_hang did not end within 0.2 s and was cancelled"


async def test_a_call_that_is_cancelled_while_it_asks_leaves_nothing_behind(
    mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask(ctx: Context[None]) -> str:
        return (await ctx.elicit("Sure?", Confirm)).action

    asked = asyncio.Event()

    async def never(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(ask), mode=mode, elicitation_callback=never) as host:
            call = asyncio.create_task(host.call_tool("plugin_ask"))
            await asked.wait()
            call.cancel()
            await asyncio.wait({call})
            circuit = host.host.circuit("plugin")
            await until(lambda: not circuit.running and circuit.bulkhead.taken == 0)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
