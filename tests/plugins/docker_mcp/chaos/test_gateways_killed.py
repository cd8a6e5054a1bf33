"""A gateway dies, or the container behind it, or both: the caller is told, the server comes back, nothing is left."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import anyio
import mcp
import pytest
from mcp.client.stdio import StdioServerParameters, stdio_client

from fuseboard_docker_mcp.testing import Behaviour, Container, StandIn
from tests.plugins.docker_mcp.chaos.served import LONG, bench, error_of, new_mark, section, text_of, undisturbed
from tests.plugins.docker_mcp.processes import (
    PATIENCE,
    UNHURRIED,
    children,
    marked,
    no_leak,
    wait_until_gone,
    wait_until_reaped,
)

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

STUBBORN = ("--ignore-term", "--ignore-eof")
WAYS = ["toolkit", "engine"]


def stand_in(folder: Path, *options: str) -> StandIn:
    """A docker with two servers, `victim` with these options and `bystander`."""
    servers = {"victim": Behaviour(options=options), "bystander": Behaviour()}
    return StandIn(folder / "docker", dialect="A", servers=servers)


def command_of(docker: StandIn, server: str) -> int:
    """The process of ours through which a server is reached: a gateway, or `docker run`."""
    gateway = marked(str(docker.folder), "\0gateway\0", f"--servers\0{server}\0")
    run = marked(str(docker.folder), "\0run\0", f"docker-mcp-name={server}\0")
    # What they start for themselves has the same words on its command line.
    [number] = (gateway | run) & children()
    return number


def container_of(docker: StandIn, server: str) -> int:
    """The process of a server's container."""
    [number] = [one.pid for one in docker.containers() if one.labels.get("docker-mcp-name") == server]
    return number


async def containers_settle(docker: StandIn, servers: list[str], without: int = 0) -> None:
    """Return once exactly these servers have a container each, and none has this process.

    A container is written down a moment after it has begun to answer, and forgotten a moment after its end. One in
    which a gateway looked for tools ends when it likes.
    """
    with anyio.fail_after(PATIENCE):
        while not _are_of(docker.containers(), servers, without):
            await anyio.sleep(0.02)


def _are_of(containers: list[Container], servers: list[str], without: int) -> bool:
    named = sorted(one.labels.get("docker-mcp-name", "") for one in containers)
    return named == servers and without not in {one.pid for one in containers}


@pytest.mark.parametrize("killed", ["container", "command", "both"])
@pytest.mark.parametrize("way", WAYS)
async def test_whatever_is_killed_the_call_is_told_and_the_server_comes_back(
    way: str, killed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, answers = new_mark(), []
    with stand_in(tmp_path) as docker:
        monkeypatch.setenv("HOME", str(docker.home))
        with no_leak():
            async with bench(tmp_path, {}, mark, way=way, docker=str(docker.docker)) as made:
                await made.started("victim", "bystander")
                # A gateway starts the container that it keeps when it is first needed.
                other, _ = await made.pid("bystander"), await made.pid("victim")
                await containers_settle(docker, ["bystander", "victim"])
                container, command = container_of(docker, "victim"), command_of(docker, "victim")
                async with undisturbed(made):
                    async with anyio.create_task_group() as group:
                        working = anyio.Event()

                        async def progress(*_: object) -> None:
                            working.set()

                        async def call() -> None:
                            wrapped = {"server": "victim", "tool_name": "slow", "arguments": {"seconds": 600}}
                            called = made.host.call_tool("docker_mcp_call_tool", wrapped, progress_callback=progress)
                            answers.append(error_of(await called))

                        group.start_soon(call)
                        await working.wait()
                        for number in {"container": [container], "command": [command]}.get(
                            killed, [command, container]
                        ):
                            with suppress(ProcessLookupError):  # it may have followed the first of them already
                                os.kill(number, signal.SIGKILL)
                    assert [answer.partition(":")[0] for answer in answers] == ["SERVER_DIED"]
                    assert text_of(await made.call("victim", "echo", text="back")) == "back", way
                    await containers_settle(docker, ["bystander", "victim"], without=container)
                    assert await made.pid("bystander") == other
                await made.stop("victim", "bystander")
                await containers_settle(docker, [])
            await wait_until_gone(str(docker.folder))
    await wait_until_gone(mark)


@pytest.mark.parametrize("way", WAYS)
async def test_a_container_that_ignores_everything_is_gone_after_stop(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = new_mark()
    with stand_in(tmp_path, *STUBBORN) as docker:
        monkeypatch.setenv("HOME", str(docker.home))
        async with bench(tmp_path, {}, mark, way=way, docker=str(docker.docker)) as made:
            await made.started("victim")
            await made.pid("victim")
            # A gateway has left the one behind in which it looked for tools.
            await containers_settle(docker, ["victim"] * {"toolkit": 2, "engine": 1}[way])
            containers = docker.containers()
            async with undisturbed(made):
                await made.stop("victim")
                for container in containers:
                    await wait_until_reaped(container.pid)
        await containers_settle(docker, [])
        await wait_until_gone(str(docker.folder))


@pytest.mark.parametrize("way", WAYS)
async def test_no_container_survives_a_host_that_is_killed(way: str, tmp_path: Path) -> None:
    mark = new_mark()
    with stand_in(tmp_path, *STUBBORN) as docker:
        settings = tmp_path / "fuseboard.yaml"
        chosen = section(tmp_path, {}, way=way, docker=str(docker.docker))
        settings.write_text(json.dumps({"plugins": {"docker_mcp": chosen}, "fuses": UNHURRIED}))
        own = {"FUSEBOARD_CONFIG": str(settings), "FUSEBOARD_LOAD_PLUGINS": "docker_mcp", "HOST_MARK": mark}
        script = f'echo $$ > "{tmp_path}/pid"; exec "{sys.executable}" -m fuseboard stdio'
        parameters = StdioServerParameters(
            command="/bin/sh", args=["-c", script], env=docker.environment(**own), cwd=tmp_path
        )
        with anyio.fail_after(LONG), (tmp_path / "host.log").open("w") as log:
            async with mcp.Client(stdio_client(parameters, errlog=log), mode="legacy", cache=None) as client:
                result = await client.call_tool("docker_mcp_start_servers", {"servers": ["victim", "bystander"]})
                assert result.structured_content is not None
                assert result.structured_content["failed"] == []
                for server in ("victim", "bystander"):
                    asked = {"server": server, "tool_name": "echo", "arguments": {"text": "there"}}
                    assert text_of(await client.call_tool("docker_mcp_call_tool", asked)) == "there"
                while {one.labels["docker-mcp-name"] for one in docker.containers()} != {"victim", "bystander"}:
                    await anyio.sleep(0.02)
                os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
                with anyio.fail_after(PATIENCE):
                    while docker.containers() or marked(str(docker.folder), "\0run\0"):
                        await anyio.sleep(0.02)
        await wait_until_gone(mark)
        await wait_until_gone(str(docker.folder))
