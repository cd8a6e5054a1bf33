"""The log's file: rotation, a disk that is full, a second process, a path that is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fuseboard.logs.log_file import LARGEST, LogFile
from tests.host.cli.running import Cli
from tests.host.logs.reading import JsonHttpProcess, lines_of, wait_for_call, wait_until
from tests.host.transports.toys import Toybox


def test_after_six_rotations_five_older_files_are_kept_and_each_line_is_whole(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "host.log", pytest.fail)
    count = 7 * LARGEST // 200_000
    for number in range(count):
        file.write(json.dumps({"number": number, "text": "x" * 200_000}))
    file.close()
    kept = [tmp_path / "host.log", *(tmp_path / f"host.log.{number}" for number in range(1, 6))]
    assert sorted(tmp_path.glob("host.log*")) == sorted([*kept, tmp_path / "host.log.lock"])
    assert all(path.stat().st_size <= LARGEST for path in kept)
    numbers = [json.loads(line)["number"] for path in reversed(kept) for line in path.read_text().splitlines()]
    assert numbers == list(range(numbers[0], count))
    assert numbers[0] > 0


def test_a_full_disk_is_told_once_and_writing_goes_on_when_there_is_room(tmp_path: Path) -> None:
    told: list[str] = []
    path = tmp_path / "host.log"
    file = LogFile(path, told.append)
    file.write("first")
    path.unlink()
    path.symlink_to("/dev/full")
    file.close()
    for _ in range(3):
        file.write("lost")
    path.unlink()
    path.write_text("torn")
    file.write("second")
    file.write("third")
    file.close()
    assert path.read_text() == "torn\nsecond\nthird\n"
    assert told == [f"the log file {path} cannot be written: No space left on device"]


@pytest.mark.skipif(os.name == "nt", reason="Windows lets nobody move a file that is open")
def test_a_file_that_somebody_moves_or_removes_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuseboard.logs.log_file.LOOK_EVERY", 0)
    path = tmp_path / "host.log"
    file = LogFile(path, pytest.fail)
    file.write("first")
    path.rename(tmp_path / "moved")
    file.write("second")
    assert ((tmp_path / "moved").read_text(), path.read_text()) == ("first\n", "second\n")
    path.unlink()
    file.write("third")
    assert path.read_text() == "third\n"
    file.close()


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_file_is_refused_before_it_keeps_the_start_waiting(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "host.log"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/null")
    with pytest.raises(OSError, match="it is no file"):
        LogFile(path, pytest.fail)
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_gets_the_same_lines_and_a_second_process_leaves_it_alone(toys: Toybox) -> None:
    path = toys.folder / "host.log"
    toys.settings = {"FUSEBOARD_LOG__FORMAT": "json", "FUSEBOARD_LOG__FILE": str(path)}
    with JsonHttpProcess(toys) as served:
        served.ready()
        served.modern("tools/call", name="toy_echo", arguments={"text": "hi"})
        wait_for_call(served, "ok")
        with JsonHttpProcess(toys) as second:
            second.ready()
            second.modern("tools/call", name="toy_echo", arguments={"text": "second"})
            wait_for_call(second, "ok")
            warning = lines_of(second)[0]
        wait_until(lambda: path.read_text() == served.errors())
    assert warning["level"] == "warning"
    assert "another process writes" in warning["message"]


def test_a_file_that_cannot_be_opened_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    ran = Cli(tmp_path)("http", "--port", "0", FUSEBOARD_LOG__FILE="missing/host.log")
    assert ran.code == 2
    assert ran.err == (
        "fuseboard: log.file (environment FUSEBOARD_LOG__FILE): missing/host.log cannot be opened: No such file or "
        "directory; make its directory or choose another file\n"
    )
