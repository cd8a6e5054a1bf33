"""The small server that everything else of this plugin is tried on, with the SDK's own client in both eras."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError

from fuseboard_docker_mcp.testing import TOY_SERVER
from tests.plugins.docker_mcp.processes import PATIENCE

pytestmark = pytest.mark.anyio

BARE = [sys.executable, "-I", "-S", str(TOY_SERVER)]
ERAS = [("legacy", "legacy"), ("legacy", "auto"), ("modern", "legacy"), ("modern", "auto"), ("modern", "2026-07-28")]
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'


def _client(*options: str, mode: Any = "legacy", **more: Any) -> Client:
    program = StdioServerParameters(command=BARE[0], args=[*BARE[1:], *options], encoding_error_handler="replace")
    return Client(program, mode=mode, read_timeout_seconds=PATIENCE, cache=None, **more)


def _process(*options: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen([*BARE, *options], stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)


def _lives(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def _words(result: Any) -> str:
    return str(result.content[0].text)


@pytest.mark.parametrize(("era", "mode"), ERAS)
async def test_tools_keep_text_structure_and_errors_in_every_era(era: str, mode: str) -> None:
    with anyio.fail_after(PATIENCE):
        async with _client("--era", era, "--name", "tim", mode=mode) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert (tools["add"].output_schema or {})["required"] == ["sum"]
            assert "extra" not in tools
            assert _words(await client.call_tool("echo", {"text": "ä 😀"})) == "ä 😀"
            assert (await client.call_tool("add", {"a": 2, "b": 3})).structured_content == {"sum": 5}
            assert (await client.call_tool("fail", {"text": "no"})).is_error
            assert (await client.call_tool("add", {"a": "2", "b": 3})).is_error
            assert len(_words(await client.call_tool("big", {"bytes": 3_000_000}))) == 3_000_000
            assert isinstance((await client.call_tool("picture", {})).content[0], types.ImageContent)
            with pytest.raises(MCPError) as refused:
                await client.call_tool("error", {"code": -32055})
            assert refused.value.code == -32055
            prompt = await client.get_prompt("greet", {"name": "Ann"})
            assert "Ann" in str(prompt.messages[0].content)
            assert mode == "2026-07-28" or (client.server_info and client.server_info.name == "tim")


@pytest.mark.parametrize(("era", "mode"), ERAS)
async def test_a_slow_call_reports_progress_holds_nobody_and_is_cancelled_honestly(era: str, mode: str) -> None:
    seen: list[float] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    with anyio.fail_after(PATIENCE):
        async with _client("--era", era, mode=mode) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: client.call_tool("slow", {"seconds": 600}, progress_callback=progress))
                while len(seen) < 2:
                    await anyio.sleep(0.01)
                assert _words(await client.call_tool("echo", {"text": "meanwhile"})) == "meanwhile"
                tasks.cancel_scope.cancel()
            while (await client.call_tool("asked", {})).structured_content != {"asked": 0, "cancelled": 1}:
                await anyio.sleep(0.01)
            assert _words(await client.call_tool("slow", {"seconds": 0.15})) == "worked 0.15 s"


@pytest.mark.parametrize(("era", "mode"), ERAS)
async def test_a_question_reaches_the_user_once_and_the_model_of_the_client_speaks(era: str, mode: str) -> None:
    async def user(context: Any, params: Any) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content={"name": f"who heard {params.message}"})

    async def model(context: Any, params: Any) -> types.CreateMessageResult:
        return types.CreateMessageResult(role="assistant", content=types.TextContent(text="blue"), model="m")

    with anyio.fail_after(PATIENCE):
        async with _client("--era", era, mode=mode, elicitation_callback=user, sampling_callback=model) as client:
            assert _words(await client.call_tool("ask", {"question": "so?"})) == "Hello, who heard so?!"
            assert _words(await client.call_tool("asked", {})) == "1"
            assert _words(await client.call_tool("sample", {})) == "The model said: blue"
        async with _client("--era", era, mode=mode) as client:
            assert (await client.call_tool("ask", {})).is_error
            assert (await client.call_tool("sample", {})).is_error


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_changed_list_of_tools_is_told(mode: Any) -> None:
    told = anyio.Event()

    async def heard(message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            told.set()

    with anyio.fail_after(PATIENCE):
        async with _client("--era", "modern", mode=mode, message_handler=heard) as client:
            async with contextlib.AsyncExitStack() as stack:
                listening = mode != "legacy" and await stack.enter_async_context(client.listen(tools_list_changed=True))
                await client.call_tool("change_tools", {})
                await (anext(aiter(listening)) if listening else told.wait())
            assert _words(await client.call_tool("extra", {})) == "extra"


async def test_noise_a_flood_and_a_subset_of_tools_do_not_disturb_the_session() -> None:
    with anyio.fail_after(PATIENCE):
        async with _client("--tools", "noise,flood,echo,pid") as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == {"noise", "flood", "echo", "pid"}
            await client.call_tool("noise", {"lines": 20})
            await client.call_tool("flood", {"bytes": 6400})
            with pytest.raises(MCPError, match="unknown tool"):
                await client.call_tool("add", {"a": 1, "b": 1})
            assert _words(await client.call_tool("echo", {"text": "here"})) == "here"


async def test_a_server_that_dies_in_a_call_ends_it() -> None:
    with anyio.fail_after(PATIENCE):
        async with _client() as client:
            with pytest.raises(MCPError) as died:
                await client.call_tool("die", {})
            assert died.value.code == -32000


async def test_a_broken_schema_is_really_broken() -> None:
    with _process("--broken-schema") as process:
        out, _ = process.communicate(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n', timeout=PATIENCE)
    broken = json.loads(out)["result"]["tools"][-1]
    assert broken["name"] == "broken"
    assert broken["inputSchema"]["properties"] == 7


async def test_a_server_that_cannot_start_says_why_and_one_that_hangs_says_nothing() -> None:
    with _process("--fail-start", "no licence") as process:
        assert process.communicate(PING, timeout=PATIENCE) == (b"", b"no licence\n")
        assert process.returncode == 1
    with _process("--hang-start") as process:
        assert process.communicate(PING, timeout=PATIENCE) == (b"", b"")
    begin = time.monotonic()
    with _process("--start-delay", "0.2") as process:
        assert b'"id":1' in process.communicate(PING, timeout=PATIENCE)[0]
    assert time.monotonic() - begin >= 0.199


async def test_a_stubborn_server_goes_on_after_term_and_the_end_of_input() -> None:
    process = _process("--ignore-term", "--ignore-eof")
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(PING)
        process.stdin.flush()
        assert b'"id":1' in process.stdout.readline()
        process.stdin.close()
        process.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.3)
    finally:
        process.stdin = None
        _end(process)


async def test_a_grandchild_ignores_term_and_dies_with_its_group() -> None:
    process = _process("--spawn-child")
    assert process.stdin is not None
    assert process.stdout is not None
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "pid"}}
    process.stdin.write(json.dumps(call).encode() + b"\n")
    process.stdin.flush()
    child = json.loads(process.stdout.readline())["result"]["structuredContent"]["child"]
    assert os.getpgid(child) == process.pid
    _end(process)
    with anyio.fail_after(PATIENCE):
        while _lives(child):
            await anyio.sleep(0.01)
