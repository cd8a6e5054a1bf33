"""The keys that seal questions to the user, out of the environment and out of a mounted file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fuseboard.errors import SettingsError
from fuseboard.settings import load_settings
from fuseboard.settings.show import shown_settings
from tests.host.settings.conftest import Write

OLD, NEW, MORE = "o" * 32, "n" * 44, "m" * 32


def complaint() -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return str(caught.value)


def test_keys_of_the_setting_come_before_those_of_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write("keys", f"{NEW}\n\n  {OLD}  \n")
    monkeypatch.setenv("FUSEBOARD_REQUEST_STATE_KEYS_FILE", str(file))
    monkeypatch.setenv("FUSEBOARD_REQUEST_STATE_KEYS", MORE)
    settings = load_settings().settings
    assert [key.get_secret_value() for key in settings.sealing_keys] == [MORE, NEW, OLD]


def test_a_remark_in_the_file_is_no_key_that_anybody_could_guess(write: Write) -> None:
    write("fuseboard.yaml", "request_state_keys_file: keys\n")
    write("keys", f"# The first key seals; exchanged on the first of May.\n{NEW}\n  # Until Monday:\n{OLD}\n")
    assert [key.get_secret_value() for key in load_settings().settings.sealing_keys] == [NEW, OLD]
    write("keys", "# The keys come on the first of May, by the other way.\n")
    assert "has no key" in complaint()


def test_the_file_is_read_at_start_and_not_at_the_first_question(write: Write) -> None:
    file = write("keys", NEW)
    write("fuseboard.yaml", "request_state_keys_file: keys\n")
    settings = load_settings().settings
    file.unlink()
    assert [key.get_secret_value() for key in settings.sealing_keys] == [NEW]


def test_a_file_without_good_keys_is_refused_and_no_key_is_shown(write: Write, tmp_path: Path) -> None:
    write("fuseboard.yaml", "request_state_keys_file: keys\n")
    where = "request_state_keys_file (fuseboard.yaml:1): "
    assert f"{where}cannot be read: No such file" in complaint()
    write("keys", "\n\n")
    assert f"{where}has no key" in complaint()
    write("keys", f"{NEW}\nhunter22\n")
    assert f"{where}the key in line 2 must have at least 32 bytes" in complaint()
    assert "hunter22" not in complaint()
    (tmp_path / "keys").write_bytes(b"\xff" * 40)
    assert f"{where}cannot be read: it is not UTF-8" in complaint()
    (tmp_path / "keys").unlink()
    (tmp_path / "keys").mkdir()
    assert f"{where}cannot be read: it is no regular file" in complaint()
    (tmp_path / "keys").rmdir()
    os.mkfifo(tmp_path / "keys")  # whose end might never come
    assert f"{where}cannot be read: it is no regular file" in complaint()


def test_the_mark_that_editors_on_windows_put_first_is_no_part_of_a_key(write: Write) -> None:
    write("fuseboard.yaml", "request_state_keys_file: keys\n")
    write("keys", f"\ufeff{NEW}\n")
    assert [key.get_secret_value() for key in load_settings().settings.sealing_keys] == [NEW]


def test_what_is_shown_of_the_settings_has_no_key_of_the_file(write: Write) -> None:
    write("keys", NEW)
    write("fuseboard.yaml", "request_state_keys_file: keys\n")
    loaded = load_settings()
    assert NEW not in repr(shown_settings(loaded)) + repr(loaded.settings)
