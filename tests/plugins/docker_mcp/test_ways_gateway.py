"""The way through the toolkit: what is written, what the gateway is called with, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import anyio
import pytest
import yaml

from fuseboard_docker_mcp.errors import (
    CannotStart,
    ImageMissing,
    InvalidInput,
    MissingSecret,
    NotAllowed,
    WrongConfiguration,
)
from fuseboard_docker_mcp.models import SecretSpec, Server, StdioLaunch
from tests.plugins.docker_mcp.ways_docker import LABEL, Machine, notes, run, text

pytestmark = pytest.mark.anyio

CATALOGUES = ".docker/mcp/catalogs/fuseboard"


async def test_the_gateway_is_called_with_private_files_for_this_one_server(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.has_image()
    config = {"url": "http://notes.local", "retries": 3, "deep": {"on": True, "nothing": None}, "list": [1, None, "b"]}
    async with machine.prepare(notes("toolkit"), config, {"notes.api_key": "K1 = é#"}) as launch:
        assert isinstance(launch, StdioLaunch)
        run(launch)
        argv = machine.argv("gateway")
        options = dict(zip(argv[3:-3:2], argv[4:-3:2], strict=True))
        assert argv[:3] == ["mcp", "gateway", "run"]
        assert argv[-3:] == ["--long-lived", "--watch=false", "--log-calls=false"]
        assert list(options) == [
            *("--catalog", "--servers", "--config", "--tools-config", "--secrets", "--cpus", "--memory")
        ]
        assert (options["--servers"], options["--cpus"], options["--memory"]) == ("notes", "1", "2Gb")
        catalog = yaml.safe_load((machine.home / ".docker/mcp/catalogs" / options["--catalog"]).read_text())
        assert catalog["registry"] == {"notes": notes().entry}
        assert json.loads(text(options["--config"])) == {
            "notes": {"url": "http://notes.local", "retries": "3", "deep": {"on": "true"}, "list": ["1", "b"]}
        }
        assert text(options["--tools-config"]) == ""
        assert options["--secrets"].startswith("file:/")
        assert text(options["--secrets"].removeprefix("file:")) == "notes.api_key=K1 = é#\n"
        assert (launch.protocol, launch.needs_tools, launch.label) == ("legacy", True, LABEL)
        assert launch.secrets == {"K1 = é#"}
    assert machine.files() == []


async def test_only_the_user_can_read_what_is_written(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.has_image()
    async with machine.prepare(notes("toolkit"), {}, {"notes.api_key": "K1"}):
        files = machine.files()
        assert len(files) >= 6
        for path in files:
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700, path


async def test_no_secret_is_in_an_argument_or_a_variable_or_the_catalogue(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.has_image()
    async with machine.prepare(notes("toolkit"), {}, {"notes.api_key": "K1-very-secret"}) as launch:
        run(launch)
        assert (tmp_path / "gateway.argv").exists()
        assert (tmp_path / "gateway.env").exists()
        assert machine.holders("K1-very-secret") == ["notes.env"]
    assert machine.holders("K1-very-secret") == []


async def test_a_container_of_the_gateway_is_labelled_and_started_on_the_engine_of_the_user(tmp_path: Path) -> None:
    machine = Machine(
        tmp_path,
        {
            "DOCKER_HOST": 'unix:///run/it\'s "mine" $HOME.sock',
            "DOCKER_CONTEXT": "lab",
            "DOCKER_MCP_IN_DIND": "1",
            "SSH_AUTH_SOCK": "/run/agent",
            "SECRET_OF_THE_HOST": "x",
        },
    )
    machine.has_image()
    async with machine.prepare(notes("toolkit"), {}, {"notes.api_key": "K1"}) as launch:
        run(launch)
    # The script starts `docker run` with nothing but PATH in its environment, as a gateway does.
    assert machine.argv("run") == ["run", "--label", LABEL, "--rm", "-i", "example/notes"]
    assert machine.argv("ps") == ["ps"]
    for command in ("run", "ps"):
        env = machine.env(command)
        assert env["DOCKER_HOST"] == 'unix:///run/it\'s "mine" $HOME.sock'
        assert env["DOCKER_CONTEXT"] == "lab"
        assert env["DOCKER_CONFIG"] == str(machine.home / ".docker")
        assert (env["HOME"], env["SSH_AUTH_SOCK"]) == (str(machine.home), "/run/agent")
        assert not {"DOCKER_MCP_IN_DIND", "SECRET_OF_THE_HOST"} & set(env)
    assert "DOCKER_MCP_ALLOW_INSECURE_REMOTE_URLS" not in machine.env("gateway")


async def test_the_home_that_a_server_wants_is_not_replaced(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.has_image()
    async with machine.prepare(notes("toolkit", secrets=())) as launch:
        assert isinstance(launch, StdioLaunch)
        wrapper = launch.environment["PATH"].split(os.pathsep)[0] + "/docker"
        environment = {"PATH": launch.environment["PATH"], "HOME": "/of/the/server"}
        run(StdioLaunch(argv=(wrapper, "run", "-e", "HOME", "x"), environment=environment))
    assert machine.env("run")["HOME"] == "/of/the/server"
    assert machine.env("run")["DOCKER_CONFIG"] == str(machine.home / ".docker")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
async def test_the_files_go_when_the_session_ends_with_an_error(tmp_path: Path, error: type[BaseException]) -> None:
    machine = Machine(tmp_path)
    machine.has_image()

    async def session() -> None:
        async with machine.prepare(notes("toolkit"), {}, {"notes.api_key": "K1"}):
            assert len(machine.files()) >= 6
            raise error

    with pytest.raises(error):
        await session()
    assert machine.files() == []


@pytest.mark.parametrize("way", ["toolkit", "engine"])
async def test_the_files_go_when_the_session_is_cancelled(tmp_path: Path, way: str) -> None:
    machine = Machine(tmp_path)
    machine.has_image()
    server = notes(way, env=[{"name": "PATH", "value": "/bin"}])
    with anyio.fail_after(60), anyio.CancelScope() as scope:
        async with machine.prepare(server, {}, {"notes.api_key": "K1"}):
            assert machine.files()
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert machine.files() == []


async def test_two_starts_of_one_server_share_no_file(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.has_image()
    async with machine.prepare(notes("toolkit"), {}, {"notes.api_key": "K1"}):
        first = set(machine.files())
        async with machine.prepare(notes("toolkit"), {}, {"notes.api_key": "K2"}) as launch:
            second = set(machine.files()) - first
            assert len(second) == len(first)
            assert isinstance(launch, StdioLaunch)
            assert not any(str(path) in " ".join(launch.argv) for path in first)
        assert set(machine.files()) == first
    assert machine.files() == []


async def test_the_name_of_the_catalogue_tells_the_server_and_the_session(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.has_image()
    async with machine.prepare(notes("toolkit", secrets=())):
        (name,) = [path.name for path in (machine.home / CATALOGUES).iterdir()]
    assert name.startswith("notes-4f2a-")
    assert name.endswith(".yaml")
    assert list((machine.home / CATALOGUES).iterdir()) == []


@pytest.mark.parametrize("value", ["a\nb", "a\r", "\n"])
async def test_a_secret_of_several_lines_is_refused_without_being_shown(tmp_path: Path, value: str) -> None:
    machine = Machine(tmp_path)
    machine.has_image()
    with pytest.raises(WrongConfiguration, match=r"secret notes\.api_key has several lines") as refused:
        async with machine.prepare(notes("toolkit"), {}, {"notes.api_key": f"K1{value}"}):
            pass
    assert "K1" not in refused.value.text
    assert machine.files() == []


@pytest.mark.parametrize("name", ["a=b", "a b", "#a", "a\nother.key=x", ""])
async def test_a_secret_with_a_name_that_would_be_another_line_is_refused(tmp_path: Path, name: str) -> None:
    machine = Machine(tmp_path)
    server = Server("notes", "toolkit", "test", True, secrets=(SecretSpec(name, "A"),))
    with pytest.raises(WrongConfiguration, match="name of a secret"):
        async with machine.prepare(server, {}, {name: "v"}):
            pass


async def test_a_secret_that_is_not_stored_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    with pytest.raises(MissingSecret, match=r"notes needs notes.api_key.*secret_set"):
        async with machine.prepare(notes("toolkit"), {}, {"other": "x"}):
            pass
    assert machine.files() == []


async def test_an_empty_secret_starts_the_server_without_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.has_image()
    server = notes("toolkit", secrets=("api_key", "token"))
    async with machine.prepare(server, {}, {"notes.api_key": "", "notes.token": "T1"}):
        (catalog,) = (machine.home / CATALOGUES).iterdir()
        entry = json.loads(catalog.read_text())["registry"]["notes"]
        assert entry["secrets"] == [{"name": "notes.token", "env": "TOKEN"}]
        (secrets,) = (tmp_path / "state").rglob("notes.env")
        assert secrets.read_text() == "notes.token=T1\n"


async def test_volumes_are_checked_and_finished_before_a_gateway_sees_them(tmp_path: Path) -> None:
    machine = Machine(tmp_path, bind_mounts=[tmp_path / "in"], writable_mounts=[tmp_path / "out"])
    machine.has_image()
    server = notes("toolkit", secrets=(), volumes=["{{notes.paths|volume|into}}", f"{tmp_path}/out:/out", "cache:/c"])
    paths = [f"{tmp_path}/in/a", f"{tmp_path}/in/b"]
    for path in (*paths, f"{tmp_path}/out"):
        os.makedirs(path)
    async with machine.prepare(server, {"paths": paths}) as launch:
        (catalog,) = (machine.home / CATALOGUES).iterdir()
        assert json.loads(catalog.read_text())["registry"]["notes"]["volumes"] == [
            *(f"{path}:{path}:ro" for path in paths),
            *(f"{tmp_path}/out:/out:rw", "cache:/c"),
        ]
        assert isinstance(launch, StdioLaunch)
        assert launch.environment["MCP_GATEWAY_DOCKER_BIND_ALLOWED_PATHS"] == ":".join(paths)
        assert launch.environment["MCP_GATEWAY_DOCKER_BIND_ALLOW_WRITABLE_PATHS"] == f"{tmp_path}/out"


async def test_a_volume_that_is_not_allowed_keeps_the_gateway_from_starting(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.has_image()
    with pytest.raises(NotAllowed, match="sensitive system path"):
        async with machine.prepare(notes("toolkit", secrets=(), volumes=["{{notes.path}}:/x"]), {"path": "/etc"}):
            pass


async def test_part_of_a_processor_becomes_a_whole_one_as_a_gateway_counts_no_parts(tmp_path: Path) -> None:
    machine = Machine(tmp_path, cpus=1.5, memory="512m")
    machine.has_image()
    async with machine.prepare(notes("toolkit", secrets=())) as launch:
        assert isinstance(launch, StdioLaunch)
        assert launch.argv[launch.argv.index("--cpus") + 1] == "2"
        assert launch.argv[launch.argv.index("--memory") + 1] == "512m"


async def test_an_image_that_is_missing_is_named_before_a_gateway_pulls_it_unasked(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    with pytest.raises(ImageMissing, match=r"docker pull example/notes:1.*docker_mcp.pull"):
        async with machine.prepare(notes("toolkit", secrets=())):
            pass
    assert machine.files() == []


async def test_an_image_that_is_missing_is_pulled_with_news_where_the_operator_allows_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path, pull=True)
    async with machine.prepare(notes("toolkit", secrets=())):
        assert machine.reported == ["pulling image example/notes:1"]
        assert machine.argv("pull")[-1] == "example/notes:1"


async def test_an_engine_that_cannot_tell_of_images_leaves_it_to_the_gateway(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho 'Error: something else' >&2\nexit 1\n")
    async with machine.prepare(notes("toolkit", secrets=())) as launch:
        assert isinstance(launch, StdioLaunch)
        assert launch.argv[0] == str(program)


async def test_a_remote_server_goes_through_the_gateway_without_an_image(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    entry = {"type": "remote", "image": "", "remote": {"url": "https://tracker.example.com/mcp"}}
    server = Server("tracker", "toolkit", "test", True, kind="remote", entry=entry)
    async with machine.prepare(server) as launch:
        assert isinstance(launch, StdioLaunch)
        assert launch.argv[1:4] == ("mcp", "gateway", "run")


async def test_an_address_that_is_not_public_needs_the_gateways_own_switch(tmp_path: Path) -> None:
    entry = {"type": "remote", "remote": {"url": "http://127.0.0.1:9/mcp"}}
    server = Server("tracker", "toolkit", "test", True, kind="remote", entry=entry)
    (tmp_path / "strict").mkdir()
    with pytest.raises(NotAllowed, match="https"):
        async with Machine(tmp_path / "strict").prepare(server):
            pass
    (tmp_path / "open").mkdir()
    machine = Machine(tmp_path / "open", {"DOCKER_MCP_ALLOW_INSECURE_REMOTE_URLS": "1"})
    async with machine.prepare(server) as launch:
        assert isinstance(launch, StdioLaunch)


@pytest.mark.parametrize("name", ["../evil", "a,b", "-x", "", "a b", "x" * 64])
async def test_a_name_that_cannot_be_a_files_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be a server's name"):
        async with Machine(tmp_path).prepare(Server(name, "toolkit", "test", True)):
            pass


async def test_a_home_that_cannot_be_written_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.has_image()
    (machine.home / ".docker").write_text("a file")
    with pytest.raises(CannotStart, match="cannot be written"):
        async with machine.prepare(notes("toolkit"), {}, {"notes.api_key": "K1"}):
            pass
    assert machine.files() == [machine.home / ".docker"]
