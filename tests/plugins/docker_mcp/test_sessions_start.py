"""Starting a server: what a session knows then, and how it says why it could not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from fuseboard_docker_mcp.errors import CannotStart, ImageMissing, MissingSecret, StartTimeout
from fuseboard_docker_mcp.models import Launch, StdioLaunch
from fuseboard_docker_mcp.sessions import process as process_module
from tests.plugins.docker_mcp.processes import PATIENCE
from tests.plugins.docker_mcp.sessions_servers.helpers import (
    ERAS,
    SDK_SERVER,
    context,
    data_of,
    http,
    listed,
    pool,
    prepared,
    stdio,
    toy,
    until,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("era", "protocol"), [("legacy", "auto"), ("legacy", "legacy"), ("modern", "auto"), ("modern", "2026-07-28")]
)
async def test_a_started_server_is_ready_with_all_it_has(era: str, protocol: str) -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy("--era", era, "--name", "Ada", protocol=protocol))
            result = await session.call_tool(context(), "add", {"a": 1, "b": 2})
            assert (session.state, session.reason, session.restarts) == ("ready", None, 0)
            assert session.protocol_version == {"legacy": "2025-11-25", "modern": "2026-07-28"}[era]
            assert session.instructions == "I am Ada."
            assert {"echo", "add", "ask"} < set(listed(session))
            assert [prompt.name for prompt in session.prompts] == ["greet"]
            assert data_of(result) == {"sum": 3}
            assert servers.get("toy") is session
        assert session.state == "stopped"


async def test_a_server_of_the_sdk_is_spoken_to_in_the_newest_revision() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("sdk", stdio(SDK_SERVER))
            assert session.protocol_version == "2026-07-28"
            assert session.server_info == {"name": "sdk", "version": "2.0"}
            assert data_of(await session.call_tool(context(), "add", {"a": 1, "b": 2})) == {"result": 3}


async def test_a_server_that_does_not_speak_the_chosen_revision_is_not_started() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            with pytest.raises(CannotStart, match="toy could not be connected: Method not found"):
                await servers.start("toy", toy(protocol="2026-07-28"))


async def test_only_allowed_tools_are_there() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy(), frozenset({"echo", "no such tool"}))
            assert listed(session) == ["echo"]


async def test_a_tool_with_a_broken_schema_is_left_out_alone_and_named() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy("--broken-schema", "--tools", "echo"))
            assert listed(session) == ["echo"]
            assert session.left_out == ("the tool broken was left out: its description does not fit the protocol",)


async def test_tools_and_prompts_that_cannot_be_shown_or_called_are_left_out_and_every_page_is_read() -> None:
    program = """
import json, sys
def tool(name, **more):
    return {"name": name, "inputSchema": {"type": "object"}, **more}
pages = [
    [tool("good"), tool("bad\\u202ename"), tool("good"), tool("x" * 129)],
    [tool("task", execution={"taskSupport": "required"}), tool("kind", outputSchema={"type": "no type"}), tool("last")],
]
for line in sys.stdin:
    message = json.loads(line)
    method, params = message.get("method"), message.get("params") or {}
    if method == "initialize":
        result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}, "prompts": {}}}
        result["serverInfo"] = {"name": "x", "version": "1"}
    elif method == "tools/list":
        page = int(params.get("cursor", "0"))
        result = {"tools": pages[page], **({"nextCursor": str(page + 1)} if page + 1 < len(pages) else {})}
    elif method == "prompts/list":
        result = {"prompts": [{"name": "line\\nbreak"}, {"name": "fine"}], "nextCursor": "again"}
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("x", stdio("-I", "-S", "-c", program, protocol="legacy"))
            assert listed(session) == ["good", "last"]
            assert {prompt.name for prompt in session.prompts} == {"fine"}
            assert set(session.left_out) == {
                "the tool badname was left out: its name is too long or not printable",
                "the tool good was left out the second time: two have this name",
                f"the tool {'x' * 63}… was left out: its name is too long or not printable",
                "the tool task was left out: it can only be called as a task",
                "the tool kind was left out: its description does not fit the protocol",
                "only 4 of its prompts were read: its list does not end",
                "the prompt line break was left out: its name is too long or not printable",
            }


async def test_a_server_that_ends_at_once_fails_with_its_last_words_and_without_its_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process_module, "OWN_END", PATIENCE)  # so that the exit code is its own on any machine
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            with pytest.raises(CannotStart) as caught:
                await servers.start("toy", toy("--fail-start", "bad key hunter22", secrets=frozenset({"hunter22"})))
            assert servers.sessions() == []
    assert str(caught.value) == (
        "CANNOT_START: toy ended with exit code 1 before it was ready; its last words: bad key ***"
    )


async def test_the_reason_is_what_the_launch_reads_in_the_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "OWN_END", PATIENCE)
    asked: list[tuple[list[str], int | None]] = []

    def explain(lines: object, code: int | None) -> ImageMissing | None:
        assert isinstance(lines, list)
        asked.append((lines, code))
        return ImageMissing("the image is not there") if "no image" in lines else None

    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            with pytest.raises(ImageMissing):
                await servers.start("toy", toy("--fail-start", "no image", explain=explain))
    assert asked == [(["no image"], 1)]


async def test_a_gateway_without_tools_did_not_start() -> None:
    def explain(lines: object, code: int | None) -> CannotStart:
        return CannotStart(f"the gateway says so, {code}")

    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            with pytest.raises(CannotStart, match="the gateway says so, None"):
                await servers.start("toy", toy("--tools", "none", needs_tools=True, explain=explain))
            with pytest.raises(CannotStart, match="toy offers no tools"):
                await servers.start("toy", toy("--tools", "none", needs_tools=True))
            assert (await servers.start("toy", toy("--tools", "none"))).tools == ()


async def test_a_server_that_never_answers_is_given_up_in_time_and_is_gone() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool(connection_timeout=0.5) as servers:
            begin = anyio.current_time()
            with pytest.raises(StartTimeout, match=r"toy was not ready within 0\.5 s"):
                await servers.start("toy", toy("--hang-start"))
            assert anyio.current_time() - begin < 20
            assert servers.sessions() == []


async def test_a_program_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    missing, no_program = tmp_path / "missing", tmp_path / "text"
    no_program.write_text("text")
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            for program, words in ((missing, "No such file"), (no_program, "Permission denied"), ("a\0b", "null byte")):
                with pytest.raises(CannotStart, match=f"cannot be run: .*{words}"):
                    await servers.start("toy", prepared(StdioLaunch((str(program),), {})))
            with pytest.raises(CannotStart, match="No such file"):
                await servers.start("toy", toy(folder=missing))


async def test_an_address_that_nobody_answers_at_is_said_so() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            for transport in ("streamable-http", "sse"):
                with pytest.raises(CannotStart, match="toy could not be connected: "):
                    await servers.start("toy", http("http://127.0.0.1:9/mcp", transport=transport))


async def test_what_the_preparation_raises_comes_as_it_is() -> None:
    @asynccontextmanager
    async def missing() -> AsyncIterator[Launch]:
        raise MissingSecret("key is not stored")
        yield

    @asynccontextmanager
    async def broken() -> AsyncIterator[Launch]:
        raise OSError("the disk is full")
        yield

    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            with pytest.raises(MissingSecret):
                await servers.start("toy", missing)
            with pytest.raises(OSError, match="the disk is full"):
                await servers.start("toy", broken)
            assert servers.sessions() == []


@pytest.mark.parametrize("era", ERAS)
async def test_a_change_of_the_tools_is_listed_and_told(era: str) -> None:
    changes: list[int] = []
    with anyio.fail_after(PATIENCE):
        async with pool(changed=lambda session: changes.append(len(session.tools))) as servers:
            session = await servers.start("toy", toy("--era", era))
            before = len(session.tools)
            if era == "modern":
                # What changes before the subscription stands is listed as well, so nothing has to be awaited here.
                assert "extra" not in listed(session)
            await session.call_tool(context(), "change_tools", {})
            await until(lambda: "extra" in listed(session))
            assert changes[-1] == before + 1
            assert data_of(await session.call_tool(context(), "add", {"a": 1, "b": 1})) == {"sum": 2}


async def test_the_environment_is_the_launchs_and_nothing_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_THE_HOST", "secret")
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            session = await servers.start("toy", toy(environment={"OF_THE_LAUNCH": "1"}))
            assert data_of(await session.call_tool(context(), "env", {"name": "OF_THE_LAUNCH"})) == {"set": True}
            assert data_of(await session.call_tool(context(), "env", {"name": "OF_THE_HOST"})) == {"set": False}
