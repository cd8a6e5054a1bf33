"""The stand-in docker beside the recordings: its engine, what it remembers, and the faults that can be switched on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from fuseboard_docker_mcp.testing import Behaviour, StandIn, container_entry
from tests.plugins.docker_mcp.processes import PATIENCE, marked

pytestmark = pytest.mark.anyio

PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
ECHO = "stand-in/echo:1"


@contextmanager
def _container(docker: StandIn, *args: str) -> Iterator[subprocess.Popen[str]]:
    """`docker run -i` of the server `echo`, answering."""
    argv = [str(docker.docker), "run", "-i", "--rm", "--init", "-l", "fuseboard.session=7", *args, ECHO]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, env=docker.environment(), stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(PING)
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == 1
        # It is written down a moment after its start, in which it may have answered already.
        deadline = time.monotonic() + PATIENCE
        while not docker.containers():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield process
        process.kill()
        process.communicate(timeout=PATIENCE)


async def _until(reached: Any) -> None:
    with anyio.fail_after(PATIENCE):
        while not reached():
            await anyio.sleep(0.01)


async def test_a_container_is_listed_while_it_lives_and_removed_by_force(tmp_path: Path) -> None:
    with StandIn(tmp_path / "d", dialect="none", servers={"echo": Behaviour()}) as docker:
        with _container(docker, "-v", "/tmp:/data:ro", "-e", "A=1") as process:
            row = json.loads(docker.run("ps", "--filter", "label=fuseboard.session", "--format", "json").stdout)
            assert (row["Image"], row["Labels"], row["State"]) == (ECHO, "fuseboard.session=7", "running")
            [number] = docker.run("ps", "-aq", "--no-trunc", "--filter", "label=fuseboard.session=7").stdout.split()
            [container] = docker.containers()
            assert container.id == number
            assert container.flags["-v"] == ("/tmp:/data:ro",)
            removed = docker.run("rm", "-f", number)
            assert (removed.returncode, removed.stdout.strip()) == (0, number)
            assert process.wait(timeout=PATIENCE) == 137
        assert docker.containers() == []
        assert docker.run("rm", "-f", number).returncode == 1
        assert docker.run("ps", "-q").stdout == ""


async def test_the_end_of_the_command_ends_the_container_and_everything_in_it(tmp_path: Path) -> None:
    with StandIn(tmp_path / "d", dialect="none", servers={"echo": Behaviour(options=("--spawn-child",))}) as docker:
        for number in (signal.SIGKILL, signal.SIGTERM):
            with _container(docker, "-e", f"MARK={tmp_path}") as process:
                await _until(lambda: len(marked(f"MARK={tmp_path}") - marked(str(docker.folder))) == 2)
                process.send_signal(number)
                assert process.wait(timeout=PATIENCE) == (-9 if number == signal.SIGKILL else 143)
                await _until(lambda: not docker.containers())
                await _until(lambda: not marked(f"MARK={tmp_path}"))


async def test_a_stubborn_server_outlives_its_command_until_it_is_removed(tmp_path: Path) -> None:
    options = ("--ignore-eof", "--ignore-term")
    with StandIn(tmp_path / "d", dialect="none", servers={"echo": Behaviour(options=options)}) as docker:
        with _container(docker) as process:
            process.terminate()
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(timeout=0.2)
            process.kill()
            process.wait(timeout=PATIENCE)
            [container] = docker.containers()
            assert docker.run("rm", "-f", container.id).returncode == 0
            await _until(lambda: docker.containers() == [])
        with _container(docker) as process:
            pid = docker.containers()[0].pid
    await _until(lambda: not Path(f"/proc/{pid}").exists())


async def test_only_named_variables_reach_a_container(tmp_path: Path) -> None:
    with StandIn(tmp_path / "d", dialect="none", servers={"echo": Behaviour()}) as docker:
        (tmp_path / "env").write_text("FROM_FILE=3\n")
        argv = [str(docker.docker), "run", "-i", "-e", "NAMED", "-e", "GIVEN=2", "--env-file", f"{tmp_path}/env", ECHO]
        asked = [
            {"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": {"name": "env", "arguments": {"name": name}}}
            for n, name in enumerate(("NAMED", "GIVEN", "FROM_FILE", "OTHER"))
        ]
        said = subprocess.run(
            argv,
            input="".join(json.dumps(one) + "\n" for one in asked),
            env=docker.environment(NAMED="1", OTHER="4"),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
    answers = [json.loads(line)["result"]["content"][0]["text"] for line in said.stdout.splitlines()]
    assert answers == ["1", "2", "3", ""]


def test_images_are_there_or_pulled_or_refused(tmp_path: Path) -> None:
    servers = {"echo": Behaviour(), "late": Behaviour(image="pullable"), "gone": Behaviour(image="missing")}
    with StandIn(tmp_path / "d", dialect="none", servers=servers) as docker:
        assert json.loads(docker.run("image", "inspect", ECHO).stdout)[0]["RepoTags"] == [ECHO]
        missing = docker.run("image", "inspect", "stand-in/late:1")
        assert (missing.returncode, missing.stdout.strip()) == (1, "[]")
        assert "No such image: stand-in/late:1" in missing.stderr
        assert docker.run("pull", "stand-in/late:1").returncode == 0
        assert docker.run("image", "inspect", "stand-in/late:1").returncode == 0
        refused = docker.run("pull", "stand-in/gone:1")
        assert (refused.returncode, "no such host" in refused.stderr) == (1, True)
        ran = docker.run("run", "-i", "--pull", "never", "stand-in/gone:1")
        assert (ran.returncode, "No such image: stand-in/gone:1" in ran.stderr) == (125, True)
        wrong = docker.run("run", "--nope", ECHO)
        assert (wrong.returncode, wrong.stderr.splitlines()[0]) == (125, "unknown flag: --nope")


def test_an_engine_may_be_away_or_behind_one_address_only(tmp_path: Path) -> None:
    with StandIn(tmp_path / "d", engine=False) as docker:
        for command in (("ps",), ("mcp", "catalog", "list"), ("run", ECHO)):
            assert "Cannot connect to the Docker daemon at unix:///var/run/docker.sock" in docker.run(*command).stderr
        assert docker.run("mcp", "version").stdout == "v0.43.3\n"
        inside = docker.run("mcp", "profile", "list", "--format", "json", DOCKER_MCP_IN_CONTAINER="1")
        assert json.loads(inside.stdout) == []
    with StandIn(tmp_path / "e", docker_host="tcp://10.0.0.1:2375") as docker:
        assert docker.run("ps").returncode == 1
        assert docker.run("ps", DOCKER_HOST="tcp://10.0.0.1:2375").returncode == 0
        assert docker.run("-H", "tcp://10.0.0.1:2375", "ps").returncode == 0


def test_profiles_are_made_filled_configured_and_emptied(tmp_path: Path) -> None:
    with StandIn(tmp_path / "d", servers={"notes": Behaviour(installed=False)}) as docker:

        def mcp(*args: str) -> str:
            ran = docker.run("mcp", *args)
            return ran.stdout or ran.stderr

        reference = "catalog://mcp/docker-mcp-catalog:latest/notes"
        assert json.loads(mcp("profile", "server", "ls", "--format", "json")) == []
        assert mcp("profile", "create", "--name", "own", "--id", "own") == "Created profile own with 0 servers\n"
        assert mcp("profile", "create", "--name", "own", "--id", "own") == "profile with id own already exists\n"
        assert "invalid server value: notes" in mcp("profile", "server", "add", "own", "--server", "notes")
        assert mcp("profile", "server", "add", "own", "--server", reference) == "Added 1 server(s) to profile own\n"
        assert "(replaced 1)" in mcp("profile", "server", "add", "own", "--server", reference)
        assert mcp("profile", "config", "own", "--set", 'notes.a={"b": 1}') == 'notes.a={"b": 1}\n'
        assert mcp("profile", "config", "own", "--set", "zzz.a=1").startswith("server zzz not found in profile")
        assert json.loads(mcp("profile", "config", "own", "--get-all", "--format", "json")) == {"notes.a.b": 1}
        assert docker.configuration("notes") == {"a": {"b": 1}}
        assert mcp("profile", "config", "own", "--del", "notes.a") == ""
        assert docker.configuration("notes") == {}
        assert mcp("profile", "tools", "own", "--disable", "notes.add").endswith(
            "0 tool(s) enabled, 1 tool(s) disabled\n"
        )
        [profile] = json.loads(mcp("profile", "server", "ls", "--format", "json", "-f", "profile=own"))
        assert profile["servers"][0]["tools"] == ["echo"]
        assert mcp("profile", "server", "remove", "own", "notes") == "Removed 1 server(s) from profile own\n"
        assert mcp("profile", "server", "remove", "own", "notes") == "no matching servers found to remove\n"


@pytest.mark.parametrize("dialect", ["A", "B"])
def test_the_files_of_the_old_dialects_are_real(dialect: Any, tmp_path: Path) -> None:
    with StandIn(tmp_path / "d", dialect=dialect, servers={"notes": Behaviour(installed=False)}) as docker:
        assert docker.run("mcp", "server", "enable", "nope").stderr == "server nope not found in catalog\n"
        assert docker.run("mcp", "server", "enable", "notes").returncode == 0
        assert "notes" in (docker.mcp_home / "registry.yaml").read_text()
        assert len(json.loads(docker.run("mcp", "server", "ls", "--json").stdout)) == 1
        assert docker.run("mcp", "server", "disable", "notes", "nope").returncode == 0
        assert docker.run("mcp", "server", "ls", "--json").stdout == "null"
        assert docker.run("mcp", "config", "write", "notes:\n  a: [1, 2]\n").returncode == 0
        assert docker.configuration("notes") == {"a": [1, 2]}
        docker.break_("malformed-registry")
        assert "yaml: line 1: did not find expected" in docker.run("mcp", "server", "ls", "--json").stderr
        docker.mend()
        assert docker.run("mcp", "server", "ls", "--json").stdout == "null"


@pytest.mark.parametrize("dialect", ["B", "P"])
def test_secrets_are_stored_from_standard_input_where_docker_pass_is(dialect: Any, tmp_path: Path) -> None:
    with StandIn(tmp_path / "d", dialect=dialect, docker_pass=True) as docker:
        assert docker.run("mcp", "secret", "set", "notes.key", stdin="hidden").stdout == ""
        assert docker.secrets() == {"notes.key": "hidden"}
        assert docker.run("mcp", "secret", "set", "notes.key", stdin="again").returncode == 1
        assert docker.run("mcp", "secret", "set", "bad name!", stdin="x").stderr.startswith("invalid secret name")
        assert json.loads(docker.run("mcp", "secret", "ls", "--json").stdout)[0]["name"] == "notes.key"
        assert docker.run("mcp", "secret", "rm", "notes.key").returncode == 0
        assert docker.secrets() == {}
        assert "hidden" not in json.dumps([call.argv for call in docker.calls()])


def test_faults_are_switched_on_for_some_commands_and_off_again(tmp_path: Path) -> None:
    with StandIn(tmp_path / "d") as docker:
        listing = ("mcp", "catalog", "list", "--format", "json")
        docker.break_("fails", "mcp catalog", words="boom", code=3)
        ran = docker.run(*listing)
        assert (ran.returncode, ran.stdout, ran.stderr) == (3, "", "boom\n")
        assert docker.run("ps").returncode == 0
        for fault, sign in (("help", "Usage:  docker [OPTIONS]"), ("garbage", "\x00"), ("huge", "[[[[")):
            docker.mend()
            docker.break_(fault)  # type: ignore[arg-type]
            ran = docker.run(*listing)
            assert (ran.returncode, sign in ran.stdout) == (0, True)
        assert len(ran.stdout) == 64 * 2**20
        docker.mend()
        docker.break_("hang", "mcp")
        with pytest.raises(subprocess.TimeoutExpired):
            docker.run(*listing, timeout=0.3)
        docker.mend()
        docker.break_("corrupt-database")
        assert docker.run(*listing).stderr == "file is not a database\n"
        docker.mend()
        assert docker.run(*listing).returncode == 0


def test_the_behaviour_of_a_server_changes_with_its_next_start(tmp_path: Path) -> None:
    servers = {"echo": Behaviour(container_entry("echo", title="E"), ("--fail-start", "not yet"))}
    with StandIn(tmp_path / "d", servers=servers) as docker:
        failed = docker.run("run", "-i", ECHO, stdin=PING)
        assert (failed.returncode, failed.stderr) == (1, "not yet\n")
        docker.behave("echo", "--name", "later")
        assert '"id":1' in docker.run("run", "-i", ECHO, stdin=PING).stdout
        docker.remove_image("echo")
        assert docker.run("run", "-i", "--pull", "never", ECHO).returncode == 125


def test_nothing_of_the_person_reaches_the_environment(tmp_path: Path) -> None:
    with StandIn(tmp_path / "d") as docker:
        variables = docker.environment(MORE="1")
        docker.run("ps")
        assert set(variables) == {"PATH", "HOME", "LANG", "MORE"}
        assert variables["HOME"] != os.environ.get("HOME")
        assert docker.calls()[-1].argv == ("docker", "ps")
        assert "MORE" not in docker.calls()[-1].variables
