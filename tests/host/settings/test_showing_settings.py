"""`config show`: every value with its source, and nothing secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from fuseboard.settings import load_settings
from fuseboard.settings.show import holds_secret, looks_secret, masked, shown_settings

Write = Callable[[str, str], Path]


def test_values_come_with_their_sources_and_secrets_are_masked(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        "fuseboard.yaml",
        """\
        request_state_keys: [01234567890123456789012345678901]
        fuses: {oci: {max_calls: 3}}
        plugins:
          oci:
            registries:
              home: {password: hunter22, url: "https://me:hunter22@host/x"}
        """.replace("[0", "['0").replace("1]", "1']"),
    )
    monkeypatch.setenv("FUSEBOARD_PLUGINS__CLOUDRU__SECRET", "hunter22")
    rows = {row.name: (row.value, row.source) for row in shown_settings(load_settings())}
    assert rows["request_state_keys"] == (["***"], "fuseboard.yaml:1")
    assert rows["fuses.oci.max_calls"] == (3, "fuseboard.yaml:2")
    assert rows["fuses.oci.max_queue"] == (256, "default")
    assert rows["plugins.oci.registries.home.password"] == ("***", "fuseboard.yaml:6")
    assert rows["plugins.oci.registries.home.url"] == ("https://***@host/x", "fuseboard.yaml:6")
    assert rows["plugins.cloudru.secret"] == ("***", "environment FUSEBOARD_PLUGINS__CLOUDRU__SECRET")
    assert "hunter22" not in str(rows)


@pytest.mark.parametrize(
    "name", ["password", "api_key", "apiKey", "TOKEN", "key", "key_id", "headers", "auth", "secret2"]
)
def test_names_of_secrets_are_known(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize("name", ["url", "keyboard", "author", "monkey", "path", "spin", "compat"])
def test_harmless_names_are_shown(name: str) -> None:
    assert not looks_secret(name)


def test_raw_values_are_masked_at_any_depth() -> None:
    raw = {"servers": [{"tokens": ["a"], "args": ["Authorization: Bearer abc"]}], "secret": {"a": 1}, "on": True}
    assert masked(raw) == {
        "servers": [{"tokens": "***", "args": ["Authorization: Bearer ***"]}],
        "secret": "***",
        "on": True,
    }


def test_secret_types_are_found_inside_others() -> None:
    assert holds_secret(list[SecretStr])
    assert holds_secret(dict[str, SecretStr | None])
    assert not holds_secret(list[str])
