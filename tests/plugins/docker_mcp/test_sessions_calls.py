"""Calling a tool of a started server: what is checked, how a call ends, and that nothing is sent twice."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Any

import anyio
import mcp_types
import pytest

from fuseboard_docker_mcp.errors import (
    CallTimeout,
    InvalidArguments,
    NotActive,
    ServerDied,
    ToolFailed,
    UnknownTool,
)
from fuseboard_docker_mcp.metrics import Metrics
from fuseboard_docker_mcp.sessions import Session
from fuseboard_docker_mcp.sessions.arguments import check_arguments, schema_of, schema_problem
from tests.plugins.docker_mcp.processes import PATIENCE
from tests.plugins.docker_mcp.sessions_servers.helpers import (
    ERAS,
    context,
    data_of,
    fronted,
    pool,
    reach,
    stdio,
    text_of,
    toy,
    until,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("era", ERAS)
async def test_results_come_as_the_server_gave_them(era: str) -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy("--era", era))
            failed = await session.call_tool(context(), "fail", {"text": "no"})
            picture = await session.call_tool(context(), "picture", {})
            prompt = await session.get_prompt(context(), "greet", {"name": "Ada"})
    assert isinstance(failed, mcp_types.CallToolResult)
    assert (failed.is_error, text_of(failed)) == (True, "no")
    assert isinstance(picture, mcp_types.CallToolResult)
    assert isinstance(picture.content[0], mcp_types.ImageContent)
    assert isinstance(prompt, mcp_types.GetPromptResult)
    assert prompt.messages[0].content == mcp_types.TextContent(text="Greet Ada warmly.")


async def test_arguments_that_do_not_fit_are_refused_by_their_places_without_their_values() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy())
            with pytest.raises(InvalidArguments) as caught:
                await session.call_tool(context(), "add", {"a": "hunter2"})
            with pytest.raises(InvalidArguments, match="not JSON"):
                await session.call_tool(context(), "echo", {"text": "\ud800"})
            assert text_of(await session.call_tool(context(), "echo", {"text": "still here"})) == "still here"
    text = str(caught.value)
    assert "$.a: must satisfy type" in text
    assert "'b' is a required property" in text
    assert "hunter2" not in text


async def test_a_tool_or_prompt_that_is_not_there_is_said_so_with_those_that_are() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy("--tools", "echo"))
            with pytest.raises(UnknownTool, match="toy has no tool ecco; it has: echo"):
                await session.call_tool(context(), "ecco", {})
            with pytest.raises(UnknownTool, match="toy has no prompt great; it has: greet"):
                await session.get_prompt(context(), "great", {})


async def test_an_error_of_the_protocol_is_a_named_failure() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy())
            with pytest.raises(ToolFailed, match="toy error answered with error -32042: refused as wished"):
                await session.call_tool(context(), "error", {"code": -32042})
            # The code of a lost connection, said by a server that is there.
            with pytest.raises(ToolFailed):
                await session.call_tool(context(), "error", {"code": -32000})
            assert session.state == "ready"


async def cancel_at_work(session: Session, *, calls: int) -> None:
    """Cancel so many calls once all have arrived, and wait until the server counts exactly as many cancelled ones."""
    async with anyio.create_task_group() as tasks:
        for _ in range(calls):
            tasks.start_soon(session.call_tool, context(), "hang", {})
        await until(lambda: session.questions.number_open == calls)
        await reach(session)
        tasks.cancel_scope.cancel()
    while data_of(await session.call_tool(context(), "asked", {}))["cancelled"] != calls:
        await anyio.sleep(0.01)


async def test_calls_run_at_the_same_time() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy())
            # All of them are at the server, and so is the one that has an answer meanwhile.
            await cancel_at_work(session, calls=4)


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_that_takes_too_long_is_ended_and_the_server_is_told(era: str) -> None:
    with anyio.fail_after(PATIENCE):
        async with pool(call_timeout=0.2) as servers:
            session = await servers.start("toy", toy("--era", era))
            cancelled = 0
            # On a machine that stands still a call may be over before it was sent, and the question how many were
            # cancelled may take too long as well.
            while not cancelled:
                with pytest.raises(CallTimeout, match=r"toy hang did not end within 0\.2 s"):
                    await session.call_tool(context(), "hang", {})
                with suppress(CallTimeout):
                    cancelled = data_of(await session.call_tool(context(), "asked", {}))["cancelled"]


async def test_a_cancelled_call_is_cancelled_at_the_server() -> None:
    metrics = Metrics()
    with anyio.fail_after(PATIENCE):
        async with pool(metrics=metrics) as servers:
            session = await servers.start("toy", toy())
            await cancel_at_work(session, calls=1)
    outcomes = {series["labels"]["outcome"] for series in metrics.snapshot()["times"]["call_seconds"]}
    assert outcomes == {"ok", "cancelled"}


async def test_a_server_that_is_killed_in_mid_call_ends_the_call_once_and_is_started_again() -> None:
    states: list[str] = []
    with anyio.fail_after(PATIENCE):
        async with pool(changed=lambda session: states.append(session.state)) as servers:
            session = await servers.start("toy", toy())
            assert session.pid is not None

            async def kill() -> None:
                await until(lambda: session.questions.number_open == 1)
                await reach(session)
                assert session.pid is not None
                os.kill(session.pid, signal.SIGKILL)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(kill)
                with pytest.raises(ServerDied, match="may have had its effect; it was not repeated"):
                    await session.call_tool(context(), "hang", {})
            assert text_of(await session.call_tool(context(), "echo", {"text": "back"})) == "back"
            assert session.restarts == 1
            assert states == ["starting", "ready", "reconnecting", "ready"]


async def test_calls_that_come_while_a_server_is_started_again_wait_and_are_sent_once() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool(reconnect_delay=0.3) as servers:
            session = await servers.start("toy", toy())
            with pytest.raises(ServerDied):
                await session.call_tool(context(), "die", {})
            results: list[Any] = []

            async def ask() -> None:
                results.append(text_of(await session.call_tool(context(), "echo", {"text": "waited"})))

            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(ask)
                await until(lambda: session.state == "reconnecting")
                assert results == []
            assert results == ["waited"] * 5


async def test_a_result_of_twenty_megabytes_passes() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy())
            assert len(text_of(await session.call_tool(context(), "big", {"bytes": 20 * 2**20}))) == 20 * 2**20


async def test_a_message_that_is_too_long_ends_the_session_with_the_reason() -> None:
    reasons: list[str] = []
    with anyio.fail_after(PATIENCE):
        async with pool(
            message_bytes=2**16, changed=lambda session: session.reason and reasons.append(str(session.reason))
        ) as servers:
            session = await servers.start("toy", toy())
            with pytest.raises(ServerDied):
                await session.call_tool(context(), "big", {"bytes": 2**17})
            await until(lambda: session.state == "ready" and session.restarts == 1)
    assert "longer than proxy.message_bytes allows" in reasons[0]


async def test_noise_between_messages_is_ignored() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy())
            assert text_of(await session.call_tool(context(), "noise", {"lines": 500})) == "made noise"
            assert session.state == "ready"


@pytest.mark.parametrize("broken", ['{"jsonrpc": "2.0", "id": %s, "result": "\\ud800"}', '{"result": [[}, "id": %s}'])
async def test_an_answer_that_is_no_message_ends_its_call_at_once(broken: str) -> None:
    program = f"""
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    method = message.get("method")
    if method == "initialize":
        server = {{"name": "x", "version": "1"}}
        result = {{"protocolVersion": "2025-11-25", "capabilities": {{"tools": {{}}}}, "serverInfo": server}}
    elif method == "tools/list":
        result = {{"tools": [{{"name": "broken", "inputSchema": {{"type": "object"}}}}]}}
    elif method == "tools/call":
        print({broken!r} % message["id"], flush=True)
        continue
    else:
        continue
    print(json.dumps({{"jsonrpc": "2.0", "id": message["id"], "result": result}}), flush=True)
"""
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("x", stdio("-I", "-S", "-c", program, protocol="legacy"))
            with pytest.raises(ToolFailed, match="the answer is no message of the protocol"):
                await session.call_tool(context(), "broken", {})
            assert session.state == "ready"


async def test_a_flood_on_standard_error_holds_up_no_call() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy())
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(session.call_tool, context(), "flood", {"bytes": 50 * 2**20})
                for number in range(50):
                    assert text_of(await session.call_tool(context(), "echo", {"text": str(number)})) == str(number)
            await until(lambda: session.last_words())
            assert sum(map(len, session.last_words())) <= 64 * 1024


async def test_a_gateway_that_lost_its_container_is_started_again_once() -> None:
    lost = 'connection closed: calling "tools/call": client is closing: EOF'
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy())
            with pytest.raises(ServerDied, match="its container has ended"):
                await session.call_tool(context(), "fail", {"text": lost})
            assert text_of(await session.call_tool(context(), "echo", {"text": "back"})) == "back"
            assert session.restarts == 1


async def test_a_stopped_server_answers_no_call() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy())
            assert await servers.stop("toy") is True
            assert await servers.stop("toy") is False
            with pytest.raises(NotActive):
                await session.call_tool(context(), "echo", {"text": "hello"})
            with pytest.raises(NotActive):
                servers.get("toy")


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("era", ERAS)
async def test_progress_reaches_the_client(mode: str, era: str) -> None:
    told: list[tuple[float, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message))

    with anyio.fail_after(PATIENCE):
        async with fronted(toy("--era", era), mode) as call:
            async with anyio.create_task_group() as tasks:
                # It works until it is cancelled: a server that stood still would skip what a short work has to tell.
                tasks.start_soon(lambda: call("slow", seconds=600, progress_callback=note))
                await until(lambda: len(told) >= 2)
                tasks.cancel_scope.cancel()
            assert text_of(await call("slow", seconds=0.01)) == "worked 0.01 s"
    assert all(message is not None and message.endswith(" s") for _, message in told)


async def test_a_schema_that_refers_elsewhere_fetches_nothing_and_leaves_the_check_to_the_server() -> None:
    program = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    method = message.get("method")
    if method == "initialize":
        server = {"name": "far", "version": "1"}
        result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": server}
    elif method == "tools/list":
        result = {"tools": [{"name": "far", "inputSchema": {"type": "object", "$ref": "http://127.0.0.1:9/s.json"}}]}
    elif method == "tools/call":
        result = {"content": [{"type": "text", "text": "checked by myself"}]}
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("far", stdio("-I", "-S", "-c", program, protocol="legacy"))
            assert text_of(await session.call_tool(context(), "far", {"a": 1})) == "checked by myself"


async def test_a_secret_that_the_server_quotes_in_an_error_is_not_shown() -> None:
    program = """
import json, os, sys
for line in sys.stdin:
    message = json.loads(line)
    method = message.get("method")
    if method == "initialize":
        server = {"name": "leaky", "version": "1"}
        answer = {"result": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": server}}
    elif method == "tools/list":
        answer = {"result": {"tools": [{"name": "sign_in", "inputSchema": {"type": "object"}}]}}
    elif method == "tools/call":
        answer = {"error": {"code": -32000, "message": "401 for token " + os.environ["TOKEN"]}}
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)
"""
    secret = {"environment": {"TOKEN": "hunter2hunter2"}, "secrets": frozenset({"hunter2hunter2"})}
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("leaky", stdio("-I", "-S", "-c", program, protocol="legacy", **secret))
            with pytest.raises(ToolFailed, match=r"401 for token \*\*\*"):
                await session.call_tool(context(), "sign_in", {})


def test_a_schema_that_would_take_for_ever_to_check_is_no_reason_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuseboard.json_schema.SECONDS", 0.2)
    schema = {"type": "object", "properties": {"a": {"pattern": "^(a|a)+$"}}}
    assert schema_problem(schema) is None
    with pytest.raises(InvalidArguments, match="it cannot be checked within"):
        check_arguments(schema_of(schema), "bomb", {"a": "a" * 60 + "!"})


def test_a_schema_that_is_none_or_too_long_is_a_reason_to_leave_its_tool_out() -> None:
    assert schema_problem({"type": "object", "description": "x" * 2**19}) == "its schema is longer than 256 KiB"
    assert "not a valid JSON Schema" in str(schema_problem({"type": "nonsense"}))


async def test_a_page_that_has_to_be_visited_first_is_named() -> None:
    program = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    method = message.get("method")
    if method == "initialize":
        server = {"name": "door", "version": "1"}
        answer = {"result": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": server}}
    elif method == "tools/list":
        answer = {"result": {"tools": [{"name": "enter", "inputSchema": {"type": "object"}}]}}
    elif method == "tools/call":
        pages = [{"mode": "url", "url": url} for url in ("https://example.org/in?a=1", "javascript:alert(1)")]
        answer = {"error": {"code": -32042, "message": "sign in", "data": {"elicitations": pages}}}
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)
"""
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("door", stdio("-I", "-S", "-c", program, protocol="legacy"))
            with pytest.raises(ToolFailed) as caught:
                await session.call_tool(context(), "enter", {})
    assert str(caught.value) == (
        "TOOL_FAILED: door enter answered with error -32042: sign in. "
        "The user has to open https://example.org/in?a=1 first; then call the tool again."
    )
