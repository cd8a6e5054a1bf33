"""A private file: two processes lose nothing, and what goes wrong leaves the old content."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fuseboard_docker_mcp.errors import SecretStoreFailed
from fuseboard_docker_mcp.stores.private_file import PrivateFile


def test_two_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    program = """
import sys, pathlib
from fuseboard_docker_mcp.errors import SecretStoreFailed
from fuseboard_docker_mcp.stores.private_file import PrivateFile
file = PrivateFile(pathlib.Path(sys.argv[1]), SecretStoreFailed, lock_seconds=60)
print("ready", flush=True)
sys.stdin.readline()
for number in range(25):
    with file.changing() as content:
        content[f"{sys.argv[2]}.{number}"] = "v" * 1000
"""
    path = tmp_path / "state" / "secrets.json"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for name in "xy"
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    assert sorted(PrivateFile(path, SecretStoreFailed).read()) == sorted(
        f"{name}.{number}" for name in "xy" for number in range(25)
    )
    assert sorted(each.name for each in path.parent.iterdir()) == ["secrets.json", "secrets.json.lock"]


def test_a_lock_that_is_never_given_back_is_told_after_its_time(tmp_path: Path) -> None:
    file = PrivateFile(tmp_path / "secrets.json", SecretStoreFailed, lock_seconds=0.05)
    lock = os.open(tmp_path / "secrets.json.lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        with pytest.raises(SecretStoreFailed, match=r"another process has held .* for 0\.05 s"), file.changing():
            pass
    finally:
        os.close(lock)


def test_an_interrupted_change_leaves_the_old_content(tmp_path: Path) -> None:
    file = PrivateFile(tmp_path / "secrets.json", SecretStoreFailed)
    with file.changing() as content:
        content["a"] = "old"

    def interrupted() -> None:
        with file.changing() as content:
            content["a"] = "new"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert file.read() == {"a": "old"}
    before = (tmp_path / "secrets.json").stat().st_mtime_ns
    with file.changing() as content:
        content["a"] = "old"
    assert (tmp_path / "secrets.json").stat().st_mtime_ns == before, "no change, no write"


def test_a_disk_that_takes_nothing_leaves_the_old_secrets_and_no_half_written_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = PrivateFile(tmp_path / "secrets.json", SecretStoreFailed)
    with file.changing() as content:
        content["a"] = "old"

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(SecretStoreFailed, match=r"json: No space left on device"), file.changing() as content:
            content["a"] = "new"
    assert file.read() == {"a": "old"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secrets.json", "secrets.json.lock"]


def test_a_secret_that_would_make_the_file_too_large_is_refused(tmp_path: Path) -> None:
    file = PrivateFile(tmp_path / "secrets.json", SecretStoreFailed)
    with pytest.raises(SecretStoreFailed, match="would become larger than"), file.changing() as content:
        content["a"] = "x" * (17 * 2**20)
    assert file.read() == {}
