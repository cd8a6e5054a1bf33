"""The way through the engine alone: the arguments and the environment of `docker run`, entry by entry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fuseboard_docker_mcp.errors import ImageMissing, NoDocker, NotAllowed, WrongConfiguration
from fuseboard_docker_mcp.models import HttpLaunch, SecretSpec, Server, StdioLaunch
from fuseboard_docker_mcp.ways import prepared
from tests.plugins.docker_mcp.ways_docker import LABEL, Machine, notes, run, text

pytestmark = pytest.mark.anyio

FLAGS = [
    *("run", "--rm", "-i", "--init", "--security-opt", "no-new-privileges", "--cpus", "1", "--memory", "2Gb"),
    *("--pull", "never", "-l", "docker-mcp=true", "-l", "docker-mcp-tool-type=mcp", "-l", "docker-mcp-name=notes"),
    *("-l", "docker-mcp-transport=stdio", "-l", LABEL),
]


async def started(
    machine: Machine, server: Server, config: dict[str, Any] | None = None, secrets: dict[str, str] | None = None
) -> tuple[list[str], dict[str, str]]:
    """What `docker run` got after the flags that are always there, and its environment."""
    machine.has_image()
    async with machine.prepare(server, config, secrets) as launch:
        run(launch)
        argv = machine.argv("run")
        assert argv[: len(FLAGS)] == FLAGS
    return argv[len(FLAGS) :], machine.env("run")


async def test_an_image_alone_is_run_with_the_flags_of_a_gateway(tmp_path: Path) -> None:
    argv, env = await started(Machine(tmp_path, {"DOCKER_HOST": "tcp://e", "OTHER": "x"}), notes(secrets=()))
    assert argv == ["example/notes:1"]
    assert env["DOCKER_HOST"] == "tcp://e"
    assert "OTHER" not in env


async def test_everything_that_an_entry_says_comes_in_order(tmp_path: Path) -> None:
    server = notes(
        env=[
            {"name": "URL", "value": "{{notes.url}}"},
            {"name": "AUTH", "value": "key=$API_KEY url=${URL}"},
            {"name": "GONE", "value": "$NOBODY"},
            {"name": "PORT", "value": 8080},
        ],
        volumes=[f"{tmp_path}/data:/data", "--privileged", "cache:/cache", ""],
        user="{{notes.user}}",
        extraHosts=["host.docker.internal:host-gateway", "-x", ""],
        disableNetwork=True,
        command=["--url", "{{notes.url}}", "{{notes.tags|into}}", "--port=$PORT", "{{notes.nothing}}"],
    )
    (tmp_path / "data").mkdir()
    config = {"url": "http://notes.local", "user": "1000:1000", "tags": ["a", "b"]}
    argv, env = await started(Machine(tmp_path), server, config, {"notes.api_key": "K1"})
    assert argv == [
        *("--network", "none", "-e", "API_KEY", "-e", "URL", "-e", "AUTH", "-e", "PORT"),
        *("-v", f"{tmp_path}/data:/data:ro", "-v", "cache:/cache", "-u", "1000:1000"),
        *("--add-host", "host.docker.internal:host-gateway", "example/notes:1"),
        *("--url", "http://notes.local", "a", "b", "--port=8080", ""),
    ]
    assert env["API_KEY"] == "K1"
    assert env["AUTH"] == "key=K1 url=http://notes.local"
    assert (env["URL"], env["PORT"]) == ("http://notes.local", "8080")
    assert "GONE" not in env


async def test_no_secret_is_in_an_argument(tmp_path: Path) -> None:
    server = notes(env=[{"name": "AUTH", "value": "Bearer $API_KEY"}, {"name": "PATH", "value": "/x:$API_KEY"}])
    argv, _ = await started(Machine(tmp_path), server, {}, {"notes.api_key": "K1-very-secret"})
    assert "K1-very-secret" not in " ".join(argv)


async def test_a_variable_that_docker_does_not_heed_is_named_in_the_arguments(tmp_path: Path) -> None:
    argv, env = await started(
        Machine(tmp_path),
        notes(secrets=("github_token", "google_key", "ldap_url")),
        {},
        {"notes.github_token": "G1", "notes.google_key": "G2", "notes.ldap_url": "L1"},
    )
    assert argv == ["-e", "GITHUB_TOKEN", "-e", "GOOGLE_KEY", "-e", "LDAP_URL", "example/notes:1"]
    assert (env["GITHUB_TOKEN"], env["GOOGLE_KEY"], env["LDAP_URL"]) == ("G1", "G2", "L1")


async def test_a_secret_may_have_several_lines_and_is_handed_on_as_it_is(tmp_path: Path) -> None:
    _, env = await started(Machine(tmp_path), notes(), {}, {"notes.api_key": "-----BEGIN\nKEY é=\n-----END\n"})
    assert env["API_KEY"] == "-----BEGIN\nKEY é=\n-----END\n"


async def test_an_empty_secret_drops_its_variable(tmp_path: Path) -> None:
    argv, env = await started(Machine(tmp_path), notes(), {}, {"notes.api_key": ""})
    assert argv == ["example/notes:1"]
    assert "API_KEY" not in env


@pytest.mark.parametrize("item", ["$API_KEY", "--key=${API_KEY}", "$AUTH", "{{notes.trick}}"])
async def test_a_secret_that_is_wanted_on_the_command_line_is_refused(tmp_path: Path, item: str) -> None:
    machine = Machine(tmp_path)
    machine.has_image()
    server = notes(command=[item], env=[{"name": "AUTH", "value": "Bearer $API_KEY"}])
    with pytest.raises(NotAllowed, match=r"notes wants the secret .* on its command line") as refused:
        async with machine.prepare(server, {"trick": "$API_KEY"}, {"notes.api_key": "K1-very-secret"}):
            pass
    assert "K1-very-secret" not in refused.value.text


@pytest.mark.parametrize(
    "name",
    ["PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "LD_PRELOAD", "https_proxy", "GODEBUG", "SSH_AUTH_SOCK", "LANG"],
)
async def test_a_variable_that_docker_itself_would_heed_reaches_the_container_in_a_file(
    tmp_path: Path, name: str
) -> None:
    machine = Machine(tmp_path, {"DOCKER_HOST": "tcp://mine"})
    machine.has_image()
    async with machine.prepare(notes(secrets=(), env=[{"name": name, "value": "of=the #server"}])) as launch:
        run(launch)
        argv = machine.argv("run")
        assert text(argv[argv.index("--env-file") + 1]) == f"{name}=of=the #server\n"
        assert "-e" not in argv
    assert machine.env("run").get(name) != "of=the #server"
    assert machine.env("run")["DOCKER_HOST"] == "tcp://mine"
    assert machine.files() == []


async def test_a_file_of_variables_holds_one_line_each_so_several_are_refused(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.has_image()
    with pytest.raises(WrongConfiguration, match="variable PATH has several lines"):
        async with machine.prepare(notes(secrets=(), env=[{"name": "PATH", "value": "a\nDOCKER_HOST=b"}])):
            pass
    assert machine.files() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("env", "text"), ("env", [1]), ("env", [{"name": "A=B", "value": "x"}]), ("env", [{"value": "x"}])),
        *(("env", [{"name": "A", "value": ["x"]}]), ("command", "text"), ("command", [{}]), ("volumes", {"a": "b"})),
        *(("user", ["root"]), ("extraHosts", "a:b"), ("command", ["a\0b"])),
    ],
)
async def test_an_entry_with_other_types_is_a_named_error(tmp_path: Path, field: str, value: Any) -> None:
    machine = Machine(tmp_path)
    machine.has_image()
    with pytest.raises(WrongConfiguration):
        async with machine.prepare(notes(secrets=(), **{field: value})):
            pass


@pytest.mark.parametrize("image", ["--privileged", "-v/:/x", "a b", "a\nb", "$(id)"])
async def test_an_image_that_would_be_an_option_is_refused(tmp_path: Path, image: str) -> None:
    for way in ("engine", "toolkit"):
        folder = tmp_path / way
        folder.mkdir()
        with pytest.raises(NotAllowed, match="no name of one"):
            async with Machine(folder).prepare(notes(way, secrets=(), image=image)):
                pass


@pytest.mark.parametrize("user", ["--privileged", "-u0"])
async def test_a_user_that_would_be_an_option_is_left_out(tmp_path: Path, user: str) -> None:
    argv, _ = await started(Machine(tmp_path), notes(secrets=(), user="{{notes.user}}"), {"user": user})
    assert argv == ["example/notes:1"]


async def test_limits_come_from_the_settings(tmp_path: Path) -> None:
    machine = Machine(tmp_path, cpus=0.5, memory="256m")
    machine.has_image()
    async with machine.prepare(notes(secrets=())) as launch:
        assert isinstance(launch, StdioLaunch)
        assert launch.argv[7:11] == ("--cpus", "0.5", "--memory", "256m")


@pytest.mark.parametrize("entry", [{"type": "poci"}, {"image": ""}])
async def test_what_is_no_server_in_one_container_needs_the_toolkit(tmp_path: Path, entry: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed, match=r"MCP Toolkit.*install"):
        async with Machine(tmp_path).prepare(notes(secrets=(), **entry)):
            pass


async def test_an_image_that_is_missing_is_pulled_only_where_the_operator_allows_it(tmp_path: Path) -> None:
    (tmp_path / "no").mkdir()
    with pytest.raises(ImageMissing, match="docker pull example/notes:1"):
        async with Machine(tmp_path / "no").prepare(notes(secrets=())):
            pass
    (tmp_path / "yes").mkdir()
    machine = Machine(tmp_path / "yes", pull=True)
    async with machine.prepare(notes(secrets=())) as launch:
        run(launch)
    assert machine.reported == ["pulling image example/notes:1"]
    assert "--pull" in machine.argv("run")


async def test_a_remote_entry_becomes_an_address_with_its_secret_in_the_header(tmp_path: Path) -> None:
    remote = {
        "url": "https://tracker.example.com/sse",
        "transport_type": "sse",
        "headers": {"Authorization": "Bearer ${TRACKER_TOKEN}", "X-Client": "docker", "X-Price": "5$"},
    }
    server = Server(
        "tracker",
        "engine",
        "test",
        True,
        kind="remote",
        secrets=(SecretSpec("tracker.token", "TRACKER_TOKEN"),),
        entry={"type": "remote", "image": "", "remote": remote},
    )
    async with Machine(tmp_path).prepare(server, {}, {"tracker.token": "T1"}) as launch:
        assert launch == HttpLaunch(
            url="https://tracker.example.com/sse",
            headers={"Authorization": "Bearer T1", "X-Client": "docker", "X-Price": "5$"},
            transport="sse",
            secrets=frozenset(["T1"]),
        )


@pytest.mark.parametrize(
    ("kind", "transport"),
    [
        ("streamable-http", "streamable-http"),
        ("http", "streamable-http"),
        ("streaming", "streamable-http"),
        ("sse", "sse"),
    ],
)
async def test_each_transport_of_a_catalogue_is_known(tmp_path: Path, kind: str, transport: str) -> None:
    entry = {"remote": {"url": "https://tracker.example.com/mcp", "transport_type": kind}}
    async with Machine(tmp_path).prepare(Server("tracker", "engine", "test", True, entry=entry)) as launch:
        assert isinstance(launch, HttpLaunch)
        assert launch.transport == transport


@pytest.mark.parametrize(
    "remote", [{"transport_type": "carrier-pigeon"}, {"headers": ["x"]}, {"headers": {"A": "${NOBODY}"}}]
)
async def test_a_remote_entry_that_cannot_be_used_is_a_named_error(tmp_path: Path, remote: dict[str, Any]) -> None:
    entry = {"remote": {"url": "https://tracker.example.com/mcp", **remote}}
    with pytest.raises(WrongConfiguration):
        async with Machine(tmp_path).prepare(Server("tracker", "engine", "test", True, entry=entry)):
            pass


async def test_without_docker_a_container_is_a_named_error(tmp_path: Path) -> None:
    machine = Machine(tmp_path)

    async def report(sentence: str) -> None:
        raise AssertionError(sentence)

    with pytest.raises(NoDocker, match="notes runs in a container"):
        async with prepared(
            notes(secrets=()),
            config={},
            secrets={},
            settings=machine.settings,
            docker=None,
            label=LABEL,
            report=report,
        ):
            pass
