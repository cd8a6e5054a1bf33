"""The README: its tables are current, and every call and every setting works as a new user copies it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import fuseboard_docker_mcp
from fuseboard.testing import PluginHost
from fuseboard_docker_mcp import errors, tools
from fuseboard_docker_mcp.config import DockerMcpSettings
from tests.plugins.docker_mcp.hosted import hosted, text_of, toy
from tests.plugins.docker_mcp.readme_tables import README, fields, written

pytestmark = pytest.mark.slow

TEXT = README.read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = re.findall(r"^fuseboard call (docker_mcp_\w+.*)$", TEXT, re.MULTILINE)
WITHOUT_DOCKER, WITH_TOOLKIT = (text for kind, text in BLOCK.findall(TEXT) if kind == "calls")
OTHER = {"way": "toolkit", "embedded": "never", "secret_store": "keyring", "first_class": "false", "docker": "podman"}


def fuseboard(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fuseboard", *arguments]
    environment = {
        **os.environ,
        "FUSEBOARD_LOAD_PLUGINS": "docker_mcp",
        "FUSEBOARD_DOCKER_MCP_DOCKER": "no-such-program",
        "FUSEBOARD_DOCKER_MCP_STATE_FOLDER": str(folder / "state"),
        "FUSEBOARD_DOCKER_MCP_SECRET_STORE": "file",
    }
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180, check=False
    )


async def _make(calls: str, host: PluginHost) -> list[str]:
    """Make the calls of a block in their order; each must succeed."""
    made = []
    for line in calls.splitlines():
        name, _, arguments = line.partition(" ")
        result = await host.call_tool(name, json.loads(arguments))
        assert not result.is_error, f"{line}: {text_of(result)}"
        assert not (result.structured_content or {}).get("failed"), f"{line}: {text_of(result)}"
        made.append(text_of(result))
    return made


def test_the_tables_are_current() -> None:
    assert written() == TEXT, "run .venv/bin/python -m tests.plugins.docker_mcp.readme_tables"


def test_every_tool_has_a_call_that_can_be_copied() -> None:
    called = {line.split()[0] for line in (*SHELL, *WITHOUT_DOCKER.splitlines(), *WITH_TOOLKIT.splitlines())}
    assert {f"docker_mcp_{name}" for name in tools.__all__} <= called


@pytest.mark.parametrize("call", SHELL, ids=lambda call: shlex.split(call)[0][11:])
def test_every_call_of_the_command_line_works(call: str, tmp_path: Path) -> None:
    done = fuseboard("call", *shlex.split(call), folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[0])
    assert answer.get("servers") or answer.get("tools") or answer.get("started")
    assert not answer.get("failed")


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_first_steps_without_docker_work_in_their_order(mode: str, tmp_path: Path) -> None:
    calls = WITHOUT_DOCKER.replace("/tmp/my-notes.json", str(tmp_path / "my-notes.json"))
    settings = {"way": "auto", "docker": "no-such-program", "embedded": "auto"}
    async with hosted(tmp_path / "state", {}, mode=mode, settings=settings) as host:
        answers = await _make(calls, host)
    assert "Buy milk" in answers[5]
    assert "Buy milk" in (tmp_path / "my-notes.json").read_text()


@pytest.mark.anyio
async def test_the_steps_with_a_toolkit_work_in_their_order(tmp_path: Path) -> None:
    """What they do with a toolkit is proven elsewhere; here a server of the settings has the name."""
    schema = {"type": "object", "properties": {"host": {"type": "string"}}}
    server = toy(secrets={"TOKEN": "github.token"}, config_schema=schema)
    async with hosted(tmp_path, {"github": server}) as host:
        answers = await _make(WITH_TOOLKIT, host)
    assert "your-token" not in str(answers)


def test_the_settings_of_the_page_are_accepted() -> None:
    [text] = [text for kind, text in BLOCK.findall(TEXT) if kind == "yaml"]
    settings = DockerMcpSettings.model_validate(yaml.safe_load(text)["plugins"]["docker_mcp"])
    assert set(settings.servers) == {"files", "tickets", "search"}
    assert settings.autostarted() == ["files"]


def test_the_snippet_for_claude_desktop_names_variables_that_are_read() -> None:
    [snippet] = [text for kind, text in BLOCK.findall(TEXT) if kind == "json"]
    server = json.loads(snippet)["mcpServers"]["fuseboard"]
    assert server["command"].endswith("/fuseboard")
    unknown = [name for name in server["env"] if name != "FUSEBOARD_CONFIG" and f"`{name}`" not in TEXT]
    assert unknown == []


@pytest.mark.parametrize(
    ("name", "variable", "default"),
    [(name, variable, default) for name, variable, default, _ in fields(DockerMcpSettings)],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_every_variable_of_the_table_is_read(
    name: str, variable: str, default: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = OTHER.get(name, "other")
    if isinstance(default, bool):
        text = "false" if default else "true"
    elif isinstance(default, int | float):
        text = str(default + 2**20)
    elif isinstance(default, list):
        text = '["/srv/other"]'
    elif isinstance(default, dict):
        text = '{"other": {"command": "other"}}'
    elif name == "state_folder":
        text = "/srv/other"
    elif name.endswith("memory"):
        text = "512Mb"
    monkeypatch.setenv(variable, text)
    value: Any = DockerMcpSettings()
    for part in name.split("."):
        value = getattr(value, part)
    assert value != default


def test_the_advice_names_codes_that_there_are() -> None:
    codes = {kind.code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "code")}
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", TEXT)) - {"FUSEBOARD_CONFIG"}
    assert {name for name in named if not name.startswith("FUSEBOARD_")} <= codes


def test_a_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT)
    assert [link for link in links if not (README.parent / link).exists()] == []


def test_the_example_for_tests_runs(capsys: pytest.CaptureFixture[str]) -> None:
    [example] = [text for kind, text in BLOCK.findall(TEXT) if kind == "python"]
    exec(example, {})
    assert "v0.4" in (printed := capsys.readouterr().out)
    assert "'PATH'" in printed


def test_the_plugin_says_of_itself_what_the_page_says() -> None:
    assert fuseboard_docker_mcp.instructions(DockerMcpSettings()).count("docker_mcp") >= 1
    for resource in ("docker-mcp://servers", "docker-mcp://servers/{name}", "docker-mcp://metrics"):
        assert f"`{resource}`" in TEXT
