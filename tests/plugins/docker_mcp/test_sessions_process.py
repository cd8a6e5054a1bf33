"""The last words of a server, and the end of its process."""

from __future__ import annotations

import os
import sys

import anyio
import pytest

from fuseboard_docker_mcp.models import StdioLaunch
from fuseboard_docker_mcp.sessions import process as process_module
from fuseboard_docker_mcp.sessions.guardian import Guardian
from fuseboard_docker_mcp.sessions.process import Process
from fuseboard_docker_mcp.sessions.tail import KEPT, Tail
from tests.plugins.docker_mcp.processes import PATIENCE, no_leak

pytestmark = pytest.mark.anyio


def test_last_words_are_bounded_also_without_newlines() -> None:
    tail = Tail()
    for _ in range(100):
        tail.add(b"x" * KEPT)
    assert sum(map(len, tail.lines())) <= KEPT
    assert len(tail.lines()) == 1


def test_last_words_are_printable_lines_without_secrets() -> None:
    tail = Tail({"hunter22"})
    tail.add(b"\x1b[31mred\x1b[0m\r\n\n  key hun")
    tail.add("ter22 and hun\x00ter22 \u202e\n".encode() + b"\xff\rlast")
    assert tail.lines() == ["[31mred[0m", "key *** and ***", "\ufffd", "last"]


def test_half_a_secret_at_the_cut_is_not_shown() -> None:
    tail = Tail({"hunter22"})
    tail.add(b"hunter22" * (KEPT // 4) + b"end")
    (line,) = tail.lines()
    assert "2" not in line
    tail.add(b"\nlast")
    assert tail.lines() == ["last"]


async def test_a_process_is_stopped_at_once_when_it_listens_to_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody waits for so long: it ends by the first request, and its end is seen when it comes.
    monkeypatch.setattr(process_module, "KILL_AFTER", 10 * PATIENCE)
    launch = StdioLaunch((sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"), dict(os.environ))
    with anyio.fail_after(PATIENCE):
        guardian = Guardian()
        guardian.ready()
        with no_leak():
            process = Process(launch, 2**16, guardian)
            await process.stop()
            await process.stop()
            assert process.exit_code == -15
            assert process.own_exit_code is None
        guardian.close()


async def test_lines_come_whole_however_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "OWN_END", PATIENCE)
    program = (
        "import sys, time\n"
        "for part in (b'one\\ntw', b'o\\n', b'x' * 100_000, b'\\n\\nlast'):\n"
        "    sys.stdout.buffer.write(part); sys.stdout.flush(); time.sleep(0.01)\n"
    )
    launch = StdioLaunch((sys.executable, "-I", "-S", "-c", program), dict(os.environ))
    with anyio.fail_after(PATIENCE):
        guardian = Guardian()
        process = Process(launch, 2**17, guardian)
        lines = [line async for line in process.lines()]
        await process.stop(by_itself=True)
        guardian.close()
    assert lines == [b"one", b"two", b"x" * 100_000, b""]
    assert process.own_exit_code == 0
