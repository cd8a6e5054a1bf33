"""Standard error that takes a line only in part, or not at all, and then again."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from fuseboard.logs.sink import Sink
from fuseboard.logs.standard_error import MOST_WAITING, StandardError

LONG = 30.0
"""Seconds after which the rest of a line would come also without anybody's doing."""


def test_a_line_that_a_full_disk_has_cut_off_does_not_run_into_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, room = tmp_path / "errors", [16]

    def write_with_little_room(descriptor: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        written = write(descriptor, data[: room[0]])
        room[0] -= written
        return written

    write = os.write
    with path.open("w") as file:
        monkeypatch.setattr(sys, "stderr", file)
        error = StandardError(str)
        monkeypatch.setattr(os, "write", write_with_little_room)
        for number in range(4):
            error.write(f"the line {number}")
        room[0] = 1000
        error.write("the line 4")
        error.write("the line 5")
    assert path.read_text().splitlines() == [
        "the line 0",
        "the l",
        "the line 4",
        "3 lines of the log were dropped: standard error did not take them",
        "the line 5",
    ]


def test_the_rest_of_a_line_that_fills_the_pipe_comes_without_a_next_line(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with open(writer, "w") as file, open(reader, "rb") as pipe:
        monkeypatch.setattr(sys, "stderr", file)
        sink = Sink("text")
        sink.write("x" * 200_000)
        sink.write("the last")
        watchdog = threading.Timer(LONG, sink.flush)
        watchdog.start()
        begun = time.monotonic()
        assert (pipe.readline(), pipe.readline()) == (b"x" * 200_000 + b"\n", b"the last\n")
        watchdog.cancel()
    assert time.monotonic() - begun < LONG


def test_a_line_that_is_longer_than_what_may_wait_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "errors").open("w") as file:
        monkeypatch.setattr(sys, "stderr", file)
        StandardError(str).write("x" * (MOST_WAITING + 1))
    assert (tmp_path / "errors").read_text() == "x" * (MOST_WAITING + 1) + "\n"
