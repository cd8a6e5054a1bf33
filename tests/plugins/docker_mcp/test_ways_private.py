"""Private folders: who can read them, and what becomes of those that a killed process left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fuseboard_docker_mcp.errors import CannotStart
from fuseboard_docker_mcp.ways.private import LEFT_ALONE, private_folder

HOLDER = """
import sys
from pathlib import Path
from fuseboard_docker_mcp.ways.private import private_folder
with private_folder(Path(sys.argv[1]), "notes") as folder:
    folder.write("notes.env", "secret")
    folder.write_outside(Path(sys.argv[2]), "outside")
    print("ready", flush=True)
    sys.stdin.read()
"""


def make_old(folder: Path) -> None:
    for path in folder.iterdir():
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - LEFT_ALONE - 1))


def test_what_a_killed_process_left_is_removed_by_the_next_start_and_what_a_living_one_uses_is_not(
    tmp_path: Path,
) -> None:
    state, outside = tmp_path / "state", tmp_path / "home" / "notes.yaml"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state), str(outside)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"ready\n"
            make_old(state / "run")
            with private_folder(state, "other"):
                assert [path.name for path in (state / "run").rglob("notes.env")] == ["notes.env"]
                assert outside.exists()
        finally:
            holder.kill()
            holder.wait(timeout=60)
    assert outside.exists()
    with private_folder(state, "other"):
        assert list((state / "run").rglob("notes.env")) == []
        assert not outside.exists()
    assert list((state / "run").iterdir()) == []


def test_a_folder_that_is_just_being_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run" / "notes-x").mkdir(parents=True)
    with private_folder(tmp_path, "other"):
        assert (tmp_path / "run" / "notes-x").exists()


def test_links_and_files_among_the_folders_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "link").symlink_to(tmp_path / "precious")
    (tmp_path / "run" / "file").touch()
    os.utime(tmp_path / "run" / "file", (0, 0))
    os.utime(tmp_path / "run" / "link", (0, 0), follow_symlinks=False)
    with private_folder(tmp_path, "other"):
        pass
    assert (tmp_path / "precious" / "file").exists()


def test_a_file_has_its_mode_from_the_start_and_no_half_of_it_is_seen(tmp_path: Path) -> None:
    with private_folder(tmp_path, "notes") as folder:
        plain = folder.write("a", "x" * 100_000)
        program = folder.write("b", "#!/bin/sh\n", mode=0o700)
        assert plain.stat().st_mode & 0o777 == 0o600
        assert program.stat().st_mode & 0o777 == 0o700
        assert folder.path.stat().st_mode & 0o777 == 0o700
        assert sorted(path.name for path in folder.path.iterdir()) == ["a", "b", "lock"]


@pytest.mark.parametrize("name", ["a,b", "a:b", 'a"b'])
def test_a_state_folder_that_docker_would_take_for_several_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CannotStart, match="separates paths"), private_folder(tmp_path / name, "notes"):
        pass
    assert list((tmp_path / name / "run").iterdir()) == []


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(CannotStart, match="no private folder"), private_folder(tmp_path / "state", "notes"):
        pass
