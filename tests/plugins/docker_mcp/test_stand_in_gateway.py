"""The stand-in's `docker mcp gateway run`: a real process, and the SDK's own client, with the real one's faults."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp import Client, StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError

from fuseboard_docker_mcp.testing import Behaviour, StandIn, container_entry
from tests.plugins.docker_mcp.processes import PATIENCE, marked

pytestmark = pytest.mark.anyio

DEAD = 'connection closed: calling "tools/call": client is closing: EOF'
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}
DISCOVER = {"jsonrpc": "2.0", "id": 2, "method": "server/discover", "params": {}}
NOTES = container_entry(
    "notes",
    env=[{"name": "URL", "value": "{{notes.url}}"}, {"name": "BOTH", "value": "${KEY}-$URL"}],
    secrets=[{"name": "notes.key", "env": "KEY"}],
    command=["--root={{notes.root}}"],
)


@contextlib.contextmanager
def _docker(folder: Path, *options: str, dialect: Any = "P", image: Any = "present") -> Iterator[StandIn]:
    with StandIn(
        folder / "docker", dialect=dialect, servers={"notes": Behaviour(NOTES, options, image=image)}
    ) as docker:
        yield docker


def _command(docker: StandIn, entry: dict[str, Any] = NOTES, *more: str) -> list[str]:
    """The command line that starts one server, with its private files."""
    private = docker.folder / "private"
    private.mkdir(exist_ok=True)
    catalogue = docker.mcp_home / "catalogs" / "fuseboard" / "notes.yaml"
    catalogue.parent.mkdir(parents=True, exist_ok=True)
    catalogue.write_text(json.dumps({"name": "fuseboard-notes", "registry": {"notes": entry}}))
    (private / "config.yaml").write_text(json.dumps({"notes": {"url": "http://notes.local", "root": "/data"}}))
    (private / "empty.yaml").write_text("")
    (private / "secrets.env").write_text("# a line\nnotes.key=se=cret\n")
    files = ["--config", f"{private}/config.yaml", "--tools-config", f"{private}/empty.yaml"]
    files += ["--secrets", f"file:{private}/secrets.env"]
    flags = ["--long-lived", "--watch=false", "--log-calls=false"]
    return ["mcp", "gateway", "run", "--catalog", "fuseboard/notes.yaml", "--servers", "notes", *files, *flags, *more]


@contextlib.asynccontextmanager
async def _session(
    docker: StandIn, *more: str, entry: dict[str, Any] = NOTES, **callbacks: Any
) -> AsyncIterator[Client]:
    words = docker.folder / "stderr"
    program = StdioServerParameters(
        command=str(docker.docker), args=_command(docker, entry, *more), env=docker.environment()
    )
    with words.open("w") as stderr, anyio.fail_after(PATIENCE):
        mode = callbacks.pop("mode", "legacy")
        async with Client(
            stdio_client(program, stderr), mode=mode, read_timeout_seconds=PATIENCE, **callbacks
        ) as client:
            yield client


def _process(docker: StandIn, *more: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    argv = [str(docker.docker), *_command(docker, NOTES, *more)]
    return subprocess.Popen(argv, env=docker.environment(), stdin=pipe, stdout=pipe, stderr=pipe, text=True)


async def _until(reached: Any) -> None:
    """Wait for a condition."""
    with anyio.fail_after(PATIENCE):
        while not reached():
            await anyio.sleep(0.01)


def _words(result: Any) -> str:
    return str(result.content[0].text)


@pytest.mark.parametrize("dialect", ["A", "B", "P"])
async def test_a_gateway_serves_its_server_in_every_dialect(dialect: str, tmp_path: Path) -> None:
    seen: list[float] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    async def user(context: Any, params: Any) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content={"name": "Ann"})

    async def model(context: Any, params: Any) -> types.CreateMessageResult:
        raise AssertionError("sampling does not pass a gateway")

    with _docker(tmp_path, dialect=dialect) as docker:
        async with _session(docker, elicitation_callback=user, sampling_callback=model) as client:
            assert client.server_info is not None
            assert client.server_info.name == "Docker AI MCP Gateway"
            assert client.protocol_version == ("2025-06-18" if dialect == "A" else "2025-11-25")
            assert "add" in {tool.name for tool in (await client.list_tools()).tools}
            assert (await client.call_tool("add", {"a": 1, "b": 2})).structured_content == {"sum": 3}
            assert (await client.call_tool("fail", {"text": "no"})).is_error
            assert _words(await client.call_tool("env", {"name": "KEY"})) == "se=cret"
            assert _words(await client.call_tool("env", {"name": "URL"})) == "http://notes.local"
            assert _words(await client.call_tool("env", {"name": "BOTH"})) == "se=cret-http://notes.local"
            assert _words(await client.call_tool("ask", {})) == "Hello, Ann!"
            assert (await client.call_tool("sample", {})).is_error
            assert _words(await client.call_tool("slow", {"seconds": 0.01})) == "worked 0.01 s"
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: client.call_tool("slow", {"seconds": 600}, progress_callback=progress))
                while len(seen) < 2:
                    await anyio.sleep(0.01)
                assert _words(await client.call_tool("echo", {"text": "meanwhile"})) == "meanwhile"
                tasks.cancel_scope.cancel()
            while (await client.call_tool("asked", {})).structured_content != {"asked": 1, "cancelled": 1}:
                await anyio.sleep(0.01)
            prompt = await client.get_prompt("greet", {"name": "Bo"})
            assert "Bo" in str(prompt.messages[0].content)
            with pytest.raises(MCPError, match='unknown tool "nope"') as unknown:
                await client.call_tool("nope", {})
            assert unknown.value.code == -32602
            await _until(lambda: len(docker.containers()) == 1)  # the one in which it looked for tools has ended
            [container] = docker.containers()
            assert container.labels["docker-mcp-name"] == "notes"
            assert container.command == ("--root=/data",)
        await _until(lambda: not docker.containers())
        assert "se=cret" not in json.dumps([call.argv for call in docker.calls()])
        assert "KEY" in {name for call in docker.calls() for name in call.variables}


async def test_a_gateway_refuses_the_modern_revision_and_a_client_falls_back(tmp_path: Path) -> None:
    with _docker(tmp_path, "--tools", "echo", "--era", "modern") as docker:
        with _process(docker) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(DISCOVER) + "\n")
            process.stdin.flush()
            # The end of its input would end it, whatever it is still at work on.
            assert json.loads(process.stdout.readline())["error"]["code"] == 0
            process.communicate(timeout=PATIENCE)
        async with _session(docker, mode="auto") as client:
            assert client.protocol_version == "2025-11-25"
            assert _words(await client.call_tool("echo", {"text": "x"})) == "x"


async def test_a_notification_may_come_before_the_answer_to_initialize(tmp_path: Path) -> None:
    with _docker(tmp_path) as docker:
        docker.break_("early-notification")
        with _process(docker) as process:
            out, _ = process.communicate(json.dumps(HELLO) + "\n", timeout=PATIENCE)
        assert [json.loads(line).get("method") for line in out.splitlines()] == [
            "notifications/tools/list_changed",
            None,
        ]


async def test_tools_that_change_are_listed_anew_and_told(tmp_path: Path) -> None:
    told = anyio.Event()

    async def heard(message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            told.set()

    with _docker(tmp_path, "--tools", "echo,change_tools") as docker:
        async with _session(docker, message_handler=heard, cache=None) as client:
            await client.call_tool("change_tools", {})
            await told.wait()
            assert {tool.name for tool in (await client.list_tools()).tools} == {"echo", "change_tools", "extra"}


@pytest.mark.parametrize("options", [("--fail-start", "no licence here"), ()])
async def test_a_server_that_cannot_start_leaves_a_gateway_without_tools(options: Any, tmp_path: Path) -> None:
    with _docker(tmp_path, *options, image="present" if options else "missing") as docker:
        async with _session(docker) as client:
            assert (await client.list_tools()).tools == []
        words = (docker.folder / "stderr").read_text()
    assert 'Can\'t start notes: failed to connect: calling "initialize": EOF' in words
    assert "no licence here" not in words
    assert ("warning: pulling docker image" in words) == (not options)


async def test_an_image_that_can_be_had_is_pulled(tmp_path: Path) -> None:
    with _docker(tmp_path, "--tools", "echo", image="pullable") as docker:
        async with _session(docker) as client:
            assert _words(await client.call_tool("echo", {"text": "x"})) == "x"
        assert docker.run("image", "inspect", str(NOTES["image"])).returncode == 0


async def test_calls_after_the_end_of_a_container_all_fail(tmp_path: Path) -> None:
    with _docker(tmp_path) as docker:
        async with _session(docker) as client:
            for name in ("die", "echo"):
                with pytest.raises(MCPError) as dead:
                    await client.call_tool(name, {"text": "x"})
                assert str(dead.value) == DEAD
            docker.break_("closed-as-result")
            late = await client.call_tool("echo", {"text": "x"})
            assert (late.is_error, _words(late)) == (True, DEAD)


async def test_without_a_kept_container_every_call_has_a_fresh_one(tmp_path: Path) -> None:
    with _docker(tmp_path) as docker:
        async with _session(docker, "--long-lived=false") as client:
            pids = {_words(await client.call_tool("pid", {})) for _ in range(2)}
            async with anyio.create_task_group() as tasks:
                at_work = anyio.Event()

                async def progress(*_: object) -> None:
                    at_work.set()

                tasks.start_soon(lambda: client.call_tool("slow", {"seconds": 600}, progress_callback=progress))
                await at_work.wait()
                tasks.cancel_scope.cancel()
            await _until(lambda: not docker.containers())
        await _until(lambda: not docker.containers())
    assert len(pids) == 2


async def test_sigterm_ends_a_gateway_with_code_1_and_takes_the_container_along(tmp_path: Path) -> None:
    with _docker(tmp_path) as docker, _process(docker) as process:
        call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "hang"}}
        assert process.stdin is not None
        process.stdin.write(json.dumps(HELLO) + "\n" + json.dumps(call) + "\n")
        process.stdin.flush()
        await _until(lambda: [one for one in docker.containers() if "docker-mcp-name" in one.labels])
        begin = time.monotonic()
        process.terminate()
        assert process.wait(timeout=PATIENCE) == 1
        assert time.monotonic() - begin < 20
        await _until(lambda: not docker.containers())


async def test_a_killed_gateway_takes_its_container_along(tmp_path: Path) -> None:
    with _docker(tmp_path) as docker:
        async with _session(docker) as client:
            await client.call_tool("pid", {})
            [gateway] = marked(str(docker.docker.parent.parent), "gateway\0run")
            os.kill(gateway, signal.SIGKILL)
            with pytest.raises(MCPError):
                await client.call_tool("pid", {})
        await _until(lambda: not docker.containers())


async def test_a_server_that_hangs_at_start_holds_the_gateway_and_sigterm_frees_it(tmp_path: Path) -> None:
    with _docker(tmp_path, "--hang-start") as docker, _process(docker) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(HELLO) + "\n")
        process.stdin.flush()
        await _until(docker.containers)
        process.terminate()
        assert process.communicate(timeout=PATIENCE)[0] == ""
        await _until(lambda: not docker.containers())


async def test_a_wrapper_first_in_path_adds_a_label_to_every_container(tmp_path: Path) -> None:
    with _docker(tmp_path) as docker:
        wrapper = tmp_path / "wrapper" / "docker"
        wrapper.parent.mkdir()
        wrapper.write_text(f'#!/bin/sh\nshift\nexec {docker.docker} run --label fuseboard.session=7 "$@"\n')
        wrapper.chmod(0o755)
        environment = docker.environment()
        program = StdioServerParameters(
            command=str(docker.docker),
            args=_command(docker),
            env=environment | {"PATH": f"{wrapper.parent}:{environment['PATH']}"},
        )
        with anyio.fail_after(PATIENCE), (tmp_path / "stderr").open("w") as stderr:
            async with Client(stdio_client(program, stderr), mode="legacy") as client:
                await client.call_tool("pid", {})
                labelled = ("ps", "-q", "--filter", "label=fuseboard.session=7")
                await _until(lambda: len(docker.run(*labelled).stdout.split()) == 1)
                assert docker.run("ps", "-q", "--filter", "label=fuseboard.session=8").stdout == ""


async def test_a_flood_on_standard_error_stops_nobody_who_reads_it(tmp_path: Path) -> None:
    with _docker(tmp_path, "--tools", "echo") as docker:
        docker.break_("flood")
        async with _session(docker) as client:
            assert _words(await client.call_tool("echo", {"text": "x"})) == "x"
        assert len((docker.folder / "stderr").read_bytes()) > 2**20
