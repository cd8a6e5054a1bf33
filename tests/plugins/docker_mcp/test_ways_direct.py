"""The way without Docker: commands and addresses of the settings."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from fuseboard_docker_mcp.config import ServerSettings
from fuseboard_docker_mcp.errors import CannotStart, MissingSecret, WrongConfiguration
from fuseboard_docker_mcp.models import HttpLaunch, SecretSpec, Server, StdioLaunch
from tests.plugins.docker_mcp.ways_docker import Machine, run

pytestmark = pytest.mark.anyio

RECORD = "import json, os, sys; json.dump([sys.argv[2:], dict(os.environ), os.getcwd()], open(sys.argv[1], 'w'))"


def server_of(settings: ServerSettings) -> Server:
    return Server(
        name="lab",
        way="direct",
        source="settings",
        installed=True,
        kind="http" if settings.url else "stdio",
        url=settings.url,
        secrets=tuple(SecretSpec(name, variable) for variable, name in settings.secrets.items()),
        entry=settings.model_dump(),
        protocol=settings.protocol,
    )


async def test_a_command_gets_its_arguments_its_folder_and_a_small_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_PLUGINS_KEY", "x")
    monkeypatch.setenv("LANG", "C.UTF-8")
    (tmp_path / "work").mkdir()
    settings = ServerSettings(
        command=sys.executable,
        args=["-I", "-c", RECORD, str(tmp_path / "seen"), "--url={{url}}", "{{tags}}", "$TOKEN", "{{nothing}}"],
        env={"LEVEL": "{{level}}", "PLAIN": "a$b", "TOKEN": "of the settings"},
        cwd=tmp_path / "work",
        secrets={"TOKEN": "lab.token", "EMPTY": "lab.empty"},
        protocol="2026-07-28",
    )
    config = {"url": "http://x", "tags": ["a", 1], "level": 3}
    async with Machine(tmp_path).prepare(server_of(settings), config, {"lab.token": "T1", "lab.empty": ""}) as launch:
        assert isinstance(launch, StdioLaunch)
        assert (launch.protocol, launch.label, launch.needs_tools) == ("2026-07-28", None, False)
        assert launch.secrets == {"T1"}
        assert "T1" not in " ".join(launch.argv)
        run(launch)
    argv, env, folder = json.loads((tmp_path / "seen").read_text())
    assert argv == ["--url=http://x", "a", "1", "$TOKEN", ""]
    assert folder == str(tmp_path / "work")
    assert (env["LEVEL"], env["PLAIN"], env["TOKEN"], env["LANG"]) == ("3", "a$b", "T1", "C.UTF-8")
    assert not {"OTHER_PLUGINS_KEY", "EMPTY"} & set(env)
    assert "PATH" in env


async def test_a_bare_name_is_found_on_the_path_that_the_program_will_have(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "lab-server"
    program.write_text("#!/bin/sh\n")
    settings = ServerSettings(command="lab-server", env={"PATH": str(tmp_path / "bin")})
    with pytest.raises(CannotStart, match=r"'lab-server' is not on the PATH.*servers\.lab\.command"):
        async with Machine(tmp_path).prepare(server_of(settings)):
            pass
    program.chmod(0o755)
    async with Machine(tmp_path / "bin").prepare(server_of(settings)) as launch:
        assert isinstance(launch, StdioLaunch)
        assert launch.argv == (str(program),)


async def test_a_relative_path_is_meant_from_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "server").write_text("#!/bin/sh\n")
    (tmp_path / "server").chmod(0o755)
    settings = ServerSettings(command="./server", cwd=tmp_path)
    async with Machine(tmp_path).prepare(server_of(settings)) as launch:
        assert isinstance(launch, StdioLaunch)
        assert launch.argv == (str(tmp_path / "server"),)


@pytest.mark.parametrize("command", ["/nowhere/server", "./missing", "no-such-program-here", "a\tb"])
async def test_a_program_that_is_missing_is_named(tmp_path: Path, command: str) -> None:
    with pytest.raises(CannotStart, match=r"lab: the program .* is not"):
        async with Machine(tmp_path).prepare(server_of(ServerSettings(command=command))):
            pass


async def test_a_working_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    settings = ServerSettings(command=sys.executable, cwd=tmp_path / "missing")
    with pytest.raises(CannotStart, match="working directory"):
        async with Machine(tmp_path).prepare(server_of(settings)):
            pass


async def test_a_secret_that_is_not_stored_is_named(tmp_path: Path) -> None:
    settings = ServerSettings(command=sys.executable, secrets={"TOKEN": "lab.token"})
    with pytest.raises(MissingSecret, match=r"lab needs lab\.token"):
        async with Machine(tmp_path).prepare(server_of(settings)):
            pass


async def test_a_secret_that_no_environment_can_hold_is_refused_without_being_shown(tmp_path: Path) -> None:
    settings = ServerSettings(command=sys.executable, secrets={"TOKEN": "lab.token"})
    with pytest.raises(WrongConfiguration, match=r"TOKEN.*NUL") as refused:
        async with Machine(tmp_path).prepare(server_of(settings), {}, {"lab.token": "very\0secret"}):
            pass
    assert "very" not in refused.value.text


async def test_an_address_of_the_settings_may_be_private_and_carries_secrets_in_headers(tmp_path: Path) -> None:
    settings = ServerSettings(
        url="http://127.0.0.1:8080/{{tenant}}/mcp?team={{team}}",
        transport="sse",
        headers={
            "Authorization": SecretStr("Bearer ${TOKEN}"),
            "X-Key": SecretStr("literal$ecret"),
            "X-No": SecretStr("${NO}"),
        },
        secrets={"TOKEN": "lab.token", "NO": "lab.no"},
    )
    secrets = {"lab.token": "T1", "lab.no": ""}
    async with Machine(tmp_path).prepare(server_of(settings), {"tenant": "a b", "team": "x&y=z"}, secrets) as launch:
        assert isinstance(launch, HttpLaunch)
        assert launch.url == "http://127.0.0.1:8080/a%20b/mcp?team=x%26y%3Dz"
        assert launch.headers == {"Authorization": "Bearer T1", "X-Key": "literal$ecret"}
        assert launch.transport == "sse"
        assert {"T1", "literal$ecret"} <= launch.secrets


@pytest.mark.parametrize(
    ("url", "value"),
    [
        ("https://api.example.com/{{x}}/mcp", ".."),
        ("https://api.example.com/{{x}}", ".."),
        ("https://{{x}}/mcp", "evil.example/a"),
        ("https://{{x}}/mcp", "user@evil.example"),
        ("https://{{x}}/mcp", ""),
        ("https://{{x}}/mcp", "a b"),
        ("https://api.example.com{{x}}", "/path"),
        ("https://api.example.com{{x}}", "@evil.example"),
    ],
)
async def test_a_value_cannot_lead_an_address_elsewhere(tmp_path: Path, url: str, value: str) -> None:
    with pytest.raises(WrongConfiguration, match="no http"):
        async with Machine(tmp_path).prepare(server_of(ServerSettings(url=url)), {"x": value}):
            pass


@pytest.mark.parametrize("value", ["../../admin", "a/b", "?x=y", "#x", "\u00e9", "%2e%2e"])
async def test_a_value_in_a_path_stays_one_part_of_it(tmp_path: Path, value: str) -> None:
    settings = ServerSettings(url="https://api.example.com/{{x}}/mcp")
    async with Machine(tmp_path).prepare(server_of(settings), {"x": value}) as launch:
        assert isinstance(launch, HttpLaunch)
        path = launch.url.removeprefix("https://api.example.com/")
        assert path.count("/") == 1
        assert not {"?", "#"} & set(path)


async def test_a_host_may_be_configured_where_the_operator_wrote_so(tmp_path: Path) -> None:
    settings = ServerSettings(url="http://{{host}}:{{port}}/mcp")
    async with Machine(tmp_path).prepare(server_of(settings), {"host": "lab.local", "port": 8080}) as launch:
        assert isinstance(launch, HttpLaunch)
        assert launch.url == "http://lab.local:8080/mcp"


@pytest.mark.parametrize(
    ("headers", "secret", "said"),
    [
        ({"A": "${NOBODY}"}, "T1", r"wants \$\{NOBODY\}"),
        ({"A": "${TOKEN}"}, "very\r\nX-Evil: secret", "characters that HTTP cannot carry"),
        ({"A": "${TOKEN}"}, "very secret \u00e9", "characters that HTTP cannot carry"),
        ({"A b": "x"}, "T1", "characters that HTTP cannot carry"),
    ],
)
async def test_a_header_that_cannot_be_sent_is_named_without_its_value(
    tmp_path: Path, headers: dict[str, Any], secret: str, said: str
) -> None:
    settings = ServerSettings(url="https://x.example/mcp", headers=headers, secrets={"TOKEN": "lab.token"})
    with pytest.raises(WrongConfiguration, match=said) as refused:
        async with Machine(tmp_path).prepare(server_of(settings), {}, {"lab.token": secret}):
            pass
    assert "very" not in refused.value.text
