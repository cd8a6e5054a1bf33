"""Servers in containers, used through the plugin and a real engine."""

from __future__ import annotations

import os
import time
from pathlib import Path

import anyio
import pytest

from tests.plugins.docker_mcp.engine.boxed import PATIENCE, STUBBORN, boxed, boxes, command_lines, emptied
from tests.plugins.docker_mcp.engine.private_engine import PrivateEngine
from tests.plugins.docker_mcp.hosted import ERAS, ada, names_of_tools, result_of, started, text_of

pytestmark = [pytest.mark.anyio, pytest.mark.external, pytest.mark.slow]


async def one_is_left(engine: PrivateEngine) -> None:
    """Wait until the engine has one container; one that has ended is still listed while it is removed."""
    with anyio.fail_after(PATIENCE):
        while len(engine.containers()) != 1:
            await anyio.sleep(0.02)


async def test_a_server_of_a_catalogue_file_runs_in_a_container_until_it_is_stopped(
    engine: PrivateEngine, tmp_path: Path
) -> None:
    async with boxes(engine, tmp_path, {"boxed": boxed("--name", "boxed")}) as host:
        [listed] = (await result_of(host, "list_installed_servers"))["servers"]
        [server] = await started(host, "boxed")
        running = engine.containers()
        spoken = text_of(await host.call_tool("boxed_echo", {"text": "from the box"}))
        added = await result_of(host, "call_tool", tool_name="add", server="boxed", arguments={"a": 2, "b": 40})
        begin = time.monotonic()
        await result_of(host, "stop_servers", servers=["boxed"])
        await emptied(engine)
        stopping = time.monotonic() - begin
        left = await names_of_tools(host)

    assert (listed["way"], listed["state"]) == ("engine", "stopped")
    assert server["state"] == "ready"
    assert len(running) == 1
    assert spoken == "from the box"
    assert added == {"sum": 42}
    assert stopping < 20
    assert not [name for name in left if name.startswith("boxed_")]


@pytest.mark.parametrize("mode", ERAS)
async def test_a_question_of_a_server_in_a_container_reaches_the_user(
    mode: str, engine: PrivateEngine, tmp_path: Path
) -> None:
    user = {"elicitation_callback": ada}
    entries = {"old": boxed(), "new": boxed("--era", "modern")}
    async with boxes(engine, tmp_path, entries, mode=mode, client=user) as host:
        await started(host, "old", "new")
        answers = [text_of(await host.call_tool(f"{server}_ask")) for server in ("old", "new")]
        asked = [await result_of(host, "call_tool", tool_name="asked", server=server) for server in ("old", "new")]
        protocols = {
            server["server"]: server["protocol"] for server in (await result_of(host, "get_active_servers"))["servers"]
        }

    assert answers == ["Hello, Ada!", "Hello, Ada!"]
    assert [counted["asked"] for counted in asked] == [1, 1]
    # `docker run` passes on what is said, so a server that speaks the newest revision is spoken to in it.
    assert protocols == {"old": "2025-11-25", "new": "2026-07-28"}


async def test_progress_comes_out_of_a_container_and_a_cancelled_call_ends_in_it(
    engine: PrivateEngine, tmp_path: Path
) -> None:
    told: list[float] = []
    patience = anyio.CancelScope()

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append(done)
        if len(told) == 3:
            patience.cancel()

    async with boxes(engine, tmp_path, {"boxed": boxed()}) as host:
        await started(host, "boxed")
        worked = await host.call_tool("boxed_slow", {"seconds": 0.05})
        with patience:
            await host.call_tool("boxed_slow", {"seconds": 300}, progress_callback=progress)
        with anyio.fail_after(PATIENCE):
            while (await result_of(host, "call_tool", tool_name="asked"))["cancelled"] == 0:
                await anyio.sleep(0.02)

    assert text_of(worked) == "worked 0.05 s"
    assert len(told) >= 3
    assert told == sorted(told)


async def test_secrets_and_configuration_reach_the_container_and_no_command_line(
    engine: PrivateEngine, tmp_path: Path
) -> None:
    entry = boxed(
        secrets=[{"name": "boxed.key", "env": "API_KEY"}],
        env=[{"name": "ADDRESS", "value": "{{boxed.url}}/v1"}],
        config=[{"name": "boxed", "type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]}],
    )
    async with boxes(engine, tmp_path, {"boxed": entry}) as host:
        await result_of(host, "config_set", server="boxed", config={"url": "http://notes.local"})
        without = await result_of(host, "start_servers", servers=["boxed"])
        await result_of(host, "secret_set", key="boxed.key", value="hunter2 $HOME 'quoted'")
        await started(host, "boxed")
        key, address, nothing = [
            text_of(await host.call_tool("boxed_env", {"name": name})) for name in ("API_KEY", "ADDRESS", "DOCKER_HOST")
        ]
        [container] = engine.docker("ps", "--quiet").split()
        arguments = engine.docker(
            "inspect", "--format", "{{.Path}} {{.Args}} {{.Config.Cmd}} {{.Config.Labels}}", container
        )
        commands = command_lines()

    assert [failed["code"] for failed in without["failed"]] == ["MISSING_SECRET"]
    assert key == "hunter2 $HOME 'quoted'"
    assert address == "http://notes.local/v1"
    assert nothing == ""
    assert "fuseboard.session" in arguments
    assert "hunter2" not in arguments
    assert f"{engine.command} run" in commands
    assert "hunter2" not in commands


async def test_a_running_server_is_configured_by_a_new_container(engine: PrivateEngine, tmp_path: Path) -> None:
    schema = {"name": "boxed", "type": "object", "properties": {"url": {"type": "string", "default": "first"}}}
    entry = boxed(env=[{"name": "ADDRESS", "value": "{{boxed.url}}"}], config=[schema])
    async with boxes(engine, tmp_path, {"boxed": entry}) as host:
        await started(host, "boxed")
        before = text_of(await host.call_tool("boxed_env", {"name": "ADDRESS"}))
        changed = await result_of(host, "config_set", server="boxed", config={"url": "second"})
        after = text_of(await host.call_tool("boxed_env", {"name": "ADDRESS"}))
        await one_is_left(engine)

    assert (before, changed["restarted"], after) == ("first", True, "second")


async def test_the_limits_of_the_settings_are_those_of_the_container(engine: PrivateEngine, tmp_path: Path) -> None:
    asked = ("NanoCpus", "Memory", "Init", "SecurityOpt", "NetworkMode", "AutoRemove", "Privileged")
    limits = {"cpus": 0.25, "memory": "128m"}
    async with boxes(engine, tmp_path, {"boxed": boxed(disableNetwork=True)}, docker_mcp=limits) as host:
        await started(host, "boxed")
        [container] = engine.docker("ps", "--quiet").split()
        form = " ".join(f"{{{{.HostConfig.{name}}}}}" for name in asked)
        given = engine.docker("inspect", "--format", form, container).split()

    assert given == ["250000000", str(128 * 2**20), "true", "[no-new-privileges]", "none", "true", "false"]


async def test_a_server_whose_image_is_missing_is_refused_by_name_and_the_others_start(
    engine: PrivateEngine, tmp_path: Path
) -> None:
    entries = {
        "boxed": boxed(),
        "missing": boxed(image="fuseboard/missing:1"),
        "broken": boxed("--fail-start", "no key"),
    }
    async with boxes(engine, tmp_path, entries, docker_mcp={"pull": True}) as host:
        result = await result_of(host, "start_servers", servers=["missing", "boxed", "broken"])
        echoed = text_of(await host.call_tool("boxed_echo", {"text": "here"}))
        await one_is_left(engine)

    failed = {failure["server"]: failure for failure in result["failed"]}
    assert failed["missing"]["code"] == "IMAGE_MISSING"
    assert "fuseboard/missing:1" in failed["missing"]["reason"]
    assert failed["broken"]["code"] == "CANNOT_START"
    assert "no key" in failed["broken"]["reason"]
    assert echoed == "here"


async def test_a_folder_of_this_machine_is_mounted_read_only_and_others_are_refused(
    engine: PrivateEngine, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    entries = {
        "allowed": boxed(volumes=[f"{shared}:/shared"]),
        "refused": boxed(volumes=["/etc:/shared"]),
        "absent": boxed(volumes=[f"{tmp_path / 'absent'}:/shared"]),
    }
    async with boxes(engine, tmp_path, entries, docker_mcp={"bind_mounts": [str(tmp_path)]}) as host:
        result = await result_of(host, "start_servers", servers=list(entries))
        [container] = engine.docker("ps", "--quiet").split()
        mounts = engine.docker("inspect", "--format", "{{range .Mounts}}{{.Source}} {{.RW}}{{end}}", container).split()

    assert mounts == [str(shared), "false"]
    assert {"refused": "NOT_ALLOWED"}.items() <= {one["server"]: one["code"] for one in result["failed"]}.items()
    # The engine would make a folder that is not there, as root.
    assert not (tmp_path / "absent").exists()


async def test_ten_rounds_of_start_and_stop_leave_nothing(engine: PrivateEngine, tmp_path: Path) -> None:
    files = len(os.listdir("/proc/self/fd"))
    async with boxes(engine, tmp_path, {"boxed": boxed(), "stubborn": boxed(*STUBBORN)}) as host:
        for number in range(10):
            # The stubborn one needs its second to be killed, so it takes part in two rounds only.
            names = ["boxed", "stubborn"] if number in (0, 9) else ["boxed"]
            await started(host, *names)
            assert text_of(await host.call_tool("boxed_echo", {"text": str(number)})) == str(number)
            await result_of(host, "stop_servers", servers=names)
        await emptied(engine)
        left = list((tmp_path / "state").rglob("*.env"))

    assert left == []
    with anyio.fail_after(PATIENCE):
        while len(os.listdir("/proc/self/fd")) > files:
            await anyio.sleep(0.02)
