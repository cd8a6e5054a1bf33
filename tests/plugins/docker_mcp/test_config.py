"""The settings: defaults, each environment name, what is refused, and that no secret is shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fuseboard.errors import PluginFailure
from fuseboard.settings import fill_plugin_settings, load_settings
from fuseboard_docker_mcp.config import DockerMcpSettings, ServerSettings


def filled() -> DockerMcpSettings:
    settings = fill_plugin_settings("docker_mcp", DockerMcpSettings, load_settings())
    assert isinstance(settings, DockerMcpSettings)
    return settings


def at(settings: Any, path: str) -> Any:
    for part in path.split("."):
        settings = settings[part] if isinstance(settings, dict) else getattr(settings, part)
    return settings


def test_the_defaults_are_those_of_the_documented_file() -> None:
    settings = filled()
    assert (settings.cache.servers_ttl, settings.cache.tools_ttl) == (300, 600)
    assert (settings.docker_mcp.catalog, settings.docker_mcp.command_timeout) == ("docker-mcp", 30)
    proxy = settings.proxy
    assert (proxy.connection_pool_size, proxy.connection_timeout, proxy.reconnect_attempts) == (10, 30, 3)
    assert (settings.docker, settings.way, settings.embedded, settings.secret_store) == ("docker", *["auto"] * 3)
    assert settings.servers == {}
    assert settings.first_class is True
    assert settings.docker_mcp.allow_catalog_servers is False
    assert settings.docker_mcp.pull is False
    assert settings.docker_mcp.bind_mounts == settings.docker_mcp.writable_mounts == []


@pytest.mark.parametrize(
    ("variable", "text", "path", "value"),
    [
        ("DOCKER", "/opt/docker", "docker", "/opt/docker"),
        ("WAY", "engine", "way", "engine"),
        ("CACHE__SERVERS_TTL", "0", "cache.servers_ttl", 0),
        ("CACHE__TOOLS_TTL", "1.5", "cache.tools_ttl", 1.5),
        ("DOCKER_MCP__CATALOG", "lab", "docker_mcp.catalog", "lab"),
        ("DOCKER_MCP__COMMAND_TIMEOUT", "5", "docker_mcp.command_timeout", 5),
        ("DOCKER_MCP__PROFILE", "dev", "docker_mcp.profile", "dev"),
        ("DOCKER_MCP__CATALOG_FILES", '["/a.yaml"]', "docker_mcp.catalog_files", [Path("/a.yaml")]),
        ("DOCKER_MCP__ALLOW_CATALOG_SERVERS", "true", "docker_mcp.allow_catalog_servers", True),
        ("DOCKER_MCP__PULL", "1", "docker_mcp.pull", True),
        ("DOCKER_MCP__PULL_TIMEOUT", "60", "docker_mcp.pull_timeout", 60),
        ("DOCKER_MCP__BIND_MOUNTS", '["/srv"]', "docker_mcp.bind_mounts", [Path("/srv")]),
        ("DOCKER_MCP__WRITABLE_MOUNTS", '["/srv/w"]', "docker_mcp.writable_mounts", [Path("/srv/w")]),
        ("DOCKER_MCP__CPUS", "0.5", "docker_mcp.cpus", 0.5),
        ("DOCKER_MCP__MEMORY", "512m", "docker_mcp.memory", "512m"),
        ("PROXY__CONNECTION_POOL_SIZE", "20", "proxy.connection_pool_size", 20),
        ("PROXY__CONNECTION_TIMEOUT", "3", "proxy.connection_timeout", 3),
        ("PROXY__RECONNECT_ATTEMPTS", "0", "proxy.reconnect_attempts", 0),
        ("PROXY__RECONNECT_DELAY", "0", "proxy.reconnect_delay", 0),
        ("PROXY__CALL_TIMEOUT", "7", "proxy.call_timeout", 7),
        ("PROXY__ASK_TIMEOUT", "9", "proxy.ask_timeout", 9),
        ("PROXY__MESSAGE_BYTES", "65536", "proxy.message_bytes", 65536),
        ("SERVERS", '{"lab": {"command": "lab"}}', "servers.lab.command", "lab"),
        ("SERVERS__lab__URL", "http://127.0.0.1/mcp", "servers.lab.url", "http://127.0.0.1/mcp"),
        ("EMBEDDED", "never", "embedded", "never"),
        ("FIRST_CLASS", "false", "first_class", False),
        ("FIRST_CLASS", '["lab"]', "first_class", ["lab"]),
        ("SECRET_STORE", "file", "secret_store", "file"),
        ("STATE_FOLDER", "/var/lib/lab", "state_folder", Path("/var/lib/lab")),
    ],
)
def test_each_setting_has_a_name_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, path: str, value: Any
) -> None:
    monkeypatch.setenv(f"FUSEBOARD_DOCKER_MCP_{variable}", text)
    assert at(filled(), path) == value


def test_each_setting_is_tried_above() -> None:
    marks = test_each_setting_has_a_name_in_the_environment.pytestmark  # type: ignore[attr-defined] # set by pytest
    tried = {path for _, _, path, _ in marks[0].args[1]}
    sections = {"cache", "docker_mcp", "proxy"}
    every = {name for name in DockerMcpSettings.model_fields if name not in sections}
    for section in sections:
        every |= {f"{section}.{name}" for name in type(getattr(DockerMcpSettings(), section)).model_fields}
    assert every - tried == {"servers"}, "its fields belong to one server each"


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"way": "ssh"}, "way"),
        ({"unknown": 1}, "unknown"),
        ({"docker": ""}, "docker"),
        ({"cache": {"servers_ttl": -1}}, "servers_ttl"),
        ({"proxy": {"connection_pool_size": 0}}, "connection_pool_size"),
        ({"proxy": {"message_bytes": 10}}, "message_bytes"),
        ({"docker_mcp": {"memory": "much"}}, "memory"),
        ({"docker_mcp": {"memory": "2Gb --privileged"}}, "memory"),
        ({"docker_mcp": {"profile": "../x"}}, "must begin with a letter or digit"),
        ({"docker_mcp": {"cpus": 0}}, "cpus"),
        ({"servers": {"-x": {"command": "a"}}}, "must begin with a letter or digit"),
        ({"servers": {"a/b": {"command": "a"}}}, "must begin with a letter or digit"),
        ({"servers": {"a" * 64: {"command": "a"}}}, "at most 63"),
        ({"servers": {"a": {}}}, "needs either command or url"),
        ({"servers": {"a": {"command": "a", "url": "http://h/"}}}, "needs either command or url"),
        ({"servers": {"a": {"url": "http://h/", "args": ["x"]}}}, "args, env and cwd belong to a command"),
        ({"servers": {"a": {"url": "http://h/", "cwd": "/"}}}, "args, env and cwd belong to a command"),
        ({"servers": {"a": {"command": "a", "headers": {"X": "hunter2"}}}}, "headers belong to a url"),
        ({"servers": {"a": {"url": "ftp://h/"}}}, "url must be"),
        ({"servers": {"a": {"url": "http://user:hunter2@h/"}}}, "without a login in it"),
        ({"servers": {"a": {"url": "http://h/#hunter2"}}}, "url must be"),
        ({"servers": {"a": {"command": "a", "env": {"A=B": "hunter2"}}}}, "no name of an environment variable"),
        ({"servers": {"a": {"command": "a", "secrets": {"1A": "lab.key"}}}}, "no name of an environment variable"),
        ({"servers": {"a": {"command": "a", "config_schema": {"type": "hunter2"}}}}, "is no JSON Schema: type breaks"),
        ({"servers": {"a": {"command": "a", "config_schema": {"properties": ["hunter2"]}}}}, "is no JSON Schema"),
        ({"servers": {"a": {"command": "a", "env": "hunter2"}}}, "env"),
        ({"servers": {"a": {"url": "http://h/", "headers": {"X": ["hunter2"]}}}}, "headers"),
        ({"first_class": ["-hunter2-"]}, "first_class"),
    ],
)
def test_what_is_wrong_is_refused_by_name_without_a_value(section: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as caught:
        DockerMcpSettings.model_validate(section)
    assert "hunter2" not in str(caught.value) + repr(caught.value)


def test_an_error_names_its_variable_and_not_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEBOARD_DOCKER_MCP_SERVERS", '{"lab": {"url": "http://u:hunter2@h/"}}')
    monkeypatch.setenv("FUSEBOARD_DOCKER_MCP_PROXY__CALL_TIMEOUT", "hunter2")
    with pytest.raises(PluginFailure) as caught:
        filled()
    assert "FUSEBOARD_DOCKER_MCP_PROXY" in caught.value.reason
    assert "call_timeout" in caught.value.reason
    assert "hunter2" not in caught.value.reason


def test_headers_are_shown_to_nobody_until_they_are_used() -> None:
    server = ServerSettings.model_validate({"url": "https://h/mcp", "headers": {"Authorization": "Bearer hunter2"}})
    settings = DockerMcpSettings.model_validate({"servers": {"lab": server.model_dump()}})
    assert "hunter2" not in repr(settings) + str(settings.model_dump()) + settings.model_dump_json()
    shown = {name: value.get_secret_value() for name, value in settings.servers["lab"].headers.items()}
    assert shown == {"Authorization": "Bearer hunter2"}


def test_a_servers_own_choice_beats_the_plugins() -> None:
    settings = DockerMcpSettings.model_validate({"first_class": ["a"]})
    assert settings.is_first_class("a", None)
    assert not settings.is_first_class("b", None)
    assert settings.is_first_class("b", True)
    assert not settings.is_first_class("a", False)
    assert not DockerMcpSettings.model_validate({"first_class": False}).is_first_class("a", None)


def test_the_servers_that_start_with_the_host_are_told() -> None:
    servers = {"a": {"command": "a", "autostart": True}, "b": {"command": "b"}}
    assert DockerMcpSettings.model_validate({"servers": servers}).autostarted() == ["a"]


def test_the_state_folder_is_absolute_and_below_the_users_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert filled().state_folder == tmp_path / "fuseboard" / "docker_mcp"
    assert DockerMcpSettings.model_validate({"state_folder": "~/x"}).state_folder == tmp_path / "home" / "x"
    monkeypatch.chdir(tmp_path)
    assert DockerMcpSettings.model_validate({"state_folder": "x"}).state_folder == tmp_path / "x"


def test_the_settings_import_nothing_heavy() -> None:
    """Every start of the host pays for what this module imports."""
    program = (
        "import sys, fuseboard_docker_mcp.config\n"
        "print([name for name in ('jsonschema', 'keyring') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=180, check=True)
    assert done.stdout.strip() == "[]"
