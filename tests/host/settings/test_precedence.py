"""Command line > environment > .env > fuseboard.yaml > defaults, and each value knows its source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fuseboard.settings import HostSettings, load_settings

Write = Callable[[str, str], Path]


def test_without_any_source_all_settings_are_defaults() -> None:
    loaded = load_settings()
    assert loaded.settings == HostSettings()
    assert loaded.settings.fuse("oci").call_timeout == 60
    assert loaded.source(("http", "port")) == "default"


def test_each_source_beats_those_below_it_and_is_named(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("fuseboard.yaml", "http:\n  port: 1\n  host: file\n  max_sessions: 4\n")
    write(".env", "FUSEBOARD_HTTP__PORT=2\nFUSEBOARD_HTTP__HOST=dotenv\n")
    monkeypatch.setenv("FUSEBOARD_HTTP__PORT", "3")
    loaded = load_settings()
    http = loaded.settings.http
    assert (http.port, http.host, http.max_sessions) == (3, "dotenv", 4)
    assert loaded.source(("http", "port")) == "environment FUSEBOARD_HTTP__PORT"
    assert loaded.source(("http", "host")) == ".env FUSEBOARD_HTTP__HOST"
    assert loaded.source(("http", "max_sessions")) == "fuseboard.yaml:4"

    loaded = load_settings(overrides={"http": {"port": 4}})
    assert loaded.settings.http.port == 4
    assert loaded.source(("http", "port")) == "command line"


def test_the_env_file_of_the_working_directory_beats_the_one_beside_the_yaml_file(write: Write) -> None:
    config = write("etc/board.yaml", "log: {level: error}\n")
    write("etc/.env", "FUSEBOARD_HTTP__PORT=1\nFUSEBOARD_HTTP__HOST=beside\n")
    write(".env", "FUSEBOARD_HTTP__PORT=2\n")
    loaded = load_settings(config=config)
    assert (loaded.settings.http.port, loaded.settings.http.host) == (2, "beside")
    assert loaded.source(("http", "host")) == "etc/.env FUSEBOARD_HTTP__HOST"


def test_the_file_is_the_named_one_else_that_of_the_environment_else_the_one_here(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("fuseboard.yaml", "http: {port: 1}\n")
    assert load_settings().settings.http.port == 1
    monkeypatch.setenv("FUSEBOARD_CONFIG", str(write("two.yaml", "http: {port: 2}\n")))
    assert load_settings().settings.http.port == 2
    assert load_settings(config=write("three.yaml", "http: {port: 3}\n")).settings.http.port == 3


def test_an_empty_load_list_means_none_and_an_absent_one_means_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().settings.load_plugins is None
    monkeypatch.setenv("FUSEBOARD_LOAD_PLUGINS", "")
    assert load_settings().settings.load_plugins == []
    monkeypatch.setenv("FUSEBOARD_LOAD_PLUGINS", "oci, cloudru,")
    assert load_settings().settings.load_plugins == ["oci", "cloudru"]


def test_lists_in_the_environment_may_be_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEBOARD_ACCESS__DENY", '["a,b_*", "c"]')
    assert load_settings().settings.access.deny == ["a,b_*", "c"]


def test_blocking_on_the_command_line_adds_to_what_is_blocked_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEBOARD_BLOCK_PLUGINS", "one")
    loaded = load_settings(overrides={"block_plugins": ["two"]})
    assert loaded.settings.block_plugins == ["one", "two"]
    assert loaded.source(("block_plugins",)) == "environment FUSEBOARD_BLOCK_PLUGINS and command line"


def test_the_environment_reaches_into_the_settings_of_one_fuse(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("fuseboard.yaml", "fuses: {oci: {max_calls: 3, prefix: ''}}\n")
    monkeypatch.setenv("FUSEBOARD_FUSES__OCI__CALL_TIMEOUT", "2.5")
    fuse = load_settings().settings.fuse("oci")
    assert (fuse.max_calls, fuse.call_timeout, fuse.prefix) == (3, 2.5, "")


def test_empty_sections_of_the_file_change_nothing(write: Write) -> None:
    write("fuseboard.yaml", "http:\nfuses:\nplugins: {oci: }\nlog: {level: }\n")
    assert load_settings().settings == HostSettings()


def test_an_empty_file_is_a_file_without_settings(write: Write) -> None:
    write("fuseboard.yaml", "# nothing yet\n")
    assert load_settings().settings == HostSettings()


def test_settings_made_in_code_read_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEBOARD_HTTP__PORT", "1")
    assert HostSettings().http.port == 8000
