"""What a server asks in the middle of a call reaches the client, in every pair of eras, and has one side effect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import mcp_types
import pytest

from fuseboard import Caller, Context
from fuseboard.reach import NoReach
from fuseboard_docker_mcp.errors import InvalidInput, ServerDied, ToolFailed
from fuseboard_docker_mcp.sessions import Session
from tests.plugins.docker_mcp.processes import PATIENCE
from tests.plugins.docker_mcp.sessions_servers.helpers import (
    ERAS,
    SDK_SERVER,
    context,
    data_of,
    fronted,
    pool,
    stdio,
    text_of,
    toy,
    until,
)

pytestmark = pytest.mark.anyio

PAIRS = [(mode, era) for mode in ("auto", "legacy") for era in ERAS]


def asking(
    request_state: str | None = None,
    answers: dict[str, Any] | None = None,
    principal: str | None = None,
    surface: str = "memory",
) -> Context[None]:
    """The context of a round of a call whose client can be asked anything."""
    from fuseboard.context import Rounds

    reach = NoReach()
    reach.can = lambda capability: True  # type: ignore[method-assign]
    rounds = Rounds.of(answers, request_state)
    return Context(
        state=None, plugin="docker_mcp", caller=Caller(surface, principal=principal), reach=reach, rounds=rounds
    )


async def asked(session: Session) -> mcp_types.InputRequiredResult:
    """Call `ask`, which ends its first round with a question."""
    result = await session.call_tool(asking(), "ask", {})
    assert isinstance(result, mcp_types.InputRequiredResult)
    return result


def elicited(name: str) -> dict[str, Any]:
    """An answer to the toy server's question."""
    return {"question": {"action": "accept", "content": {"name": name}}}


@pytest.mark.parametrize(("mode", "era"), PAIRS)
async def test_a_form_is_filled_by_the_client_and_the_side_effect_happens_once(mode: str, era: str) -> None:
    questions: list[str] = []

    async def fill(context: object, params: mcp_types.ElicitRequestParams) -> mcp_types.ElicitResult:
        questions.append(params.message)
        return mcp_types.ElicitResult(action="accept", content={"name": "Ada"})

    with anyio.fail_after(PATIENCE):
        async with fronted(toy("--era", era), mode, elicitation_callback=fill) as call:
            result = await call("ask", question="Who?")
            count = await call("asked")
    assert text_of(result) == "Hello, Ada!"
    assert data_of(count)["asked"] == 1
    assert questions == ["Who?"]


@pytest.mark.parametrize(("mode", "era"), PAIRS)
async def test_the_clients_model_is_sampled(mode: str, era: str) -> None:
    async def say(context: object, params: mcp_types.CreateMessageRequestParams) -> mcp_types.CreateMessageResult:
        return mcp_types.CreateMessageResult(
            role="assistant", content=mcp_types.TextContent(text="word"), model="test-model"
        )

    with anyio.fail_after(PATIENCE):
        async with fronted(toy("--era", era), mode, sampling_callback=say) as call:
            assert text_of(await call("sample")) == "The model said: word"


@pytest.mark.parametrize(("mode", "era"), PAIRS)
async def test_a_client_that_cannot_be_asked_gets_the_servers_own_answer_to_that(mode: str, era: str) -> None:
    with anyio.fail_after(PATIENCE):
        async with fronted(toy("--era", era), mode) as call:
            result = await call("ask")
    assert result.is_error
    assert "could not ask" in text_of(result)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_server_of_the_sdk_asks_in_its_own_rounds_and_gets_its_own_state_back(mode: str) -> None:
    async def fill(context: object, params: mcp_types.ElicitRequestParams) -> mcp_types.ElicitResult:
        content = {"name": "Ada"} if params.message == "Who are you?" else {"town": "London"}
        return mcp_types.ElicitResult(action="accept", content=content)

    with anyio.fail_after(PATIENCE):
        async with fronted(stdio(SDK_SERVER), mode, elicitation_callback=fill) as call:
            assert text_of(await call("meet")) == "Ada from London"


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_user_who_does_not_answer_is_said_so_to_the_server(action: Any) -> None:
    async def refuse(context: object, params: mcp_types.ElicitRequestParams) -> mcp_types.ElicitResult:
        return mcp_types.ElicitResult(action=action)

    with anyio.fail_after(PATIENCE):
        async with fronted(toy(), "auto", elicitation_callback=refuse) as call:
            assert text_of(await call("ask")) == f"no name: {action}"


async def test_a_parked_call_goes_on_with_its_answer_and_only_once() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy())
            question = await asked(session)
            assert isinstance((question.input_requests or {})["question"], mcp_types.ElicitRequest)
            again = await session.call_tool(asking(question.request_state), "ask", {})
            assert again == question
            done = await session.call_tool(asking(question.request_state, elicited("Ada")), "ask", {})
            assert text_of(done) == "Hello, Ada!"
            with pytest.raises(InvalidInput, match="not open any more"):
                await session.call_tool(asking(question.request_state, elicited("Eve")), "ask", {})
            assert data_of(await session.call_tool(context(), "asked", {}))["asked"] == 1


async def test_a_parked_call_is_no_others() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy())
            other = await servers.start("other", toy())
            question = await asked(session)
            state = question.request_state
            attempts: list[Callable[[], Awaitable[Any]]] = [
                lambda: session.call_tool(asking(state, elicited("Eve"), principal="eve"), "ask", {}),
                lambda: session.call_tool(asking(state, elicited("Eve")), "ask", {"question": "other"}),
                lambda: session.call_tool(asking(state, elicited("Eve")), "sample", {}),
                lambda: other.call_tool(asking(state, elicited("Eve")), "ask", {}),
                lambda: session.call_tool(asking("parked:guessed", elicited("Eve")), "ask", {}),
            ]
            for attempt in attempts:
                with pytest.raises(InvalidInput):
                    await attempt()
            done = await session.call_tool(asking(state, elicited("Ada")), "ask", {})
            assert text_of(done) == "Hello, Ada!"


async def test_an_answer_of_a_wrong_form_is_refused_to_the_server() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy())
            question = await asked(session)
            done = await session.call_tool(asking(question.request_state, {"question": {"action": 7}}), "ask", {})
            assert text_of(done) == "could not ask: the client's answer has a wrong form"


async def test_a_parked_call_that_nobody_answers_is_cancelled_at_the_server() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool(ask_timeout=0.2) as servers:
            session = await servers.start("toy", toy())
            question = await asked(session)
            while data_of(await session.call_tool(context(), "asked", {}))["cancelled"] != 1:
                await anyio.sleep(0.01)
            with pytest.raises(InvalidInput):
                await session.call_tool(asking(question.request_state, elicited("Ada")), "ask", {})


async def test_a_question_that_may_belong_to_the_call_of_another_user_is_refused() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy())
            async with anyio.create_task_group() as tasks:
                eve = asking(principal="eve", surface="http")
                tasks.start_soon(session.call_tool, eve, "slow", {"seconds": 600})
                await until(lambda: session.questions.number_open == 1)
                result = await session.call_tool(asking(principal="ada", surface="http"), "ask", {})
                tasks.cancel_scope.cancel()
    assert text_of(result) == "could not ask: 2 calls are open: it cannot be told whose user is asked"


async def test_two_calls_of_one_user_may_both_wait_for_an_answer_and_each_gets_its_own() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy())
            first, second = await asked(session), await asked(session)
            for question, name in ((second, "Bob"), (first, "Ada")):
                done = await session.call_tool(asking(question.request_state, elicited(name)), "ask", {})
                assert name in text_of(done)
            assert session.questions.number_parked == 0


async def test_a_call_that_another_user_has_cancelled_may_still_ask_so_nobody_is_asked() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy())
            with anyio.move_on_after(0.1):
                await session.call_tool(asking(principal="eve", surface="http"), "hang", {})
            same = await session.call_tool(asking(principal="eve", surface="http"), "ask", {})
            assert isinstance(same, mcp_types.InputRequiredResult)
            state = same.request_state
            await session.call_tool(asking(state, elicited("Eve"), principal="eve", surface="http"), "ask", {})
            other = await session.call_tool(asking(principal="ada", surface="http"), "ask", {})
    assert text_of(other).startswith("could not ask: a call of another user was cancelled just now")


async def test_a_question_by_result_that_the_client_cannot_be_asked_is_a_named_failure() -> None:
    program = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    method = message["method"]
    result = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
    if method == "server/discover":
        result |= {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}
    elif method == "tools/list":
        result |= {"tools": [{"name": "nosy", "inputSchema": {"type": "object"}}]}
    else:
        result = {"resultType": "input_required", "inputRequests": {"a": {"method": "roots/list"}}}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("nosy", stdio("-I", "-S", "-c", program))
            with pytest.raises(ToolFailed, match="nosy nosy wants roots/list"):
                await session.call_tool(context(), "nosy", {})
            result = await session.call_tool(asking(), "nosy", {})
            assert isinstance(result, mcp_types.InputRequiredResult)
            assert result.request_state == "asked"


async def test_a_server_that_dies_while_a_call_is_parked_ends_it() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy())
            question = await asked(session)
            await servers.restart("toy")
            with pytest.raises(ServerDied):
                await session.call_tool(asking(question.request_state, elicited("Ada")), "ask", {})


async def test_calls_that_ended_while_they_were_parked_take_no_room_and_are_forgotten_in_time() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool(ask_timeout=1) as servers:
            session = await servers.start("toy", toy())
            for _ in range(20):
                await asked(session)
                await servers.restart("toy")
            assert session.questions.number_parked <= 16
            await until(lambda: session.questions.number_parked == 0)
