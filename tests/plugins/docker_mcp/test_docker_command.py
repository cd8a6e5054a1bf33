"""The docker command line as a process: found, bounded, stopped, and its failures named."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuseboard_docker_mcp import command, said
from fuseboard_docker_mcp.command import Output
from fuseboard_docker_mcp.config import DockerMcpSettings
from fuseboard_docker_mcp.docker import Docker, parsed
from fuseboard_docker_mcp.errors import (
    CommandFailed,
    DockerMcpError,
    ImageMissing,
    InvalidInput,
    NoDocker,
    NoEngine,
    NoToolkit,
    UnknownOutput,
)
from tests.plugins.docker_mcp.docker_script import Said, calls, scripted

pytestmark = pytest.mark.anyio
PING = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n"
ID = "0123456789ab" * 5 + "abcd"


def program(folder: Path, text: str) -> Docker:
    """A docker that is this shell script."""
    path = folder / "docker"
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return Docker(DockerMcpSettings(docker=str(path)), {"PATH": "/usr/bin:/bin", "HOME": str(folder)})


def alive(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def ends(pid: int) -> bool:
    """Whether a process is gone within half a minute; those of these tests would live for ten."""
    with anyio.move_on_after(30):
        while alive(pid):
            await anyio.sleep(0.01)
        return True
    return False


async def test_a_command_that_is_not_there_is_named_with_advice(tmp_path: Path) -> None:
    docker = Docker(DockerMcpSettings(docker="no-such-docker"), {"PATH": str(tmp_path)})
    with pytest.raises(NoDocker, match="'no-such-docker' is not there; install Docker"):
        docker.path()
    with pytest.raises(NoDocker):
        await docker.json("mcp", "catalog", "list")


async def test_a_file_that_cannot_be_run_is_no_docker(tmp_path: Path) -> None:
    path = tmp_path / "docker"
    path.write_bytes(b"\x00\x01 no program")
    path.chmod(0o755)
    with pytest.raises(NoDocker, match="cannot be run: Exec format error"):
        await Docker(DockerMcpSettings(docker=str(path)), {"PATH": ""}).run("version")


async def test_a_child_gets_what_docker_needs_and_nothing_else_of_the_host(tmp_path: Path) -> None:
    program(tmp_path, 'env >"$HOME/seen"')
    environ = {
        "PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path), "DOCKER_HOST": "unix:///x", "https_proxy": "p",
        "DOCKER_MCP_IN_DIND": "1", "DOCKER_MCP_IN_CONTAINER": "1", "API_TOKEN": "t", "LD_PRELOAD": "", "LANG": "de_DE",
        "LC_ALL": "de_DE",
    }  # fmt: skip
    docker = Docker(DockerMcpSettings(), environ)
    assert docker.path() == str(tmp_path / "docker")
    await docker.run("info")
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text(encoding="utf-8").splitlines())
    assert {name: seen.get(name) for name in ("DOCKER_HOST", "https_proxy", "LANG")} == {
        "DOCKER_HOST": "unix:///x", "https_proxy": "p", "LANG": "C.UTF-8",
    }  # fmt: skip
    assert seen.keys() & {"DOCKER_MCP_IN_DIND", "DOCKER_MCP_IN_CONTAINER", "API_TOKEN", "LD_PRELOAD", "LC_ALL"} == set()


async def test_output_code_and_input_are_those_of_the_process(tmp_path: Path) -> None:
    docker = program(tmp_path, 'cat; printf "\\377 bad" >&2; exit 3')
    assert await docker.run("any", stdin="Привет".encode()) == Output(3, "Привет", "\ufffd bad")
    assert await docker.run("any") == Output(3, "", "\ufffd bad")


async def test_a_process_that_does_not_read_its_input_is_no_trouble(tmp_path: Path) -> None:
    docker = program(tmp_path, "exec true")
    assert await docker.run("any", stdin=b"x" * 2**20) == Output(0, "", "")


async def test_a_command_without_end_is_stopped_with_its_children(tmp_path: Path) -> None:
    docker = program(
        tmp_path, 'sleep 600 & echo $! >"$HOME/child"; echo $$ >"$HOME/own.new"; mv "$HOME/own.new" "$HOME/own"; wait'
    )
    seconds = 0.3
    with anyio.fail_after(60):
        # On a busy machine it may be stopped before it has a child.
        while not (tmp_path / "own").exists():
            with pytest.raises(CommandFailed, match=rf"`docker mcp catalog ls` did not end within {seconds:g} s"):
                await docker.run("mcp", "catalog", "ls", "--format", "json", timeout=seconds)
            seconds *= 3
    for name in ("own", "child"):
        assert await ends(int((tmp_path / name).read_text(encoding="utf-8")))


async def test_a_cancelled_command_is_stopped(tmp_path: Path) -> None:
    docker = program(tmp_path, 'trap "" TERM INT; echo $$ >"$HOME/own.new"; mv "$HOME/own.new" "$HOME/own"; sleep 600')
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(docker.run, "ps")
            while not (tmp_path / "own").exists():
                await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
    assert await ends(int((tmp_path / "own").read_text(encoding="utf-8")))


def test_a_loop_that_ends_by_force_leaves_no_command_behind(tmp_path: Path) -> None:
    """A circuit that is abandoned cancels everything again and again, whatever is shielded."""
    docker = program(tmp_path, 'echo $$ >"$HOME/own.new"; mv "$HOME/own.new" "$HOME/own"; exec sleep 600')

    async def abandon() -> None:
        task = asyncio.ensure_future(docker.run("ps"))
        with anyio.fail_after(60):
            while not (tmp_path / "own").exists():
                await anyio.sleep(0.01)
        for _ in range(5):
            task.cancel()
            await asyncio.sleep(0)

    asyncio.run(abandon())
    assert asyncio.run(ends(int((tmp_path / "own").read_text(encoding="utf-8"))))


async def test_a_child_that_keeps_the_pipes_open_holds_nothing_up(tmp_path: Path) -> None:
    docker = program(tmp_path, 'setsid sleep 600 & echo $! >"$HOME/child"; echo done')
    # Who waited for the pipes would wait longer than that.
    assert await docker.run("info", timeout=30) == Output(0, "done\n", "")
    os.kill(int((tmp_path / "child").read_text(encoding="utf-8")), 9)


async def test_output_without_end_is_stopped_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "MOST_OUTPUT", 2**16)
    docker = program(tmp_path, "exec yes")
    with anyio.fail_after(60), pytest.raises(UnknownOutput, match="`docker info` printed more than 65536 bytes"):
        await docker.run("info")


async def test_of_a_flood_of_errors_the_end_is_kept(tmp_path: Path) -> None:
    docker = program(tmp_path, "head -c 1000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo the reason >&2; exit 1")
    output = await docker.run("info")
    assert len(output.stderr) == command.MOST_ERRORS
    assert said.message(output) == "the reason"


async def test_arguments_that_no_program_takes_are_refused_before_it_runs(tmp_path: Path) -> None:
    docker, _ = scripted(tmp_path, {"*": Said("{}")})
    for argument in ("a\0b", "x" * 100_001, "я" * 50_001):
        with pytest.raises(InvalidInput, match="`docker mcp config write"):
            await docker.run("mcp", "config", "write", argument)
    assert calls(tmp_path) == []
    assert await docker.json("a", "\ud800b") == {}
    assert calls(tmp_path) == ["a ?b"]


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        (PING, 1, NoEngine),
        (f"failed to ping Docker daemon: {PING}", 1, NoEngine),
        ("permission denied while trying to connect to the Docker daemon socket at unix:///x: ...", 1, NoEngine),
        ("permission denied while trying to connect to the docker API at unix:///x", 1, NoEngine),
        ("failed to connect to the docker API at unix:///x; check if the path is correct", 1, NoEngine),
        ('error during connect: Get "http://x/v1.50/info": EOF', 1, NoEngine),
        ("docker: 'mcp' is not a docker command.\nSee 'docker --help'", 1, NoToolkit),
        ("Warning: overlapping key found: x\nsomething else", 1, CommandFailed),
        ("", 1, CommandFailed),
        ("", -9, CommandFailed),
    ],
)
async def test_a_failure_is_named_by_what_was_said(
    tmp_path: Path, text: str, code: int, expected: type[DockerMcpError]
) -> None:
    error = said.failure(("mcp", "catalog", "ls", "--secret"), Output(code, "", text))
    assert type(error) is expected
    assert "--secret" not in error.text


async def test_what_is_no_json_is_named_and_never_guessed(tmp_path: Path) -> None:
    wrong = {"empty": "", "text": "hello", "two": "{}{}", "nan": "[NaN]", "deep": "[" * 100_000, "digits": "9" * 5000}
    docker, _ = scripted(tmp_path, {name: Said(text) for name, text in wrong.items()})
    for name in wrong:
        with pytest.raises(UnknownOutput, match=f"`docker {name}` printed no JSON but"):
            await docker.json(name)


async def test_the_engine_is_asked_for_its_version(tmp_path: Path) -> None:
    docker, _ = scripted(tmp_path / "a", {"version --format *": Said("28.2.2\n")})
    assert await docker.check_engine() == "28.2.2"
    docker, _ = scripted(tmp_path / "b", {"version --format *": Said("\n", PING, 1)})
    with pytest.raises(NoEngine, match="no Docker engine answers"):
        await docker.check_engine()
    docker, _ = scripted(tmp_path / "c", {"version --format *": Said("<no value>\n")})
    with pytest.raises(NoEngine, match="<no value>"):
        await docker.check_engine()


async def test_an_image_is_there_or_not_or_nobody_knows(tmp_path: Path) -> None:
    docker, _ = scripted(
        tmp_path,
        {
            "image inspect --format * lab/echo:1": Said(f"sha256:{ID}\n"),
            "image inspect --format * old:1": Said("\n", "Error: No such image: old:1\n", 1),
            "image inspect --format * new:1": Said("[]\n", "Error response from daemon: No such image: new:1\n", 1),
            "image inspect --format * far:1": Said("\n", PING, 1),
        },
    )
    assert await docker.has_image("lab/echo:1")
    assert not await docker.has_image("old:1")
    assert not await docker.has_image("new:1")
    with pytest.raises(NoEngine):
        await docker.has_image("far:1")
    before = calls(tmp_path)
    assert not await docker.has_image("--help")
    assert not await docker.has_image("")
    assert calls(tmp_path) == before


async def test_an_image_that_cannot_be_pulled_is_missing_with_the_reason(tmp_path: Path) -> None:
    denied = "Error response from daemon: pull access denied for lab/ghost, repository does not exist\n"
    docker, _ = scripted(
        tmp_path,
        {
            "pull --quiet lab/echo:1": Said("docker.io/lab/echo:1\n"),
            "pull --quiet lab/ghost:1": Said("", denied, 1),
            "pull --quiet far:1": Said("", PING, 1),
        },
    )
    await docker.pull("lab/echo:1")
    with pytest.raises(ImageMissing, match=r"lab/ghost:1 cannot be pulled.*pull access denied"):
        await docker.pull("lab/ghost:1")
    with pytest.raises(NoEngine):
        await docker.pull("far:1")
    with pytest.raises(ImageMissing, match="is no name of an image"):
        await docker.pull("-v/:/host")


async def test_a_pull_that_takes_too_long_is_stopped_and_its_image_is_missing(tmp_path: Path) -> None:
    pulls: dict[str, Said | str] = {"pull --quiet slow:1": Said(then="sleep 600")}
    docker, _ = scripted(tmp_path, pulls, docker_mcp={"pull_timeout": 0.3})
    with anyio.fail_after(60), pytest.raises(ImageMissing, match=r"slow:1 cannot be pulled.*within 0\.3 s"):
        await docker.pull("slow:1")


async def test_containers_are_found_by_their_label_and_removed(tmp_path: Path) -> None:
    docker, _ = scripted(
        tmp_path,
        {
            "ps --all --quiet --no-trunc --filter label=fuseboard.session=abc": Said(then="cat left; exit 0"),
            f"rm --force --volumes {ID}": Said(
                f"{ID}\n", then="if [ -e seen ]; then : >left; else : >seen; exit 1; fi"
            ),
            "ps *": Said("not an id\n"),
        },
    )
    (tmp_path / "left").write_text(f"{ID}\n", encoding="utf-8")
    assert await docker.containers("fuseboard.session=abc") == [ID]
    # The first try fails, as when the container is already on its way.
    with anyio.fail_after(60):
        assert await docker.remove_containers("fuseboard.session=abc") == [ID]
        assert await docker.remove_containers("fuseboard.session=abc") == []
    with pytest.raises(UnknownOutput, match="printed no ids"):
        await docker.containers("fuseboard.session=other")
    for label in ("", "fuseboard.session", "fuseboard.session=", "a=b c", "--all"):
        with pytest.raises(InvalidInput, match="is no label"):
            await docker.remove_containers(label)


async def test_containers_that_stay_are_named(tmp_path: Path) -> None:
    stuck = Said("", "Error response from daemon: cannot remove container: it is stuck\n", 1)
    docker, _ = scripted(tmp_path, {"ps *": Said(f"{ID}\n"), "rm *": stuck})
    with anyio.fail_after(60), pytest.raises(CommandFailed, match=r"1 containers with a=b are still there.*stuck"):
        await docker.remove_containers("a=b")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200), st.integers(-15, 255))
def test_any_failure_gives_a_named_error_of_one_line(stderr: str, code: int) -> None:
    error = said.failure(("mcp", "catalog", "ls"), Output(code, "", stderr))
    assert isinstance(error, DockerMcpError)
    assert error.text.isprintable()
    assert len(error.text) < 700


@given(st.text(max_size=300))
def test_any_output_is_json_or_named(stdout: str) -> None:
    with contextlib.suppress(UnknownOutput):
        parsed(("mcp", "catalog", "list"), stdout)
